"""The page that compares runs, in a browser."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from evolve.dashboard.asked import address
from evolve.domain.objective import Direction, Objective
from evolve.store.sql import SqlStore
from tests.dashboard.browser import Tab
from tests.dashboard.dashboards import EVIL, SCORE, Scene, dashboard, write_run

_GROUPS = "document.querySelector('[aria-label=\"Groups\"]').innerText"


def test_seeds_are_put_together_and_runs_are_left_out(tmp_path: Path, tab: Tab) -> None:
    store = f"sqlite:///{tmp_path}/e.db"
    aims = (Objective(SCORE, Direction.MAXIMIZE), Objective("size", Direction.MINIMIZE))
    with closing(SqlStore(store)) as opened:
        for seed in (1, 2):
            write_run(opened, f"slow-{seed}", aims, "p", seed=seed, search={"patience": 5})
            write_run(opened, f"quick-{seed}", aims, "p", seed=seed, search={"patience": 1})
    with dashboard(tmp_path, "--store", store) as url:
        tab.open(f"{url}{address('/compare')}")
        tab.until_text("4 runs in 2 groups")
        tab.until_charts()
        for words in ("search.patience=1", "search.patience=5", "59 ± 0", "no difference told"):
            tab.until(f"{_GROUPS}.includes('{words}')", words)
        tab.click("button.small", "Leave out")
        tab.until_text("3 runs in 2 groups")
        tab.until_text("an interval takes two runs of each")
        tab.click("button.small", "Take in")
        tab.until_text("4 runs in 2 groups")
        tab.fill("Only runs named", "slow")
        tab.until_text("2 runs in 1 groups")
        tab.fill("Objective", "1")
        tab.until_text("size (minimize)")
        tab.click(".switch button", "over time")
        tab.until_text("seconds since it was begun")


def test_names_of_runs_and_problems_are_text(scene: Scene, tab: Tab) -> None:
    tab.open(f"{scene.url}{address('/compare', problem=EVIL)}")
    tab.until_text("1 runs in 1 groups")
    tab.until_charts()
    assert EVIL in tab.evaluate("document.querySelector('[aria-label=\"Runs\"]').textContent")
    assert not tab.hacked()
