"""How fast a program is, measured so that the program has no say in it: a race against a baseline.

A race is a row of rounds. In each one the candidate and the baseline run one after the other, never
together, each in a fresh process of the same sandbox, on the same inputs, which neither has seen
before. Only the judge's clock counts. Who goes first alternates (ABBA), so that a machine that
slows down or speeds up steadily favours nobody. All inputs of a block are made before its process
starts and all answers are checked after it has ended: between two calls there is no time to use.

What a program could still gain is said in README.md, "Timing".
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from statistics import median
from typing import Any, Final

import numpy as np

from evaluators.candidate import Candidate, CandidateError, CandidateRefused, CandidateTimedOut, Session
from evaluators.codec import Encoder, contents

RESOLUTION_S: Final = 50e-6
"""A timed call shorter than this, round trip taken off, cannot be told from the noise of the round trip."""

_NEAR_MISS_SHARE = 0.25
_TRIES = 20
_HELD_BYTES = 64 << 20
_OBJECT_BYTES = 64
_EMPTY_ENTRY = "empty.py"
_EMPTY_PROGRAM = "def empty(*arguments):\n    return None\n"

Input = Sequence[Any]


class BaselineFailed(Exception):
    """The baseline crashed or answered wrongly: the problem's mistake, not the candidate's."""


class TooShort(Exception):
    """The baseline's calls are too short to be timed: the problem's mistake, not the candidate's."""


# ── statistics ────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True)
class Interval:
    """A median with its confidence interval; ``confidence`` is what the interval has, not what was asked for."""

    low: float
    median: float
    high: float
    confidence: float


def median_interval(values: Sequence[float], confidence: float) -> Interval:
    """Return the narrowest symmetric interval of order statistics with at least ``confidence``.

    Holds for independent draws from any distribution, without an approximation: the d-th smallest
    and d-th largest of n values enclose the median unless fewer than d values lie on one side of
    it, which has probability 2 * P(Binomial(n, 1/2) < d). Ties only make it safer.
    W. R. Thompson, Annals of Mathematical Statistics 7 (1936) 122-128.

    Raises ValueError when even the smallest and the largest value do not reach ``confidence``.
    """
    ordered = sorted(values)
    depth = _depth(len(ordered), confidence)
    return Interval(ordered[depth - 1], median(ordered), ordered[-depth], _coverage(len(ordered), depth))


def _coverage(count: int, depth: int) -> float:
    return 1.0 - 2.0 * sum(math.comb(count, below) for below in range(depth)) / 2.0**count


def _depth(count: int, confidence: float) -> int:
    """Return how far from both ends the interval may lie."""
    depth = 0
    while 2 * (depth + 1) <= count + 1 and _coverage(count, depth + 1) >= confidence:
        depth += 1
    if depth == 0:
        raise ValueError(f"{count} values cannot give a {confidence:.3g} interval of their median; use more blocks")
    return depth


# ── what a judge says and gets ────────────────────────────────────────────────────────────────
@dataclass(frozen=True)
class Work:
    """What is timed.

    Args:
        function: of the entry file, in both programs.
        make_input: returns the positional arguments of one call, drawn from so many that no two are
            equal and no table made beforehand holds them. Best all of the same size: the times of a
            block are added up, so large inputs weigh more.
        check: returns what is wrong with the answer to an input, "" if nothing. It sees every
            answer. Compute the right answer in it, do not ask the baseline.
        near_miss: returns an input that differs from the given one in as little as possible, with
            another answer, best in one element of an array. A quarter of the inputs are then near
            misses of earlier ones, so that a cache that looks at a part of its input answers wrongly.
    """

    function: str
    make_input: Callable[[np.random.Generator], Input]
    check: Callable[[Input, Any], str]
    near_miss: Callable[[Input, np.random.Generator], Input] | None = None


