"""Judge of data-centre scheduling: jobs arrive one at a time, each is put on a machine before the next is known.

Cores and memory are whole numbers and so is everything that is counted, until two sums are divided.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluators import Candidate, Score, Session, invalid
from evaluators.constructions import whole_number

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

FUNCTION = "priority"
STAGES = ("full", "sealed")
MACHINES = np.array([[64, 256], [64, 256], [64, 512], [128, 512]])  # cores, GiB; the fleet repeats these four
CORES = np.array([1, 1, 1, 2, 2, 2, 4, 4, 4, 8, 8, 16, 32])
GIB_PER_CORE = np.array([2, 4, 8])
MIXES = np.array([[5, 3, 1], [2, 5, 2], [1, 3, 5]])  # weights (of 9) of GIB_PER_CORE at three times of the day
LOAD = 1.04  # cores asked for at a time over cores in the fleet, about
SAMPLE_EVERY = 16  # jobs between two looks at what is stranded


# ── traces ────────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True)
class Trace:
    """One row for each job, in order of arrival: at time 0, 1, 2, ... one arrives.

    Args:
        jobs: (n, 2) cores and GiB.
        lifetimes: (n,) how many arrivals later the job ends.
    """

    jobs: Integers
    lifetimes: Integers


def fleet(machines: int) -> Integers:
    """Return cores and GiB of each machine, (m, 2)."""
    return MACHINES[np.arange(machines) % len(MACHINES)]


def draw(jobs: int, machines: int, entropy: Sequence[int]) -> Trace:
    """Return a trace. From raw bits, whose stream numpy promises to keep, by whole-number arithmetic.

    Lifetimes are heavy-tailed: as many jobs live 1 to 2 units as 2 to 4, 4 to 8, ..., 64 to 128. What kind of
    jobs come changes three times over the trace.
    """
    words = np.random.PCG64(np.random.SeedSequence(list(entropy))).random_raw(4 * jobs).reshape(4, jobs)
    words = (words >> np.uint64(33)).astype(np.int64)
    mixes = np.array([np.repeat(GIB_PER_CORE, weights) for weights in MIXES])
    phase = 3 * np.arange(jobs) // jobs
    cores = CORES[words[0] % len(CORES)]
    gib = cores * mixes[phase, words[1] % 9]
    octave = words[2] % 7
    units = 2**octave * 1024 + words[3] % (2**octave * 1024)
    mean_units = 1024 * 1.5 * (2**7 - 1) / 7
    mean_lifetime = LOAD * fleet(machines)[:, 0].sum() / CORES.mean()
    return Trace(np.column_stack([cores, gib]), 1 + np.floor(units * (mean_lifetime / mean_units)).astype(np.int64))


def instances(stage: str, params: Mapping[str, Any]) -> tuple[Integers, list[Trace]]:
    """Return the fleet and the traces of a stage. Raises ValueError for parameters that name none."""
    prefix = "" if stage == "sealed" else "train_"
    machines = whole_number(params, "machines", 1, 1_000)
    jobs = whole_number(params, prefix + "jobs", 10, 100_000)
    count = whole_number(params, prefix + "traces", 1, 100)
    seed = whole_number(params, "sealed_seed" if stage == "sealed" else "seed", 0, 2**62)
    entropy = [seed, STAGES.index(stage)]
    return fleet(machines), [draw(jobs, machines, [*entropy, index]) for index in range(count)]


# ── the data centre ───────────────────────────────────────────────────────────────────────────
class DataCentre:
    """One fleet under one trace."""

    def __init__(self, size: Integers, trace: Trace) -> None:
        self.size = size
        self.free = size.copy()
        self.trace = trace
        self.ends: dict[int, list[tuple[int, int]]] = {}  # time -> (job, machine)
        self.offered: NDArray[np.intp] = np.zeros(0, dtype=np.intp)
        self.turned_away: list[int] = []
        self.stranded_cores = self.stranded_gib = self.samples = 0

    def advance(self, job: int) -> list[Any] | None:
        """End what ends before ``job``; return the arguments of the call, or None if the job fits nowhere."""
        for ended, machine in self.ends.pop(job, ()):
            self.free[machine] += self.trace.jobs[ended]
        if job % SAMPLE_EVERY == 0:
            self._sample()
        self.offered = (self.free >= self.trace.jobs[job]).all(axis=1).nonzero()[0]
        if not len(self.offered):
            self.turned_away.append(job)
            return None
        return [self.trace.jobs[job].copy(), self.free[self.offered], self.size[self.offered]]

    def place(self, job: int, choice: int) -> None:
        """Put ``job`` on the ``choice``-th machine of those last offered."""
        machine = int(self.offered[choice])
        self.free[machine] -= self.trace.jobs[job]
        self.ends.setdefault(job + int(self.trace.lifetimes[job]), []).append((job, machine))

    def _sample(self) -> None:
        cores, gib = self.free.T
        self.stranded_cores += int(np.maximum(cores - gib // GIB_PER_CORE[0], 0).sum())
        self.stranded_gib += int(np.maximum(gib - cores * GIB_PER_CORE[-1], 0).sum())
        self.samples += 1

    def work(self) -> Integers:
        """Return what each job asks for: its share of cores and memory, times its life, in whole numbers."""
        cores, gib = self.size.sum(axis=0).tolist()
        asked: Integers = (self.trace.jobs[:, 0] * gib + self.trace.jobs[:, 1] * cores) * self.trace.lifetimes
        return asked


def fault(answer: Any, length: int) -> str:
    """Return what is wrong with the scores of one call, or an empty string."""
    if not isinstance(answer, np.ndarray):
        return f"expected a numpy array of {length} numbers, found {type(answer).__name__}"
    if answer.dtype.kind not in "fiub":
        return f"expected real numbers, found an array of {answer.dtype}"
    if answer.shape != (length,):
        return f"expected the shape ({length},), one score for each machine, found {answer.shape}"
    return "a score is NaN" if np.isnan(answer).any() else ""


def schedule(session: Session, centres: Sequence[DataCentre], jobs: int) -> str:
    """Run all traces in step, one round trip a job; return what was wrong with an answer, or an empty string."""
    for job in range(jobs):
        calls = [(centre, arguments) for centre in centres if (arguments := centre.advance(job)) is not None]
        answers = session.map(FUNCTION, [arguments for _, arguments in calls])
        for (centre, arguments), answer in zip(calls, answers, strict=True):
            problem = fault(answer, len(arguments[1]))
            if problem:
                cores, gib = arguments[0].tolist()
                return f"{FUNCTION}, job {job} of {cores} cores and {gib} GiB: {problem}."
            centre.place(job, int(answer.argmax()))
    return ""


# ── score ─────────────────────────────────────────────────────────────────────────────────────
def evaluate(candidate: Candidate, stage: str, params: dict[str, Any]) -> Score:
    """Schedule the stage's traces and count what was turned away."""
    size, traces = instances(stage, params)
    centres = [DataCentre(size, trace) for trace in traces]
    with candidate.session() as session:
        problem = schedule(session, centres, len(traces[0].jobs))
    return invalid(problem) if problem else _score(size, centres)


