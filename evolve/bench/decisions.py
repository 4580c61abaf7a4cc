"""What deciding costs as a run grows: time of an ask and a tell, rebuilding after a resume, memory.

Attempts are made up: a program is a point, a child is a point near its parent's, scores are distances from fixed
points. So records fall ever more rarely and never cease, with two objectives the front grows without end, and
nothing but the deciding takes time. Times are the processor's, so that other work on the machine does not count.
"""

from __future__ import annotations

import gc
import math
import time
import tracemalloc
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from evolve import configuration, problem_library, wiring
from evolve.bench.search_race import located
from evolve.catalogue import options
from evolve.controller.decisions import Decisions, Ended, scored_of
from evolve.controller.exhibits import Exhibits
from evolve.domain.causes import Cause
from evolve.domain.evaluation import Evaluation, Outcome
from evolve.domain.problem import Problem
from evolve.domain.program import AUTOMATIC, SEED_STEP, Program
from evolve.domain.proposal import LESSONS_PER_STEP, REPEATS, Choice, Lesson, LessonKind, Selected, Usage
from evolve.interfaces import Search
from evolve.store.memory import MemoryStore

MARKS = (1_000, 10_000, 100_000, 1_000_000)
REBUILT = 100_000
"""Programs after which a search is built again and its memory is taken."""
CONTROLLER = "controller"
"""The name of the row of everything that decides: search, operators, lessons and memory."""
_WINDOW = 500
_DIMENSIONS = 6
_STEP = 0.1
_FAILING = 0.2
_BLOCK = 4096
_DRAWN = {"distill": LessonKind.INSIGHT, "meta_prompt": LessonKind.INSTRUCTION}

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Setting:
    """What the made-up attempts look like: the problem whose objectives and features they have, and how many
    instances their judge tells apart."""

    name: str
    problem: str
    instances: int = 0


FOR_ALL = Setting("1 objective", "regression")
SPECIAL = {
    Setting("2 objectives", "two_goals"): ("portfolio", "nsga2"),
    Setting("8 instances", "regression", 8): ("portfolio", "gepa", "funsearch"),
}
"""Settings of which only some searches make a difference."""


@dataclass(frozen=True, slots=True)
class Cost:
    """One row: what one decision takes around the ``programs``-th, and what so many take together.

    Args:
        decider: an option of conf/search behind ``noise=auto``, or CONTROLLER.
        setting: name of a Setting.
        median_ms, p95_ms: processor time of an ask and a tell, of the last 500 before.
        wall_ms: median of the same by the clock on the wall.
        kept: programs in the archives, counted once for each place. ``front``: on the Pareto front.
        rebuild_s: processor time of telling all attempts to a fresh one; None where it was not measured.
        bytes_per_program: what it holds then, over the number of attempts.
    """

    decider: str
    setting: str
    programs: int
    median_ms: float
    p95_ms: float
    wall_ms: float
    kept: int
    front: int
    rebuild_s: float | None = None
    bytes_per_program: float | None = None


