"""The page that steers, in a browser, with a run that takes its orders up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from evolve.dashboard.asked import address
from evolve.domain.questions import Page
from evolve.domain.steering import Hint, Inject, Veto
from evolve.store.sql import SqlStore
from tests.dashboard.browser import Tab
from tests.dashboard.dashboards import EVIL, LIVE, Scene, running_scene, write_run
from tests.live_run import until

_LOG = "(document.querySelector('[aria-label=\"Orders\"]')?.innerText ?? '')"
_FORCE = "(document.querySelector('[aria-label=\"In force\"]')?.innerText ?? '')"


@pytest.fixture(scope="module")
def steered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A scene of its own: its run must work."""
    with running_scene(tmp_path_factory.mktemp("steered")) as found:
        until(lambda: len(_valid(found)) > 3, "the run has programs")
        yield found


def _valid(scene: Scene) -> list[int]:
    """Return the valid programs of the run that works, the best first; none before it has begun."""
    with closing(SqlStore(scene.store)) as store:
        runs = [info for info in store.questions().runs() if info.id == LIVE and info.objectives]
        return [row.step for info in runs for row in store.questions().page(info.id, Page("value"))]


def _open(steered: Scene, tab: Tab, run: str = LIVE) -> None:
    tab.open(f"{steered.url}{address('/steer', 0, run)}")
    tab.until("!!document.querySelector('textarea.mono') || !!document.querySelector('.said.bad')", "the form is there")


def test_a_program_is_injected_and_becomes_an_attempt(steered: Scene, tab: Tab) -> None:
    _open(steered, tab)
    text = tab.evaluate("document.querySelector('textarea.mono').value")
    tab.fill("Its text", text.replace("# EVOLVE-BLOCK-START", "import os\n# EVOLVE-BLOCK-START"))
    tab.click("button.main", "Inject")
    tab.until_text("This is no program for")
    tab.fill("Its text", "# EVOLVE-BLOCK-START\ndef value():\n    return 77.25\n# EVOLVE-BLOCK-END\n")
    tab.fill("What it is, in a sentence", "mine")
    tab.click("button.main", "Inject")
    tab.until(f"/attempt \\d+ mine/.test({_LOG}) && {_LOG}.includes('in effect')", "it became an attempt")
    step = int(tab.evaluate(f"{_LOG}.match(/attempt (\\d+) mine/)[1]"))
    with closing(SqlStore(steered.store)) as store:
        assert "77.25" in store.program(LIVE, step).files["program.py"]


def test_programs_are_pinned_vetoed_and_weighed(steered: Scene, tab: Tab) -> None:
    _open(steered, tab)
    tab.fill("Attempt", "0")
    tab.click(".panel button", "Pin")
    tab.until(f"/pinned\\s+0/.test({_FORCE})", "it is pinned")
    tab.click(".panel button", "Unpin")
    tab.until(f"!{_FORCE}.includes('pinned')", "it is not pinned any more")
    tab.fill("Weight of value", "2")
    tab.click(".panel button", "Weigh")
    tab.until(f"{_FORCE}.includes('the weighted sum 2 × value')", "it is weighed")
    tab.click(".panel button", "By all objectives again")
    tab.until(f"{_FORCE}.includes('all objectives')", "all objectives count again")
    best = _valid(steered)[0]
    tab.fill("Attempt", str(best))
    tab.evaluate("document.querySelector('input[type=checkbox]').click()")
    tab.click(".panel button", "Veto")
    tab.until(f"{_FORCE}.includes('{best} and what descends from it')", "it is vetoed with its descendants")


@pytest.mark.parametrize(
    ("label", "text", "button", "words"),
    [
        ("Attempt", "99999", "Pin", "has no program 99999"),
        ("Attempt", "x", "Veto", "found 'x'"),
        ("Attempt", "0", "Unpin", "is not pinned"),
        ("Text of the hint", "look", "Give the hint", "asks no model"),
        ("Weight of value", "much", "Weigh", "Weight of value: expected a number"),
    ],
)
def test_what_cannot_be_followed_is_refused_in_words(
    steered: Scene, tab: Tab, label: str, text: str, button: str, words: str
) -> None:
    _open(steered, tab)
    tab.fill(label, text)
    tab.click(".panel button", button)
    tab.until_text(words)


def test_hints_wait_for_a_run_that_nobody_works_on(steered: Scene, tab: Tab, tmp_path: Path) -> None:
    with closing(SqlStore(steered.store)) as store:
        write_run(store, "asks", store.run("tame").objectives, "p", llm={"_target_": "a.Model"})
    _open(steered, tab, "asks")
    tab.fill("Text of the hint", EVIL)
    tab.fill("For how many attempts (all, if empty)", "20")
    tab.click(".panel button", "Give the hint")
    tab.until(f"{_LOG}.includes('for 20 attempts: ') && {_LOG}.includes('waiting')", "the hint waits")
    assert not tab.hacked()
    tab.click(".panel button", "Take back")
    tab.until(f"{_LOG}.includes('all hints')", "it is taken back")
    tab.click(".panel button", "Take back")
    tab.until_text("It has none")


def test_what_people_ordered_is_text(steered: Scene, tab: Tab) -> None:
    with closing(SqlStore(steered.store)) as store:
        for order in (Hint(EVIL), Inject({"program.py": EVIL}, EVIL), Veto(3)):
            store.order(EVIL, order)
    _open(steered, tab, EVIL)
    tab.until(f"{_LOG}.includes('<img src=x')", "the orders are listed")
    assert not tab.hacked()