@dataclass(frozen=True)
class Schedule:
    """How much is timed. A race is about 2 * blocks * calls_per_block * inputs_per_call calls.

    Args:
        blocks: processes of each side, and pairs that the interval is made of; 6 at least for 0.95.
        calls_per_block: timed calls in each process.
        inputs_per_call: above 1, each timed call is one ``Session.map`` over so many inputs. For short
            functions; the program may then look ahead within the batch.
        warm_up_calls: fewest calls at the start of a block that do not count. How many there are, at
            most twice as many, is drawn for each round. Their answers are checked like all others.
        confidence: of the interval.
        call_timeout_s: for each call of the candidate; None: only the stage's own limit.
    """

    blocks: int = 20
    calls_per_block: int = 10
    inputs_per_call: int = 1
    warm_up_calls: int = 3
    confidence: float = 0.95
    call_timeout_s: float | None = None

    def __post_init__(self) -> None:
        if min(self.calls_per_block, self.inputs_per_call) < 1 or self.warm_up_calls < 0:
            raise ValueError(f"expected at least one call a block and one input a call, found {self}")
        _depth(self.blocks, self.confidence)


@dataclass(frozen=True)
class Side:
    """One program in a race; both numbers are medians over its blocks.

    Args:
        seconds_per_call: wall time for one input, round trip taken off.
        loading_s: wall time from nothing to the first call. Not in the ratio: inputs are not known then.
    """

    seconds_per_call: float
    loading_s: float


@dataclass(frozen=True)
class Race:
    """How the candidate did against the baseline.

    Args:
        ratio: the candidate's time over the baseline's, median over the rounds; below 1 is faster.
        low, high: confidence interval of ``ratio``; see ``median_interval``.
        confidence: of the interval, at least what the schedule asks for.
        round_trip_s: what a call of a function that does nothing takes with the same inputs; taken off.
        calls: function calls that count, of each side.
        discarded: warm-up calls of each side.
        resolved: False when the candidate's calls were too short to be timed. They then count as
            long as the shortest that could be, so ``ratio`` is an upper bound.
        ratios: of the single rounds, in order.
    """

    ratio: float
    low: float
    high: float
    confidence: float
    candidate: Side
    baseline: Side
    round_trip_s: float
    calls: int
    discarded: int
    resolved: bool
    ratios: tuple[float, ...]

    def metrics(self) -> dict[str, float]:
        """Return the numbers worth recording, by name."""
        return {
            "ratio": self.ratio,
            "ratio_low": self.low,
            "ratio_high": self.high,
            "seconds_per_call": self.candidate.seconds_per_call,
            "loading_s": self.candidate.loading_s,
        }


def race(candidate: Candidate, baseline: Candidate, work: Work, schedule: Schedule, rng: np.random.Generator) -> Race:
    """Race the candidate against the baseline, which is ``candidate.other(files)``.

    ``rng`` decides inputs and order. Give it a seed that no program can know or learn from earlier
    evaluations: ``numpy.random.default_rng()`` takes one from the system.

    Raises CandidateRefused for a wrong answer, other CandidateErrors as they come, and
    CandidateTimedOut also where the stage's time ended in the baseline's turn. BaselineFailed,
    TooShort and ValueError (inputs that repeat) are mistakes of the problem.
    """
    lanes = _Lanes(candidate, baseline, candidate.other({_EMPTY_ENTRY: _EMPTY_PROGRAM}, _EMPTY_ENTRY), work, schedule)
    inputs = _Inputs(work, rng)
    rounds = [lanes.round(inputs, first, rng) for first in turns(schedule.blocks, rng)]
    return _result(rounds, schedule)


# ── inputs ────────────────────────────────────────────────────────────────────────────────────
class _Inputs:
    """Makes inputs and sees to it that none comes twice."""

    def __init__(self, work: Work, rng: np.random.Generator) -> None:
        self._work, self._rng = work, rng
        self._seen: set[bytes] = set()

    def block(self, count: int) -> list[Input]:
        """Return the inputs of one block. Near misses are of inputs that the same process gets earlier."""
        inputs: list[Input] = []
        for _ in range(count):
            inputs.append(self._fresh(inputs))
        return inputs

    def _fresh(self, earlier: Sequence[Input]) -> Input:
        for _ in range(_TRIES):
            made = self._made(earlier)
            digest = _digest(made)
            if digest not in self._seen:
                self._seen.add(digest)
                return made
        raise ValueError(f"make_input or near_miss repeats itself: no new input in {_TRIES} tries")

    def _made(self, earlier: Sequence[Input]) -> Input:
        if self._work.near_miss and earlier and self._rng.random() < _NEAR_MISS_SHARE:
            made = self._work.near_miss(earlier[int(self._rng.integers(len(earlier)))], self._rng)
        else:
            made = self._work.make_input(self._rng)
        if not isinstance(made, tuple | list):
            raise TypeError(f"an input is the tuple of a call's arguments, found {type(made).__name__}")
        return made