# ── made-up attempts ──────────────────────────────────────────────────────────────────────────
class World:
    """What becomes of attempts; the same for the same (seed, step, parent).

    Args:
        problem, instances: of the Setting.
        programs: how many there may be.
        seed: of all that is drawn.
    """

    def __init__(self, problem: Problem, instances: int, programs: int, seed: int = 0) -> None:
        self.problem = problem
        rng = np.random.default_rng([seed, 0])
        self._targets = 0.5 * rng.standard_normal((len(problem.objectives) + instances, _DIMENSIONS))
        self._points = np.zeros((programs + 1, _DIMENSIONS))
        self._failed = np.zeros(programs + 1, dtype=bool)
        self._points[SEED_STEP] = 2.0
        self._seed, self._block, self._draws = seed, -1, np.empty((0, 0))

    def try_(self, step: int, parent: int) -> None:
        """Let a step make a child of a program."""
        if step // _BLOCK != self._block:
            self._block = step // _BLOCK
            self._draws = np.random.default_rng([self._seed, 1, self._block]).standard_normal((_BLOCK, _DIMENSIONS + 1))
        draws = self._draws[step % _BLOCK]
        self._points[step] = self._points[parent] + _STEP * draws[:-1]
        self._failed[step] = math.erfc(-draws[-1] / math.sqrt(2)) / 2 < _FAILING

    def ended(self, selected: Selected) -> Ended:
        """Return how an attempt ended that was tried, or that repeats or draws lessons."""
        step, choice = selected.step, selected.choice
        if selected.operator in _DRAWN:
            return Ended(selected, cause=Cause.LESSON, lessons=[_lesson(step, _DRAWN[selected.operator])])
        parents = () if step == SEED_STEP else (choice.parent, *choice.inspirations)
        usage = Usage(calls=1, tokens=1000, cost_usd=0.001) if selected.model else Usage()
        if selected.operator in REPEATS:
            return Ended(selected, None, self._evaluation(choice.parent), usage=usage)
        detail = {"operator": selected.operator, "summary": f"{_SUMMARY} ({step})"}
        return Ended(selected, Program(step, {}, parents, detail), self._evaluation(step), usage=usage)

    def _evaluation(self, step: int) -> Evaluation:
        stage = self.problem.stages[-1].name
        if self._failed[step]:
            return Evaluation(stage, Outcome.CRASHED, "", feedback=f"{_ERROR} {step}", seconds=0.01)
        point = self._points[step]
        gains = (-((self._targets - point) ** 2).sum(axis=1)).tolist()
        objectives = self.problem.objectives
        metrics = {o.name: o.gain(gain) for o, gain in zip(objectives, gains, strict=False)}
        for feature, place in zip(self.problem.features, point.tolist(), strict=False):
            metrics.setdefault(feature.name, feature.low + (feature.high - feature.low) * (0.5 + 0.2 * place))
        metrics |= dict(zip(AUTOMATIC, np.round(20 + 5 * np.resize(point, len(AUTOMATIC))).tolist(), strict=True))
        scores = {f"list {n}": objectives[0].gain(gain) for n, gain in enumerate(gains[len(objectives) :])}
        return Evaluation(stage, Outcome.VALID, "", 0, metrics, _FEEDBACK, per_instance=scores, seconds=0.01)


_SUMMARY = "Bins that are nearly full are preferred now, and the weight of the room that is left falls with its square"
_FEEDBACK = "Worst on list 3: 41 bins where 38 would do. " * 4
_ERROR = "Traceback (most recent call last): program.py, line 12, in priority: IndexError: index out of bounds, item"


def _lesson(step: int, kind: LessonKind) -> Lesson:
    text = f"Found at step {step}: programs that look one item ahead do better on long lists than those that do not."
    return Lesson(step * LESSONS_PER_STEP, kind, text, evidence=(step - 1,))


# ── who decides ───────────────────────────────────────────────────────────────────────────────
class Decider(Protocol):
    """Chooses attempts and is told of them."""

    def next(self, step: int) -> Selected:
        """Decide what a step is to try."""

    def telling(self, ended: Ended) -> Callable[[], object]:
        """Return what tells it how an attempt ended."""

    @property
    def search(self) -> Search:
        """Its search."""


class _SearchAlone:
    def __init__(self, problem: Problem, search: Search) -> None:
        self._problem = problem
        self.search = search
        self._rng = np.random.default_rng(1)

    def next(self, step: int) -> Selected:
        choice = self.search.ask(self._rng)
        return Selected(step, choice, choice.wants if choice.wants in REPEATS else "diff", 0)

    def telling(self, ended: Ended) -> Callable[[], object]:
        scored = scored_of(self._problem, ended)
        return lambda: self.search.tell(scored)


class _Controller:
    def __init__(self, decisions: Decisions) -> None:
        self._decisions = decisions

    @property
    def search(self) -> Search:
        return self._decisions.search

    def next(self, step: int) -> Selected:
        return self._decisions.next(step)

    def telling(self, ended: Ended) -> Callable[[], object]:
        return lambda: self._decisions.tell(ended)