def _score(size: Integers, centres: Sequence[DataCentre]) -> Score:
    asked = [int(centre.work().sum()) for centre in centres]
    lost = [int(centre.work()[centre.turned_away].sum()) for centre in centres]
    samples = sum(centre.samples for centre in centres)
    cores, gib = size.sum(axis=0).tolist()
    turned_away = np.concatenate([centre.trace.jobs[centre.turned_away] for centre in centres])
    metrics = {
        "lost_work": sum(lost) / sum(asked),
        "stranded_cores": sum(centre.stranded_cores for centre in centres) / (samples * cores),
        "stranded_memory": sum(centre.stranded_gib for centre in centres) / (samples * gib),
        "turned_away": float(len(turned_away)),
    }
    big = int((turned_away[:, 0] >= 16).sum())
    return Score(
        metrics=metrics,
        feedback=(
            f"{len(centres)} traces, {len(size)} machines: {metrics['lost_work']:.2%} of the work asked for was turned "
            f"away, {len(turned_away)} jobs, {big} of them of 16 cores or more. On average "
            f"{metrics['stranded_cores']:.2%} of the cores stood idle because their machine lacked memory, and "
            f"{metrics['stranded_memory']:.2%} of the memory because its machine lacked cores."
        ),
        per_instance={
            f"trace_{index:02d}": gone / total for index, (gone, total) in enumerate(zip(lost, asked, strict=True))
        },
    )
