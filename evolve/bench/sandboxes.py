"""What a sandbox costs: the same evaluation in every kind of sandbox, and without any.

Blocks of every way take turns, so that an hour that is slow for one is slow for all; within a block
one sandbox is started, which is the cold sample, used warm, and closed.
"""

from __future__ import annotations

import asyncio
import json
import math
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from evolve import configuration, problem_library, wiring
from evolve.bench.machinery import TRIVIAL
from evolve.bench.soak import RANKS
from evolve.domain.evaluation import Outcome
from evolve.domain.problem import Problem
from evolve.errors import SandboxUnavailable
from evolve.evaluation.docker_engine import Engine
from evolve.evaluation.slot import ENVIRONMENT
from evolve.interfaces import Job, Sandbox, Verdict
from evolve.paths import bundled

DEFAULT_PROBLEMS = (str(TRIVIAL), str(RANKS))
_WARM_PER_BLOCK = 20
_BLOCKS = 5
_SHORTEST_LIFE = 50
_LIVES = 3
_LOCAL = "no sandbox"
_PROCESS = "process"
_GVISOR = "runsc"
_GOAL_MS, _GOAL_RATIO = 15.0, 1.5


@dataclass(frozen=True, slots=True)
class Cost:
    """What an evaluation takes in one way.

    Args:
        median_ms, p95_ms: of all samples.
        ratio: of the median to that of the warm process sandbox on the same problem.
        goal: what is to be reached; empty for ways that have none.
    """

    problem: str
    way: str
    samples: int
    median_ms: float
    p95_ms: float
    ratio: float
    goal: str = ""


@dataclass(frozen=True, slots=True)
class Absent:
    """A way that could not be measured, and why."""

    way: str
    reason: str


@dataclass(slots=True)
class _Samples:
    """Seconds, by way, in the order of the first sample."""

    seconds: dict[str, list[float]] = field(default_factory=dict)

    def add(self, way: str, seconds: float) -> None:
        self.seconds.setdefault(way, []).append(seconds)

    def life(self, way: str) -> int:
        """Return how many programs keep a sandbox busy for as long as two others need to start."""
        cold, warm = (statistics.median(self.seconds[f"{way}, {kind}"]) for kind in ("cold", "warm"))
        return max(_SHORTEST_LIFE, math.ceil(2 * cold / warm))

    def costs(self, problem: str) -> Iterator[Cost]:
        base = statistics.median(self.seconds[f"{_PROCESS}, warm"])
        for way, seconds in self.seconds.items():
            median = statistics.median(seconds)
            p95 = sorted(seconds)[min(round(0.95 * len(seconds)), len(seconds) - 1)]
            yield Cost(problem, way, len(seconds), 1e3 * median, 1e3 * p95, median / base, self._goal(way))

    def _goal(self, way: str) -> str:
        if way == "docker, warm":
            return f"<= {_GOAL_MS:g} ms, ratio <= {_GOAL_RATIO:g}"
        kind, _, measured = way.partition(", ")
        if measured.startswith("longest"):
            return f"well below {1e3 * statistics.median(self.seconds[f'{kind}, cold']):.0f} ms (cold)"
        return ""


def ways() -> tuple[dict[str, Sequence[str]], list[Absent]]:
    """Return overrides by the name of a sandbox that can be had here, and what cannot be."""
    found: dict[str, Sequence[str]] = {_PROCESS: ("sandbox=process",)}
    engine = Engine()
    try:
        runtimes = engine.runtimes()
    except SandboxUnavailable as error:
        return found, [Absent("docker", str(error)), Absent(_GVISOR, "needs a container engine")]
    finally:
        engine.close()
    found["docker"] = ("sandbox=docker",)
    if _GVISOR not in runtimes:
        return found, [Absent(_GVISOR, f"the engine has the runtimes {', '.join(runtimes)}")]
    found[_GVISOR] = ("sandbox=docker", f"sandbox.runtime={_GVISOR}")
    return found, []


