"""What the dashboard costs: questions, first paint, and the run that is looked at.

::

    python -m tests.dashboard.measure [--store URL --run ID] [--seconds 20]

Without ``--store`` questions and paint are left out; `evolve bench store --db URL --programs N` makes a long run.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np

from evolve import wiring
from evolve.dashboard.asked import address
from evolve.dashboard.views import archive, overview, work
from evolve.domain.evaluation import Outcome
from evolve.domain.questions import Page
from evolve.interfaces import Store
from tests.dashboard.browser import Browser, chromium
from tests.dashboard.dashboards import dashboard
from tests.live_run import LiveRun, write_problem

_ROUNDS = 20
_PATHS = ("/run", "/archive", "/work", "/programs", "/events")
_LIVE = "live"
_BEHIND = ("nice", "-n", "19")
"""Usually the browser is on another machine: here it gets what the run leaves."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store")
    parser.add_argument("--run", default="long")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each of six periods of the live run")
    told = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, chromium(Path(folder) / "chromium", *_BEHIND) as browser:
        if told.store:
            _questions(told.store, told.run)
            _paint(browser, Path(folder), told.store, told.run)
        _live(browser, Path(folder), told.seconds)


# ── questions ─────────────────────────────────────────────────────────────────────────────────
def _questions(url: str, run: str) -> None:
    with closing(wiring.open_existing(url)) as store:
        print(f"questions about {store.questions().status(run).finished:,} attempts")
        for name, ask in _asked(store, run).items():
            times = [_timed(ask) for _ in range(_ROUNDS)]
            print(f"  {name}: p95 {np.percentile(times, 95):.1f} ms, median {np.median(times):.1f} ms")


def _asked(store: Store, run: str) -> dict[str, Callable[[], object]]:
    questions = store.questions()
    lead = questions.run(run).objectives[0].name
    return {
        "all runs": questions.runs,
        "a run": lambda: questions.run(run),
        "status": lambda: questions.status(run),
        "tallies": lambda: questions.tallies(run),
        "curve": lambda: questions.curve(run, lead, overview.POINTS),
        "sample of the overview": lambda: questions.sample(run, overview.DOTS),
        "sample of the archive": lambda: questions.sample(run, archive.SAMPLE),
        "cells": lambda: questions.cells(run, archive.CELLS),
        "the best": lambda: questions.page(run, Page(by=lead)),
        "the latest": lambda: questions.page(run, Page()),
        "placed": lambda: questions.page(run, Page(placed=True)),
        "crashed": lambda: questions.page(run, Page(outcome=Outcome.CRASHED)),
        "of one operator": lambda: questions.page(run, Page(operator="tune")),
        "far back": lambda: questions.page(run, Page(skip=50_000)),
        "prompts": lambda: questions.bred(run, Page(limit=work.BRED)),
        "events": lambda: store.events(run),
    }


def _timed(ask: Callable[[], object]) -> float:
    began = time.perf_counter()
    ask()
    return 1000 * (time.perf_counter() - began)


# ── first paint ───────────────────────────────────────────────────────────────────────────────
def _paint(browser: Browser, folder: Path, url: str, run: str) -> None:
    (folder / "paint").mkdir()
    print("first contentful paint, assets in the browser's cache but for the first visit")
    with dashboard(folder / "paint", "--store", url) as here:
        for path in ("/", *_PATHS):
            where = here + (address(path, 0, run) if path != "/" else path)
            times = list(_paints(browser, where))
            print(f"  {path}: p95 {np.percentile(times[1:], 95):.0f} ms, median {np.median(times[1:]):.0f} ms")


def _paints(browser: Browser, where: str) -> Iterator[float]:
    for _ in range(_ROUNDS + 1):
        with browser.tab() as tab:
            tab.look(1440)
            tab.open(where)
            yield float(tab.until("performance.getEntriesByName('first-contentful-paint')[0]?.startTime", "a paint"))


# ── the run that is looked at ─────────────────────────────────────────────────────────────────
def _live(browser: Browser, folder: Path, seconds: float) -> None:
    """Compare periods of one run in which a browser looks with those between, in which none does."""
    url = f"sqlite:///{folder}/live.db"
    problem = write_problem(folder / "problem")
    settings = ["executor.width=1", "noise=off", "sealed=false", "budget.wall_s=3600", "params.pause_s=0.02"]
    begin = ["run", f"problem={problem}", f"store.url={url}", f"run={_LIVE}", *settings, "-q"]
    (folder / "ui").mkdir()
    live = LiveRun(folder / "run", begin)
    try:
        time.sleep(5.0)
        with dashboard(folder / "ui", "--store", url) as here:
            looked, alone = _periods(browser, url, here + address("/run", 0, _LIVE), seconds)
    finally:
        live.kill()
    print(f"throughput looked at {np.mean(looked):.1f}/s, alone {np.mean(alone):.1f}/s")
    pairs = [round(a / b, 3) for a, b in zip(looked, alone, strict=True)]
    print(f"  ratio {np.mean(looked) / np.mean(alone):.3f}, of pairs {pairs}")


def _periods(browser: Browser, url: str, where: str, seconds: float) -> tuple[list[float], list[float]]:
    looked, alone = [], []
    for _ in range(3):
        with browser.tab() as tab:
            tab.look(1440)
            tab.open(where)
            tab.until_charts()
            looked.append(_rate(url, seconds))
        time.sleep(1.0)
        alone.append(_rate(url, seconds))
    return looked, alone


def _rate(url: str, seconds: float) -> float:
    with closing(wiring.open_existing(url)) as store:
        before, began = store.questions().status(_LIVE).finished, time.monotonic()
        time.sleep(seconds)
        return (store.questions().status(_LIVE).finished - before) / (time.monotonic() - began)


if __name__ == "__main__":
    main()
