"""What a long run costs in the store: writing it, keeping it, asking about it, and resuming it.

Histories are made up (:mod:`evolve.bench.histories`), everything else is real: records are written
through ``Store.append`` a few attempts at a time, and the run is resumed by the code that resumes any run.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from evolve import configuration, wiring
from evolve.bench.histories import History, batches
from evolve.bench.machinery import Figure
from evolve.bench.resuming import Resumed
from evolve.controller.run import Parts
from evolve.domain.problem import Problem
from evolve.domain.proposal import Record
from evolve.domain.questions import Page
from evolve.errors import EvolveError, NotFound
from evolve.interfaces import Lease, Store

WORKSHOP = Path(__file__).resolve().parent / "workshop"
LONG, SHORT = "long", "short"
_SHORT_PROGRAMS = 1000
_AT_ONCE = 20
"""Attempts of one transaction: what group commit makes of a busy run."""
_ASKED = 40
_PAGE, _POINTS = 50, 500
_PROPOSALS = 60
_LEASE_S = 3600.0


@dataclass(frozen=True, slots=True)
class Written:
    """How a history was written: (seconds by the clock, seconds of the processor) of each append, in order."""

    attempts: int
    appends: Sequence[tuple[float, float]]


def measure(url: str, programs: int, say: Callable[[str], object]) -> Iterator[Figure]:
    """Write a run of so many attempts, unless it is there, ask about it, resume it; yield figures as they come.

    Raises EvolveError when the store holds a shorter run, as left by an invocation that was cut off.
    """
    say(f"writing {programs:,} attempts")
    written = filled(url, LONG, programs)
    if written.appends:
        yield from _writing(written)
    yield from _room(url)
    say("asking")
    yield from _asking(url, programs)
    filled(url, SHORT, _SHORT_PROGRAMS)
    say("resuming")
    few, many = resume(url, SHORT), resume(url, LONG)
    yield from _resuming(few, many, programs)


# ── writing ───────────────────────────────────────────────────────────────────────────────────
def filled(url: str, run: str, programs: int) -> Written:
    """Write a run of so many attempts; nothing is written if there is one."""
    settings = [f"problem={WORKSHOP}", f"store.url={url}", f"run={run}", "sealed=false", "executor.width=1"]
    config = configuration.configure(settings)
    parts = wiring.build(config)
    store = parts.open_store()
    try:
        if _length(store, run) == 0:
            store.create_run(wiring.new_run(config, parts))
            return _write(parts, store, run, programs)
        if _length(store, run) < programs:
            raise EvolveError(f"{url} holds {_length(store, run)} of {programs} attempts: give another database.")
        return Written(0, [])
    finally:
        store.close()


def _length(store: Store, run: str) -> int:
    try:
        return store.run(run).proposals
    except NotFound:
        return 0


def _write(parts: Parts, store: Store, run: str, programs: int) -> Written:
    lease = store.acquire(run, parts.holder, _LEASE_S)
    appends = [_timed(store, lease, records) for records in batches(History(parts.problem), 0, programs, _AT_ONCE)]
    store.release(lease, 60.0, "paused")
    return Written(programs, appends)


def _timed(store: Store, lease: Lease, records: Sequence[Record]) -> tuple[float, float]:
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    store.append(lease, records)
    return time.perf_counter() - wall_s, time.process_time() - cpu_s


def _writing(written: Written) -> Iterator[Figure]:
    wall_s, cpu_s = np.array(written.appends).T
    tenth = max(1, len(wall_s) // 10)
    yield Figure("insert rate", written.attempts / float(wall_s.sum()), "attempts/s")
    yield Figure("insert, processor time of an attempt", 1e6 * float(cpu_s.sum()) / written.attempts, "us")
    yield Figure("the same in the last tenth over the first", float(cpu_s[-tenth:].sum() / cpu_s[:tenth].sum()), "")
    yield Figure(f"append of {_AT_ONCE} attempts, p95", 1000 * float(np.percentile(wall_s, 95)), "ms")


# ── keeping and asking ────────────────────────────────────────────────────────────────────────
def _room(url: str) -> Iterator[Figure]:
    store = wiring.open_existing(url)
    try:
        size = store.size(LONG)
    finally:
        store.close()
    made = size.counts["programs"]
    yield Figure("room per program of 5 kB", sum(size.bytes.values()) / made, "bytes", "<= 1500")
    for kind, taken in size.bytes.items():
        yield Figure(f"of that, {kind}", taken / made, "bytes")


def _asking(url: str, programs: int) -> Iterator[Figure]:
    store = wiring.open_existing(url)
    try:
        for name, ask in _questions(store, programs).items():
            yield Figure(f"{name}, p95", _p95_ms(ask, np.random.default_rng(0)), "ms", "<= 100")
    finally:
        store.close()


def _questions(store: Store, programs: int) -> dict[str, Callable[[int], object]]:
    """Return what is asked, by name, each about an attempt whose number is drawn."""
    problem, questions = Problem.load(WORKSHOP), store.questions()
    judge, stage = problem.judge_hash(), problem.stages[-1].name
    objective, made = problem.objectives[0].name, _made(store, programs)
    ranked, latest = Page(by=objective, limit=_PAGE), Page(limit=_PAGE)
    return {
        "how far a run is": lambda _: questions.status(LONG),
        "outcomes, causes, costs by operator": lambda _: questions.tallies(LONG),
        "curve of the best": lambda _: questions.curve(LONG, objective, _POINTS),
        "evenly spread attempts": lambda _: questions.sample(LONG, _POINTS),
        "page of the best": lambda _: questions.page(LONG, ranked),
        "page of the latest": lambda _: questions.page(LONG, latest),
        "prompts that bred elites": lambda _: questions.bred(LONG, latest),
        "lineage of a program": lambda draw: questions.lineage(LONG, made[draw % len(made)]),
        "a program with its files": lambda draw: store.program(LONG, made[draw % len(made)]),
        "its evaluations": lambda draw: store.evaluations(LONG, made[draw % len(made)]),
        "what a judge said of the same files": lambda draw: store.known_evaluation(judge, stage, f"{draw:032x}"),
    }


def _made(store: Store, programs: int) -> list[int]:
    """Return some steps that made a program, from all over the run."""
    made = []
    for step in np.linspace(1, programs - 1, 2 * _ASKED, dtype=int).tolist():
        try:
            made.append(store.program(LONG, step).step)
        except NotFound:
            continue
    return made


def _p95_ms(ask: Callable[[int], object], rng: np.random.Generator) -> float:
    times_ms = []
    for draw in rng.integers(0, 1 << 30, _ASKED).tolist():
        began_ns = time.perf_counter_ns()
        ask(draw)
        times_ms.append((time.perf_counter_ns() - began_ns) / 1e6)
    return float(np.percentile(times_ms, 95))


# ── resuming ──────────────────────────────────────────────────────────────────────────────────
def resume(url: str, run: str) -> Resumed:
    """Resume a run in a process of its own. Raises EvolveError with what that printed if it failed."""
    command = [sys.executable, "-m", "evolve.bench.resuming", url, run, str(_PROPOSALS), repr(time.time())]
    shown = subprocess.run(command, capture_output=True, text=True, check=False)
    if shown.returncode:
        raise EvolveError(f"The run {run!r} could not be resumed:\n{shown.stderr}")
    return Resumed(**json.loads(shown.stdout.splitlines()[-1]))


def _resuming(few: Resumed, many: Resumed, programs: int) -> Iterator[Figure]:
    more = max(programs - _SHORT_PROGRAMS, 1)
    grown = many.memory_bytes - few.memory_bytes
    yield Figure("command to open store", many.open_s, "s")
    yield Figure("command to first proposal", many.first_proposal_s, "s", "<= 30 at 1,000,000")
    yield Figure("processor time until then", many.cpu_s, "s")
    yield Figure(f"command to first proposal with {_SHORT_PROGRAMS}", few.first_proposal_s, "s")
    yield Figure("controller's memory per program", grown / more, "bytes", "<= 2000")
    for name, q in (("median", 50), ("p95", 95)):
        yield Figure(f"ask and tell then, {name}", float(np.percentile(many.decision_ms, q)), "ms", "<= 1")
        yield Figure(f"the same with {_SHORT_PROGRAMS}", float(np.percentile(few.decision_ms, q)), "ms")