def _digest(arguments: Input) -> bytes:
    structured, arrays = Encoder().encode(list(arguments))
    digest = hashlib.blake2b(structured, digest_size=16)
    for piece in contents(arrays):
        digest.update(piece)
    return digest.digest()


def turns(rounds: int, rng: np.random.Generator) -> Iterator[bool]:
    """Yield for each round whether the candidate goes first: ABBA or BAAB, by lot."""
    first = False
    for number in range(rounds):
        first = bool(rng.integers(2)) if number % 2 == 0 else not first
        yield first


# ── blocks ────────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True)
class _Block:
    """What the clock said about one process."""

    seconds: tuple[float, ...]
    loading_s: float


@dataclass(frozen=True)
class _Round:
    """The blocks of one round. ``empty`` is the program that does nothing: what a round trip takes.

    The round trip is never measured in the candidate's own process, which could make it long.
    """

    candidate: _Block
    baseline: _Block
    empty: _Block
    warm_up: int

    @property
    def round_trip_s(self) -> float:
        return median(self.empty.seconds)

    @property
    def resolution_s(self) -> float:
        """The shortest time that is told from the round trip; a program can at most save the round trip itself."""
        return max(RESOLUTION_S, self.round_trip_s)

    def net(self, block: _Block) -> float:
        """Return the seconds of the average call without the round trip.

        All calls of a block count: with a median, being slow on every third input would cost nothing.
        """
        return sum(block.seconds) / len(block.seconds) - self.round_trip_s

    def ratio(self) -> float:
        return max(self.net(self.candidate), self.resolution_s) / max(self.net(self.baseline), self.resolution_s)


@dataclass(frozen=True)
class _Lanes:
    """The programs of a race."""

    candidate: Candidate
    baseline: Candidate
    empty: Candidate
    work: Work
    schedule: Schedule

    def round(self, inputs: _Inputs, candidate_first: bool, rng: np.random.Generator) -> _Round:
        least, size = self.schedule.warm_up_calls, self.schedule.inputs_per_call
        warm_up = int(rng.integers(least, 2 * least + 1))
        calls = _batches(inputs.block((warm_up + self.schedule.calls_per_block) * size), size)
        if candidate_first:
            candidate, baseline = self._candidate(calls, warm_up), self._baseline(calls, warm_up)
        else:
            baseline, candidate = self._baseline(calls, warm_up), self._candidate(calls, warm_up)
        return _Round(candidate, baseline, self._empty(calls, warm_up), warm_up)

    def _candidate(self, calls: Sequence[Sequence[Input]], warm_up: int) -> _Block:
        return _timed(self.candidate, self.work, calls, warm_up, self.schedule.call_timeout_s)

    def _baseline(self, calls: Sequence[Sequence[Input]], warm_up: int) -> _Block:
        with _trusted("the baseline"):
            return _timed(self.baseline, self.work, calls, warm_up, None)

    def _empty(self, calls: Sequence[Sequence[Input]], warm_up: int) -> _Block:
        work = replace(self.work, function="empty", check=_nothing_asked)
        with _trusted("the empty program"):
            return _timed(self.empty, work, calls, warm_up, None)


def _batches(inputs: Sequence[Input], size: int) -> list[Sequence[Input]]:
    return [inputs[start : start + size] for start in range(0, len(inputs), size)]


def _nothing_asked(_: Input, answer: object) -> str:
    return "" if answer is None else "expected no answer"


@contextmanager
def _trusted(name: str) -> Iterator[None]:
    """Say whose fault it is. Running out of time is the candidate's: both live on one budget."""
    try:
        yield
    except CandidateTimedOut:
        raise
    except CandidateError as error:
        raise BaselineFailed(f"{name} failed: {error}") from error


