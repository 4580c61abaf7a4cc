"""How much of a cluster the machinery keeps busy, what that costs, and what gives out first.

Judges sleep for a second, so that any number of slots fits on one machine: what is measured is everything
around the judging. Each row is a Ray of its own on this machine.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from evolve import configuration, wiring
from evolve.bench.machinery import TRIVIAL
from evolve.bench.processes import tree_cpu_by_name, usage
from evolve.bench.sleeping_sandbox import SleepingSandbox
from evolve.controller.local_executor import LocalExecutor
from evolve.controller.loop import Loop
from evolve.controller.run import start_run
from evolve.domain.problem import Problem
from evolve.domain.resources import Resources
from evolve.interfaces import Executor, Job

_JUDGING_S: Final = 1.0
_SLOTS_PER_WORKER: Final = 128
_AHEAD: Final = 1.5  # jobs that are handed over for each slot
_WARM_UP_S: Final = 3.0
_TICK_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class Scaling:
    """One row.

    Args:
        way: ``local`` (no cluster), ``ray`` (executor alone) or ``run`` (search, store and all, on Ray).
        slots: evaluations at once.
        per_s: evaluations per second.
        of_ideal: that, as a share of one per slot and second.
        controller_ms, all_ms: processor time per evaluation of the controller's process, and of all processes.
        busiest: the kind of process that used most processor time, and how many cores that was.
        machine: how much of this machine's processors was in use, by whomever.
    """

    way: str
    slots: int
    per_s: float
    of_ideal: float
    controller_ms: float
    all_ms: float
    busiest: str
    machine: float


@dataclass(frozen=True, slots=True)
class _Reading:
    at_s: float
    done: int
    own_s: float
    by_name: Mapping[str, float]
    machine_s: float

    @classmethod
    def now(cls, done: int) -> _Reading:
        return cls(time.perf_counter(), done, time.process_time(), tree_cpu_by_name(os.getpid()), usage())


def measure(way: str, slots: int, seconds: float, folder: Path) -> Scaling:
    """Return one row, measured over so many seconds."""
    problem = _problem(slots)
    if way == "run":
        return asyncio.run(_run(problem, slots, seconds, folder))
    make: Callable[[], Executor] = {"local": lambda: _local(problem, slots), "ray": lambda: _on_ray(problem, slots)}[
        way
    ]
    return asyncio.run(_executor(way, make(), problem, slots, seconds))


def _problem(slots: int) -> Problem:
    """A problem of which so many evaluations fit on this machine at once."""
    problem = Problem.load(TRIVIAL)
    share = int(10_000 * configuration.usable_cores() / slots) / 10_000  # Ray counts in ten thousandths
    return replace(problem, stages=tuple(replace(s, resources=Resources(cpus=share)) for s in problem.stages))


def _settings() -> Mapping[str, Any]:
    name = f"{SleepingSandbox.__module__}.{SleepingSandbox.__qualname__}"
    return {"sandbox": {"_target_": name, "seconds": _JUDGING_S}}


def _config(slots: int, *more: str) -> configuration.Config:
    chosen = ["executor=ray", "executor.address=local", f"executor.width={slots}"]
    chosen.append(f"executor.slots_per_worker={min(slots, _SLOTS_PER_WORKER)}")
    return {**configuration.configure([f"problem={TRIVIAL}", *chosen, *more]), **_settings()}


def _local(problem: Problem, slots: int) -> Executor:
    return LocalExecutor(lambda: SleepingSandbox(problem, seconds=_JUDGING_S), width=slots, retries=0)


def _on_ray(problem: Problem, slots: int) -> Executor:
    return wiring.build_executor(_config(slots), problem)


async def _executor(way: str, executor: Executor, problem: Problem, slots: int, seconds: float) -> Scaling:
    """Keep an executor supplied, and see what comes back."""
    done: Counter[str] = Counter()
    files = problem.seed().files

    async def supply() -> None:
        while True:
            done[(await executor.judge(Job(problem, problem.stages[0], files))).outcome] += 1

    await executor.start()
    suppliers = [asyncio.create_task(supply()) for _ in range(int(_AHEAD * slots))]
    try:
        while done.total() < slots:  # all workers are there
            await asyncio.sleep(_TICK_S)
        return await _measured(way, slots, seconds, done.total)
    finally:
        for task in suppliers:
            task.cancel()
        await asyncio.gather(*suppliers, return_exceptions=True)
        await executor.close()


async def _run(problem: Problem, slots: int, seconds: float, folder: Path) -> Scaling:
    """Let a keyless run do what it can."""
    store = f"store.url=sqlite:///{folder / f'{slots}.db'}"
    keyless = ["search=random", "noise=off", "sealed=false", "budget.wall_s=null", "controller.reuse_evaluations=false"]
    parts = wiring.build(_config(slots, store, *keyless), problem)
    loops: list[Loop] = []
    config = _config(slots, store, *keyless)
    async with _running(start_run(parts, wiring.new_run(config, parts), loops.append)):
        while not loops or loops[0].progress.spent.evaluations < slots:
            await asyncio.sleep(_TICK_S)
        row = await _measured("run", slots, seconds, lambda: loops[0].progress.spent.evaluations)
        loops[0].stop("measured")
        return row


@asynccontextmanager
async def _running(work: Any) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
        await task
    finally:
        task.cancel()


async def _measured(way: str, slots: int, seconds: float, done: Callable[[], int]) -> Scaling:
    await asyncio.sleep(_WARM_UP_S)
    first = _Reading.now(done())
    await asyncio.sleep(seconds)
    last = _Reading.now(done())
    took_s, count = last.at_s - first.at_s, max(1, last.done - first.done)
    used = {name: cpu_s - first.by_name.get(name, 0.0) for name, cpu_s in last.by_name.items()}
    busiest = max(used, key=lambda name: used[name])
    return Scaling(
        way=way,
        slots=slots,
        per_s=count / took_s,
        of_ideal=count / took_s * _JUDGING_S / slots,
        controller_ms=1000 * (last.own_s - first.own_s) / count,
        all_ms=1000 * sum(used.values()) / count,
        busiest=f"{busiest}: {used[busiest] / took_s:.2f} cores",
        machine=(last.machine_s - first.machine_s) / took_s / (os.cpu_count() or 1),
    )
