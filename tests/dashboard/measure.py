"""What the dashboard costs: questions, first paint, and the run that is looked at.

::

    python -m tests.dashboard.measure [--store URL --run ID] [--seconds 10] [--pairs 8]

Without ``--store`` questions and paint are left out; `evolve bench store --db URL --programs N` makes a long run.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from pathlib import Path

import numpy as np

from evolve import wiring
from evolve.dashboard.asked import address
from evolve.dashboard.views import archive, attempt, overview, work
from evolve.domain.evaluation import Outcome
from evolve.domain.program import SEED_STEP
from evolve.domain.questions import Page
from evolve.domain.spread import Spread
from evolve.interfaces import Store
from tests.dashboard.browser import Browser, chromium
from tests.dashboard.dashboards import dashboard
from tests.dashboard.onlooker import kept_open
from tests.live_run import LiveRun, write_problem

_ROUNDS = 20
_PATHS = ("/compare", "/run", "/archive", "/work", "/programs", "/lineage", "/program", "/steer", "/events")
_LIVE = "live"
_SETTLING_S = 15.0
_TERMS = "\n".join(f"    total += math.sin({0.1 * n + 0.05:.2f} * total + {0.37 * n + 0.11:.2f})" for n in range(24))
_PROGRAM = f"""import math

# EVOLVE-BLOCK-START
def value():
    total = 0.5
{_TERMS}
    return total
# EVOLVE-BLOCK-END
"""
"""So much to change that there are always programs to be judged which nobody made before."""
_BEHIND = ("nice", "-n", "19")
"""Usually the browser is on another machine: here it gets what the run leaves."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store")
    parser.add_argument("--run", default="long")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each period of the live run")
    parser.add_argument("--pairs", type=int, default=8, help="of periods, for each way to look; 0 leaves them out")
    told = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, chromium(Path(folder) / "chromium", *_BEHIND) as browser:
        if told.store:
            _questions(told.store, told.run)
            _paint(browser, Path(folder), told.store, told.run)
        if told.pairs:
            _live(browser, Path(folder), told.seconds, told.pairs)


# ── questions ─────────────────────────────────────────────────────────────────────────────────
def _questions(url: str, run: str) -> None:
    with closing(wiring.open_existing(url)) as store:
        print(f"questions about {store.questions().status(run).finished:,} attempts")
        for name, ask in _asked(store, run).items():
            times = [_timed(ask) for _ in range(_ROUNDS)]
            print(f"  {name}: p95 {np.percentile(times, 95):.1f} ms, median {np.median(times):.1f} ms")


def _asked(store: Store, run: str) -> dict[str, Callable[[], object]]:
    questions, best = store.questions(), _best(store, run)
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
        "lineage": lambda: questions.lineage(run, best),
        "children": lambda: questions.children(run, best, attempt.CHILDREN),
        "children of the seed": lambda: questions.children(run, SEED_STEP, attempt.CHILDREN),
        "a program": lambda: store.program(run, best),
        "all of an attempt": lambda: list(store.entries(run, range(best, best + 1))),
        "prompts": lambda: questions.bred(run, Page(limit=work.BRED)),
        "events": lambda: store.events(run),
    }


def _best(store: Store, run: str) -> int:
    lead = store.questions().run(run).objectives[0].name
    return store.questions().page(run, Page(by=lead, limit=1))[0].step


def _timed(ask: Callable[[], object]) -> float:
    began = time.perf_counter()
    ask()
    return 1000 * (time.perf_counter() - began)


# ── first paint ───────────────────────────────────────────────────────────────────────────────
def _paint(browser: Browser, folder: Path, url: str, run: str) -> None:
    (folder / "paint").mkdir()
    with closing(wiring.open_existing(url)) as store:
        best = _best(store, run)
    print("first contentful paint, assets in the browser's cache but for the first visit")
    with dashboard(folder / "paint", "--store", url) as here:
        for path in ("/", *_PATHS):
            where = here + (address(path, 0, run, step=best if path == "/program" else None) if path != "/" else path)
            times = list(_paints(browser, where))
            print(f"  {path}: p95 {np.percentile(times[1:], 95):.0f} ms, median {np.median(times[1:]):.0f} ms")


def _paints(browser: Browser, where: str) -> Iterator[float]:
    for _ in range(_ROUNDS + 1):
        with browser.tab() as tab:
            tab.look(1440)
            tab.open(where)
            yield float(tab.until("performance.getEntriesByName('first-contentful-paint')[0]?.startTime", "a paint"))


# ── the run that is looked at ─────────────────────────────────────────────────────────────────
def _live(browser: Browser, folder: Path, seconds: float, pairs: int) -> None:
    """Compare periods of one run in which somebody looks with periods beside them in which nobody does."""
    url = f"sqlite:///{folder}/live.db"
    problem = write_problem(folder / "problem")
    (problem / "seed" / "program.py").write_text(_PROGRAM)
    settings = ["executor.width=1", "noise=off", "sealed=false", "budget.wall_s=3600", "params.pause_s=0.02"]
    begin = ["run", f"problem={problem}", f"store.url={url}", f"run={_LIVE}", *settings, "-q"]
    (folder / "ui").mkdir()
    live = LiveRun(folder / "run", begin)
    try:
        time.sleep(_SETTLING_S)
        with dashboard(folder / "ui", "--store", url) as here:
            where = here + address("/run", 0, _LIVE)
            for name, look in (
                ("kept open", lambda: kept_open(where)),
                ("in Chromium", lambda: _drawn(browser, where)),
            ):
                ratios = [_ratio(url, look, seconds, first=number % 2 == 0) for number in range(pairs)]
                spread = Spread.of(ratios)
                print(f"throughput, a page {name} over none: {spread.mean:.3f} ± {spread.half_width:.3f} {ratios}")
    finally:
        live.kill()


@contextmanager
def _drawn(browser: Browser, where: str) -> Iterator[None]:
    with browser.tab() as tab:
        tab.look(1440)
        tab.open(where)
        tab.until_charts()
        yield


def _ratio(url: str, look: Callable[[], AbstractContextManager[object]], seconds: float, *, first: bool) -> float:
    """Return the rate while somebody looks over the rate while nobody does; ``first`` looks first."""
    rates = {}
    for looking in (first, not first):
        with look() if looking else nullcontext():
            time.sleep(1.0)
            rates[looking] = _rate(url, seconds)
    return round(rates[True] / rates[False], 3)


def _rate(url: str, seconds: float) -> float:
    """Return judged programs a second."""
    with closing(wiring.open_existing(url)) as store:
        before, began = store.questions().status(_LIVE).judged, time.monotonic()
        time.sleep(seconds)
        return (store.questions().status(_LIVE).judged - before) / (time.monotonic() - began)


if __name__ == "__main__":
    main()