def _timed(
    program: Candidate, work: Work, calls: Sequence[Sequence[Input]], warm_up: int, timeout_s: float | None
) -> _Block:
    """Run one block; return the times of the calls after the first ``warm_up``."""
    answers = _Answers(work.check)
    seconds = []
    began = time.perf_counter()
    with program.session() as session:
        loading_s = time.perf_counter() - began
        for batch in calls:
            before = session.seconds
            answer = _ask(session, work.function, batch, timeout_s)
            seconds.append(session.seconds - before)
            answers.hold(batch, answer)
    answers.check()
    return _Block(tuple(seconds[warm_up:]), loading_s)


def _ask(session: Session, function: str, batch: Sequence[Input], timeout_s: float | None) -> list[Any]:
    if len(batch) == 1:
        return [session.call(function, *batch[0], timeout_s=timeout_s)]
    return session.map(function, batch, timeout_s=timeout_s)


class _Answers:
    """Keeps the answers of a block until the program has ended, and checks every one.

    A judge must not run out of memory because a program says much: many bytes are checked at once.
    """

    def __init__(self, check: Callable[[Input, Any], str]) -> None:
        self._check = check
        self._held: list[tuple[Input, Any]] = []
        self._bytes = 0

    def hold(self, inputs: Sequence[Input], answers: Sequence[Any]) -> None:
        """Keep the answers to some inputs."""
        self._held += zip(inputs, answers, strict=True)
        self._bytes += sum(map(_bytes, answers))
        if self._bytes > _HELD_BYTES:
            self.check()

    def check(self) -> None:
        """Check what is held. Raises CandidateRefused."""
        held, self._held, self._bytes = self._held, [], 0
        for arguments, answer in held:
            fault = self._check(arguments, answer)
            if type(fault) is not str:
                raise TypeError(f"check must say what is wrong, '' for nothing; it returned {fault!r:.100}")
            if fault:
                raise CandidateRefused(f"wrong answer in a timed call: {fault}")


def _bytes(value: object) -> int:
    """Return about how much memory an answer takes."""
    if isinstance(value, np.ndarray):
        return value.nbytes + _OBJECT_BYTES
    if isinstance(value, str | bytes):
        return len(value) + _OBJECT_BYTES
    if isinstance(value, list):
        return sum(map(_bytes, value)) + _OBJECT_BYTES
    if isinstance(value, dict):
        return sum(map(_bytes, value.values())) + sum(map(_bytes, value)) + _OBJECT_BYTES
    return _OBJECT_BYTES


# ── result ────────────────────────────────────────────────────────────────────────────────────
def _result(rounds: Sequence[_Round], schedule: Schedule) -> Race:
    resolution_s = median(one.resolution_s for one in rounds)
    candidate_s, baseline_s = (median(one.net(side(one)) for one in rounds) for side in (_ours, _theirs))
    if baseline_s < resolution_s:
        raise TooShort(
            f"the baseline needs {baseline_s * 1e6:.0f} us a timed call beside the round trip; less than "
            f"{resolution_s * 1e6:.0f} us cannot be timed: larger inputs, or more inputs_per_call"
        )
    ratios = tuple(one.ratio() for one in rounds)
    # In logarithms, so that swapping the sides gives the reciprocal.
    interval = median_interval([math.log(ratio) for ratio in ratios], schedule.confidence)
    size = schedule.inputs_per_call
    return Race(
        ratio=math.exp(interval.median),
        low=math.exp(interval.low),
        high=math.exp(interval.high),
        confidence=interval.confidence,
        candidate=Side(max(candidate_s, resolution_s) / size, median(one.candidate.loading_s for one in rounds)),
        baseline=Side(baseline_s / size, median(one.baseline.loading_s for one in rounds)),
        round_trip_s=median(one.round_trip_s for one in rounds),
        calls=sum(len(one.candidate.seconds) for one in rounds) * size,
        discarded=sum(one.warm_up for one in rounds) * size,
        resolved=candidate_s >= resolution_s,
        ratios=ratios,
    )


def _ours(one: _Round) -> _Block:
    return one.candidate


def _theirs(one: _Round) -> _Block:
    return one.baseline