async def costs_of(
    name: str, sandboxes: Mapping[str, Sequence[str]], repeats: int, say: Callable[[str], None]
) -> list[Cost]:
    """Measure the seed of a problem in every way, ``repeats`` times warm. Raises SandboxUnavailable."""
    problem = problem_library.load_problem(name)
    samples = _Samples()
    warm = max(1, round(repeats / _BLOCKS)) if repeats < _BLOCKS * _WARM_PER_BLOCK else _WARM_PER_BLOCK
    with _local(problem) as judge_locally:
        for block in range(max(1, round(repeats / warm))):
            say(f"{problem.name}: block {block + 1}")
            for _ in range(warm):
                samples.add(_LOCAL, judge_locally())
            for way, overrides in sandboxes.items():
                await _block(problem, way, overrides, warm, samples)
    for way, overrides in sandboxes.items():
        life = samples.life(way)
        say(f"{problem.name}: {way}, replaced every {life} programs")
        samples.add(f"{way}, longest of {_LIVES} lives of {life}", await _longest_wait(problem, overrides, life))
    return list(samples.costs(problem.name))


async def _block(problem: Problem, way: str, overrides: Sequence[str], warm: int, samples: _Samples) -> None:
    config = configuration.configure([f"problem={problem.folder}", *overrides])
    began = time.perf_counter()
    sandbox = wiring.build_sandbox(config, problem)
    job = Job(problem, problem.stages[0], problem.seed().files)
    try:
        await sandbox.start()
        _valid(await sandbox.judge(job))
        samples.add(f"{way}, cold", time.perf_counter() - began)
        for _ in range(warm):
            began = time.perf_counter()
            _valid(await sandbox.judge(job))
            samples.add(f"{way}, warm", time.perf_counter() - began)
    finally:
        await sandbox.close()


async def _longest_wait(problem: Problem, overrides: Sequence[str], life: int) -> float:
    """Return the longest time between verdicts of an executor that replaces its sandbox again and again."""
    settings = ("executor.width=1", "executor.spares=1", f"++sandbox.recycle={life}")
    config = configuration.configure([f"problem={problem.folder}", *overrides, *settings])

    def make() -> Sandbox:
        return wiring.build_sandbox(config, problem)

    executor = wiring.build_executor(config, problem, make)
    job = Job(problem, problem.stages[0], problem.seed().files)
    await executor.start()
    try:
        longest = 0.0
        _valid(await executor.judge(job))
        for _ in range(_LIVES * life):
            began = time.perf_counter()
            _valid(await executor.judge(job))
            longest = max(longest, time.perf_counter() - began)
        return longest
    finally:
        await executor.close()


def _valid(verdict: Verdict) -> None:
    if verdict.outcome is not Outcome.VALID:
        raise SandboxUnavailable(f"The seed ended {verdict.outcome}: {verdict.feedback}")


@contextmanager
def _local(problem: Problem) -> Iterator[Callable[[], float]]:
    """Yield a function that judges the seed without a sandbox, in a process that waits; returns the seconds."""
    script = Path(__file__).resolve().parent / "peers" / "in_process.py"
    arguments = [str(problem.folder), problem.stages[0].name, json.dumps(dict(problem.params)), problem.entry]
    path = str(bundled("evaluators").parent)
    with subprocess.Popen(
        [sys.executable, str(script), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**ENVIRONMENT, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
    ) as process:
        assert process.stdin is not None and process.stdout is not None

        def judge() -> float:
            assert process.stdin is not None and process.stdout is not None
            process.stdin.write("\n")
            process.stdin.flush()
            answer = process.stdout.readline().strip()
            try:
                return float(answer)
            except ValueError as error:
                raise SandboxUnavailable(f"Without a sandbox the seed gives no score: {answer}") from error

        try:
            judge()  # loads what is loaded once
            yield judge
        finally:
            process.stdin.close()


def measure(problems: Sequence[str], repeats: int, say: Callable[[str], None]) -> Iterator[Cost | Absent]:
    """Yield what every way costs, problem by problem, after what cannot be measured here."""
    sandboxes, absent = ways()
    yield from absent
    for name in problems or DEFAULT_PROBLEMS:
        yield from asyncio.run(costs_of(name, sandboxes, repeats, say))