def deciders(name: str, setting: Setting) -> tuple[Problem, Callable[[], Decider]]:
    """Return the problem of a setting, and what makes the decider of a name, knowing nothing.

    Of the controller the tuner is left out: it takes no part in prompts, and holds 64 sessions at most.
    """
    search = "portfolio" if name == CONTROLLER else name
    overrides = [f"problem={located(setting.problem)}", f"search={search}", "store.url=sqlite://"]
    config = configuration.configure([*overrides, "llm=single", "llm.model=none", "mutation.weights.tune=0"])
    problem = problem_library.load_problem(config["problem"])
    if name != CONTROLLER:
        return problem, lambda: _SearchAlone(problem, wiring.build_search(config, problem))

    def controller() -> Decider:
        return _Controller(wiring.build(config).decisions(Exhibits(MemoryStore(), "none", problem)))

    return problem, controller


def everybody() -> list[str]:
    """Return the names of all deciders."""
    return [*options("search"), CONTROLLER]


# ── measuring ─────────────────────────────────────────────────────────────────────────────────
def costs(searches: Sequence[str], programs: int) -> Iterator[Cost]:
    """Measure each search with one objective, those made for more with more as well, and the controller."""
    for name in searches:
        for setting in (FOR_ALL, *(special for special, searches in SPECIAL.items() if name in searches)):
            yield from measured(name, setting, programs)


def measured(name: str, setting: Setting, programs: int) -> Iterator[Cost]:
    """Yield the rows of one decider, one for each of MARKS up to ``programs``, and one for these."""
    problem, make = deciders(name, setting)
    world = World(problem, setting.instances, programs)
    decider, told = make(), [Selected(SEED_STEP, Choice(SEED_STEP, (), 0), "seed", 0)]
    decider.telling(world.ended(told[0]))()
    samples: deque[tuple[float, float]] = deque(maxlen=_WINDOW)
    marks = sorted({*(mark for mark in MARKS if mark < programs), programs})
    last_kept = min(REBUILT, programs)
    for step in range(1, programs + 1):
        selected, *times = _decided(decider, world, step)
        samples.append((times[0], times[1]))
        if step <= last_kept:
            told.append(selected)
        if step in marks:
            row = _row(name, setting, step, samples, decider.search)
            yield row if step != last_kept else _with_totals(row, make, world, told)


def _decided(decider: Decider, world: World, step: int) -> tuple[Selected, float, float]:
    """Make one attempt; return it with the milliseconds of deciding: the processor's and by the clock."""
    cpu_ns, wall_ns = time.process_time_ns(), time.perf_counter_ns()
    selected = decider.next(step)
    cpu_ns, wall_ns = time.process_time_ns() - cpu_ns, time.perf_counter_ns() - wall_ns
    world.try_(step, selected.choice.parent)
    tell = decider.telling(world.ended(selected))
    told_cpu_ns, told_wall_ns = time.process_time_ns(), time.perf_counter_ns()
    tell()
    cpu_ns += time.process_time_ns() - told_cpu_ns
    wall_ns += time.perf_counter_ns() - told_wall_ns
    return selected, cpu_ns / 1e6, wall_ns / 1e6


def _row(name: str, setting: Setting, step: int, samples: Sequence[tuple[float, float]], search: Search) -> Cost:
    cpu_ms, wall_ms = np.array(samples).T
    status = search.status()
    return Cost(
        name,
        setting.name,
        step,
        median_ms=float(np.median(cpu_ms)),
        p95_ms=float(np.percentile(cpu_ms, 95)),
        wall_ms=float(np.median(wall_ms)),
        kept=int(status["cells"]),
        front=int(status["front"]),
    )


def _with_totals(row: Cost, make: Callable[[], Decider], world: World, told: Sequence[Selected]) -> Cost:
    """Add what it takes to tell everything again, and, in a second pass as it slows things down, the memory."""
    rebuild_s = _told_again(make(), world, told)
    gc.collect()
    decider = make()
    tracemalloc.start()
    try:
        _told_again(decider, world, told)
        gc.collect()
        held = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    return replace(row, rebuild_s=rebuild_s, bytes_per_program=held / row.programs)


def _told_again(decider: Decider, world: World, told: Sequence[Selected]) -> float:
    spent_ns = 0
    for selected in told:
        tell = decider.telling(world.ended(selected))
        began_ns = time.process_time_ns()
        tell()
        spent_ns += time.process_time_ns() - began_ns
    return spent_ns / 1e9
