"""How fast a program is beside the baseline: requests of many calls, in turn, each in fresh processes on equal inputs.

The rules are those of ``evaluators.timing``; what is different is that memory is shared with the program, and that a
request makes many calls, each on tensors of its own, so that a round trip weighs little. A process never gets an input
twice, and nothing of a process outlives it; so blocks may use the same inputs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median

import numpy as np

from evaluators.candidate import Candidate, CandidateError, CandidateTimedOut
from evaluators.kernels.arena import Layout, Slot, lay_out
from evaluators.kernels.bench import Bench, Run, refuse, staged
from evaluators.kernels.device import Device
from evaluators.kernels.kernel import Case, Kernel, Language
from evaluators.timing import BaselineFailed, TooShort, median_interval, turns

WARM_UP = 2
_EMPTY = "def {function}(*tensors):\n    pass\n"
_EMPTY_CUDA = 'extern "C" int {function}(void**, const long long*, void*) {{ return 0; }}\n'


@dataclass(frozen=True)
class Plan:
    """How much is timed.

    Args:
        blocks: processes of each side.
        windows: timed requests of each case in a process; each makes ``case.calls`` calls.
        confidence: of the interval. It is made of blocks * windows ratios: at least 6 for 0.95.
    """

    blocks: int = 3
    windows: int = 2
    confidence: float = 0.95


@dataclass(frozen=True)
class Sample:
    """Net seconds of a call in one request, of both sides."""

    candidate_s: float
    baseline_s: float

    @property
    def speedup(self) -> float:
        """Above 1: the candidate is faster."""
        return self.baseline_s / self.candidate_s


@dataclass(frozen=True)
class CaseTimes:
    """All samples of a case, in order of time."""

    case: Case
    samples: tuple[Sample, ...]

    @property
    def speedup(self) -> float:
        """Median over the samples."""
        return math.exp(median(math.log(sample.speedup) for sample in self.samples))

    @property
    def candidate_s(self) -> float:
        """Median seconds of a call."""
        return median(sample.candidate_s for sample in self.samples)

    @property
    def baseline_s(self) -> float:
        """The same of the baseline."""
        return median(sample.baseline_s for sample in self.samples)


@dataclass(frozen=True)
class Result:
    """A whole race.

    Args:
        cases: the times.
        round_trip_s: what a request takes whose calls do nothing; taken off.
        confidence: of intervals.
        compiler: what the program's compiler said that its kernels take; empty for what is compiled as it runs.
    """

    cases: tuple[CaseTimes, ...]
    round_trip_s: float
    confidence: float
    compiler: str = ""

    def speedup(self) -> tuple[float, float, float]:
        """Return the geometric mean over cases, and the ends of its interval."""
        rounds = zip(*([math.log(sample.speedup) for sample in case.samples] for case in self.cases), strict=True)
        interval = median_interval([sum(one) / len(one) for one in rounds], self.confidence)
        return math.exp(interval.median), math.exp(interval.low), math.exp(interval.high)


def race(
    candidate: Candidate, kernel: Kernel, cases: Sequence[Case], device: Device, plan: Plan, rng: np.random.Generator
) -> Result:
    """Race a program against the kernel's baseline.

    Raises CandidateErrors for the candidate's faults; BaselineFailed and TooShort are the problem's.
    """
    layout = lay_out([(case, WARM_UP + plan.windows * case.calls) for case in cases])
    bench = Bench.build(kernel, device, layout, rng)
    files = {kernel.entry: kernel.baseline.read_text("utf-8")}
    template = _EMPTY_CUDA if kernel.language is Language.CUDA else _EMPTY
    empty = {kernel.entry: template.format(function=kernel.function)}
    own = staged(candidate, kernel)
    baseline, nothing = (staged(candidate, kernel, text).program for text in (files, empty))
    lanes = _Lanes(bench, own.program, baseline, nothing, plan, rng)
    try:
        result = _result([lanes.round(first) for first in turns(plan.blocks, rng)], cases, plan)
        return replace(result, compiler=own.compiler)
    finally:
        bench.memory.close()


@dataclass(frozen=True)
class _Round:
    """Seconds of the requests of one round: case number, then window."""

    candidate: list[list[float]]
    baseline: list[list[float]]
    empty: list[list[float]]


@dataclass(frozen=True)
class _Lanes:
    """The programs of a race."""

    bench: Bench
    candidate: Candidate
    baseline: Candidate
    empty: Candidate
    plan: Plan
    rng: np.random.Generator

    def round(self, candidate_first: bool) -> _Round:
        empty = self._trusted("the empty program", self.empty, checked=False)
        if candidate_first:
            candidate = self._block(self.candidate)
            return _Round(candidate, self._trusted("the baseline", self.baseline), empty)
        baseline = self._trusted("the baseline", self.baseline)
        return _Round(self._block(self.candidate), baseline, empty)

    def _trusted(self, name: str, program: Candidate, *, checked: bool = True) -> list[list[float]]:
        try:
            return self._block(program, checked=checked)
        except CandidateTimedOut:
            raise  # both live on one budget
        except CandidateError as error:
            raise BaselineFailed(f"{name} failed: {error}") from error

    def _block(self, program: Candidate, *, checked: bool = True) -> list[list[float]]:
        """Warm up and time every case in one process, cases by lot; check all calls."""
        examination = self.bench.examination
        with self.bench.opened(program) as run:
            work = _Work(run, self.bench.layout, self.plan, checked)
            cases = list(dict.fromkeys(slot.case.name for slot in self.bench.layout.slots))
            seconds: list[list[float]] = [[] for _ in cases]
            for number in self.rng.permutation(len(cases)):
                seconds[number] = work.timed(cases[number])
        if checked:
            refuse(examination.changed_since(self.bench.layout.slots))
        return seconds


@dataclass(frozen=True)
class _Work:
    """What one process does."""

    run: Run
    layout: Layout
    plan: Plan
    checked: bool

    def timed(self, name: str) -> list[float]:
        """Return the seconds of the timed requests of a case."""
        slots = [slot for slot in self.layout.slots if slot.case.name == name]
        calls = slots[0].case.calls
        for slot in slots[:WARM_UP]:
            self._ask([slot])
        return [
            self._ask(slots[WARM_UP + window * calls : WARM_UP + (window + 1) * calls])
            for window in range(self.plan.windows)
        ]

    def _ask(self, slots: Sequence[Slot]) -> float:
        seconds = self.run.ask(slots)
        if self.checked:
            self.run.check(slots)
        return seconds


def _result(rounds: Sequence[_Round], cases: Sequence[Case], plan: Plan) -> Result:
    times = []
    for number, case in enumerate(cases):
        samples = []
        for one in rounds:
            round_trip_s = median(one.empty[number])
            pairs = zip(one.candidate[number], one.baseline[number], strict=True)
            samples += [_sample(case, ours, theirs, round_trip_s) for ours, theirs in pairs]
        times.append(CaseTimes(case, tuple(samples)))
    everything = [seconds for one in rounds for case_seconds in one.empty for seconds in case_seconds]
    return Result(tuple(times), median(everything), plan.confidence)


def _sample(case: Case, candidate_s: float, baseline_s: float, round_trip_s: float) -> Sample:
    """Take the round trip off. What is shorter than it cannot be told from it, and counts as long as it."""
    if baseline_s < 2 * round_trip_s:
        raise TooShort(
            f"case {case.name}: {case.calls} calls of the baseline take {baseline_s * 1e6:.0f} us, the round trip "
            f"alone {round_trip_s * 1e6:.0f} us: larger tensors, or more calls in a request"
        )
    net_s = max(candidate_s - round_trip_s, round_trip_s)
    return Sample(net_s / case.calls, (baseline_s - round_trip_s) / case.calls)
