"""Races on a simulated clock, and the interval they report."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import product
from typing import Any, NoReturn

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluators.candidate import CandidateCrashed, CandidateError, CandidateRefused, CandidateTimedOut
from evaluators.timing import (
    RESOLUTION_S,
    BaselineFailed,
    Interval,
    Race,
    Schedule,
    TooShort,
    Work,
    median_interval,
    race,
)

ROUND_TRIP_S = 120e-6
SHORT = Schedule(blocks=6, calls_per_block=4, warm_up_calls=1)
finite = st.floats(-1e6, 1e6, allow_nan=False)


# ── interval of a median ──────────────────────────────────────────────────────────────────────
@given(st.lists(finite, min_size=6, max_size=40), st.floats(0.5, 0.95))
def test_the_interval_is_made_of_values_around_the_median(values: list[float], confidence: float) -> None:
    interval = median_interval(values, confidence)
    assert interval.low <= interval.median <= interval.high
    assert {interval.low, interval.high} <= set(values)
    assert confidence <= interval.confidence < 1


@given(st.lists(finite, min_size=6, max_size=40))
def test_the_interval_of_the_negatives_is_the_negative_interval(values: list[float]) -> None:
    there, back = median_interval(values, 0.9), median_interval([-value for value in values], 0.9)
    assert back == Interval(-there.high, -there.median, -there.low, there.confidence)


@given(st.lists(finite, min_size=8, max_size=30), st.floats(0.6, 0.9), st.floats(0.9, 0.95))
def test_more_confidence_is_a_wider_interval(values: list[float], less: float, more: float) -> None:
    narrow, wide = median_interval(values, less), median_interval(values, more)
    assert wide.low <= narrow.low <= narrow.high <= wide.high


@pytest.mark.parametrize("count", range(2, 13))
@pytest.mark.parametrize("confidence", [0.5, 0.75])
def test_the_confidence_is_the_share_of_all_ways_to_fall_about_the_median(count: int, confidence: float) -> None:
    """The median is 0 and each value is below or above it with equal probability: count all ways."""
    try:
        claimed = median_interval(range(count), confidence).confidence
    except ValueError:
        assert 1 - 2.0 ** (1 - count) < confidence
        return
    covered = 0
    for signs in product((-1, 1), repeat=count):
        interval = median_interval([sign * (1 + place) for place, sign in enumerate(signs)], confidence)
        covered += interval.low < 0 < interval.high
    assert covered / 2**count == pytest.approx(claimed)


@pytest.mark.parametrize(("count", "depth"), [(6, 1), (8, 1), (9, 2), (12, 3), (20, 6), (30, 10), (50, 18)])
def test_depths_agree_with_the_published_table_of_the_sign_test(count: int, depth: int) -> None:
    """Two-sided 5 % critical values of the sign test, which the interval inverts, are depth - 1."""
    interval = median_interval(range(1, count + 1), 0.95)
    assert (interval.low, interval.high) == (depth, count + 1 - depth)


def test_too_few_values_give_no_interval() -> None:
    with pytest.raises(ValueError, match="5 values"):
        median_interval([1.0] * 5, 0.95)
    with pytest.raises(ValueError, match="5 values"):
        Schedule(blocks=5, confidence=0.95)
    with pytest.raises(ValueError, match="0 values"):
        median_interval([], 0.5)


# ── programs on a simulated clock ─────────────────────────────────────────────────────────────
Noise = Callable[[], float]


def no_noise() -> float:
    return 1.0


@dataclass
class Machine:
    """A clock that all programs share, one session at a time, and a diary of what was called."""

    noise: Noise = no_noise
    round_trip_s: float = ROUND_TRIP_S
    budget_s: float = math.inf
    diary: list[tuple[str, list[list[Any]]]] = field(default_factory=list)
    busy: bool = False


@dataclass
class SimulatedSession:
    """Calls of a function, each of which takes the seconds it says."""

    program: SimulatedProgram
    seconds: float = 0.0

    def call(self, function: str, *args: Any, timeout_s: float | None = None, **kwargs: Any) -> Any:
        return self.map(function, [args], timeout_s)[0]

    def map(self, function: str, calls: Iterable[Sequence[Any]], timeout_s: float | None = None) -> list[Any]:
        rows = [list(row) for row in calls]
        machine = self.program.machine
        machine.diary[-1][1].extend(rows)
        answers = [self.program.answer(*row) for row in rows]
        spent = (machine.round_trip_s + sum(self.program.cost(*row) for row in rows)) * machine.noise()
        self.seconds += spent
        machine.budget_s -= spent
        if machine.budget_s < 0 or (timeout_s is not None and spent > timeout_s):
            raise CandidateTimedOut("late")
        return answers


@dataclass
class SimulatedProgram:
    """A program by what it answers and how long that takes."""

    name: str
    machine: Machine
    cost: Callable[..., float]
    answer: Callable[..., Any]
    files: Mapping[str, str] = field(default_factory=dict)

    def call(self, function: str, *args: Any, timeout_s: float | None = None, **kwargs: Any) -> Any:
        with self.session() as session:
            return session.call(function, *args)

    @contextmanager
    def session(self, timeout_s: float | None = None) -> Iterator[SimulatedSession]:
        assert not self.machine.busy, "two sessions at a time"
        self.machine.busy = True
        self.machine.diary.append((self.name, []))
        try:
            yield SimulatedSession(self)
        finally:
            self.machine.busy = False

    def at_best(self, **metrics: float) -> None:
        """Nothing is stopped here."""

    def other(self, files: Mapping[str, str], entry: str | None = None) -> SimulatedProgram:
        return SimulatedProgram("empty", self.machine, lambda *_: 0.0, lambda *_: None, files)

    def run(self, command: Sequence[str], stdin: bytes = b"", timeout_s: float | None = None) -> NoReturn:
        raise CandidateCrashed("no commands here")

    def build(self, command: Sequence[str], timeout_s: float | None = None) -> NoReturn:
        raise CandidateCrashed("no commands here")


def check(arguments: Sequence[Any], answer: Any) -> str:
    return "" if answer == 2 * arguments[0] else f"expected {2 * arguments[0]}, found {answer}"


WORK = Work("double", lambda rng: (float(rng.random()),), check)


def double(value: float) -> float:
    return 2 * value


def raced(
    candidate_s: Callable[..., float],
    baseline_s: Callable[..., float] = lambda _: 1e-3,
    *,
    answer: Callable[..., Any] = double,
    baseline_answer: Callable[..., Any] = double,
    machine: Machine | None = None,
    schedule: Schedule = SHORT,
    work: Work = WORK,
    seed: int = 0,
) -> Race:
    machine = machine or Machine()
    candidate = SimulatedProgram("candidate", machine, candidate_s, answer)
    baseline = SimulatedProgram("baseline", machine, baseline_s, baseline_answer)
    return race(candidate, baseline, work, schedule, np.random.default_rng(seed))


@given(st.floats(0.2, 50.0), st.floats(1e-3, 1.0), st.integers(0, 99))
@settings(max_examples=25)
def test_without_noise_the_ratio_is_that_of_the_times(factor: float, baseline_s: float, seed: int) -> None:
    result = raced(lambda _: factor * baseline_s, lambda _: baseline_s, seed=seed)
    assert result.ratio == pytest.approx(factor, rel=1e-6)
    assert result.low == pytest.approx(factor, rel=1e-6)
    assert result.high == pytest.approx(factor, rel=1e-6)
    assert result.resolved
    assert result.candidate.seconds_per_call == pytest.approx(factor * baseline_s, rel=1e-6)
    assert result.baseline.seconds_per_call == pytest.approx(baseline_s, rel=1e-6)
    assert result.round_trip_s == pytest.approx(ROUND_TRIP_S, rel=1e-6)


def test_batches_are_one_call_of_the_clock() -> None:
    schedule = Schedule(blocks=6, calls_per_block=4, inputs_per_call=25, warm_up_calls=1)
    result = raced(lambda _: 20e-6, lambda _: 40e-6, schedule=schedule)
    assert result.ratio == pytest.approx(0.5)
    assert result.candidate.seconds_per_call == pytest.approx(20e-6)
    assert result.calls == 6 * 4 * 25
    assert result.round_trip_s == pytest.approx(ROUND_TRIP_S)


def test_a_call_below_the_resolution_counts_as_the_resolution() -> None:
    result = raced(lambda _: 1e-9, lambda _: 10e-3)
    assert not result.resolved
    assert result.ratio == pytest.approx(ROUND_TRIP_S / 10e-3)
    quick = raced(lambda _: 1e-9, lambda _: 10e-3, machine=Machine(round_trip_s=1e-6))
    assert quick.ratio == pytest.approx(RESOLUTION_S / 10e-3)


def test_a_baseline_below_the_resolution_is_the_problem_s_mistake() -> None:
    with pytest.raises(TooShort, match="inputs_per_call"):
        raced(lambda _: 1e-3, lambda _: 20e-6)


def test_slowness_on_a_third_of_the_inputs_is_not_hidden() -> None:
    """A median of calls would say 0.5 here."""
    result = raced(lambda value: 10e-3 if value < 1 / 3 else 0.5e-3, schedule=Schedule(blocks=8, calls_per_block=40))
    assert result.low > 1.5


# ── order, inputs, warm-up ────────────────────────────────────────────────────────────────────
def blocks_of(machine: Machine) -> list[dict[str, list[list[Any]]]]:
    """Return what each program was asked, by round."""
    return [dict(machine.diary[start : start + 3]) for start in range(0, len(machine.diary), 3)]


@pytest.mark.parametrize("seed", range(5))
def test_both_sides_get_the_same_inputs_and_none_twice(seed: int) -> None:
    machine = Machine()
    result = raced(lambda _: 1e-3, machine=machine, seed=seed)
    rounds = blocks_of(machine)
    assert len(rounds) == SHORT.blocks
    asked = [row for one in rounds for row in one["candidate"]]
    assert all(one["candidate"] == one["baseline"] == one["empty"] for one in rounds)
    assert len({value for [value] in asked}) == len(asked) == result.calls + result.discarded
    assert result.calls == SHORT.blocks * SHORT.calls_per_block


def test_who_goes_first_alternates_and_is_drawn() -> None:
    orders = set()
    for seed in range(8):
        machine = Machine()
        raced(lambda _: 1e-3, machine=machine, seed=seed)
        firsts = [next(iter(one)) for one in blocks_of(machine)]
        assert all(sorted(firsts[pair : pair + 2]) == ["baseline", "candidate"] for pair in (0, 2, 4))
        orders.add(tuple(firsts))
    assert len(orders) > 2


def test_how_many_calls_are_warm_up_is_drawn_for_each_round() -> None:
    machine = Machine()
    schedule = Schedule(blocks=20, calls_per_block=2, warm_up_calls=3)
    raced(lambda _: 1e-3, machine=machine, schedule=schedule)
    assert {len(one["candidate"]) for one in blocks_of(machine)} == {5, 6, 7, 8}


def test_warm_up_does_not_count_in_time_and_counts_in_truth() -> None:
    class Lazy:
        """Slow in the first call of each process."""

        def __init__(self, machine: Machine) -> None:
            self.machine = machine

        def first(self) -> bool:
            return len(self.machine.diary[-1][1]) == 1

        def cost(self, value: float) -> float:
            return 5.0 if self.first() else 1e-3

        def answer(self, value: float) -> float:
            return 0.0 if self.first() else 2 * value

    lazy = Lazy(Machine())
    assert raced(lazy.cost, machine=lazy.machine).ratio == pytest.approx(1.0)
    lazy = Lazy(Machine())
    with pytest.raises(CandidateRefused, match="expected"):
        raced(lambda _: 1e-3, answer=lazy.answer, machine=lazy.machine)


def test_near_misses_follow_what_they_resemble_in_the_same_process() -> None:
    machine = Machine()
    work = Work(
        "double",
        lambda rng: (np.append(rng.random(50), 0.0),),
        lambda arguments, answer: "" if np.array_equal(answer, 2 * arguments[0]) else "wrong",
        near_miss=lambda arguments, rng: (np.append(arguments[0][:-1], rng.random()),),
    )
    raced(lambda _: 1e-3, answer=lambda v: 2 * v, baseline_answer=lambda v: 2 * v, machine=machine, work=work,
          schedule=Schedule(blocks=6, calls_per_block=40))  # fmt: skip
    alike = calls = 0
    for one in blocks_of(machine):
        rows = [row[0] for row in one["candidate"]]
        calls += len(rows)
        alike += sum(
            any(np.array_equal(late[:-1], early[:-1]) for early in rows[:place]) for place, late in enumerate(rows)
        )
    assert 0.15 < alike / calls < 0.35


def test_inputs_that_repeat_are_the_problem_s_mistake() -> None:
    few = Work("double", lambda rng: (int(rng.integers(10)),), check)
    with pytest.raises(ValueError, match="repeats"):
        raced(lambda _: 1e-3, work=few)


def test_inputs_that_differ_only_in_an_array_s_contents_are_different() -> None:
    arrays = Work("double", lambda rng: (rng.random(3), {"n": 3}), lambda *_: "")
    result = raced(lambda *_: 1e-3, lambda *_: 1e-3, work=arrays, answer=lambda *_: 0, baseline_answer=lambda *_: 0)
    assert result.calls == SHORT.blocks * SHORT.calls_per_block


def test_an_input_that_is_no_tuple_of_arguments_is_refused() -> None:
    with pytest.raises(TypeError, match="tuple"):
        raced(lambda _: 1e-3, work=Work("double", lambda rng: rng.random(3), check))  # type: ignore[arg-type,return-value]


# ── answers ───────────────────────────────────────────────────────────────────────────────────
def test_one_wrong_answer_among_many_is_refused() -> None:
    asked: list[float] = []

    def wrong_once(value: float) -> float:
        asked.append(value)
        return 2 * value if len(asked) != 20 else 2 * value + 1e-9

    with pytest.raises(CandidateRefused, match="wrong answer in a timed call: expected"):
        raced(lambda _: 1e-3, answer=wrong_once)


@pytest.mark.parametrize("verdict", [None, True, False, 0])
def test_a_check_that_does_not_say_what_is_wrong_is_refused(verdict: Any) -> None:
    with pytest.raises(TypeError, match="check must say"):
        raced(lambda _: 1e-3, work=Work("double", WORK.make_input, lambda *_: verdict))


def test_a_wrong_baseline_is_not_the_candidate_s_fault() -> None:
    with pytest.raises(BaselineFailed, match="wrong answer") as caught:
        raced(lambda _: 1e-3, baseline_answer=lambda value: 0.0)
    assert not isinstance(caught.value, CandidateError)


def test_time_spent_by_the_candidate_ends_the_race_as_its_own() -> None:
    with pytest.raises(CandidateTimedOut):
        raced(lambda _: 1.0, machine=Machine(budget_s=20.0))


def test_the_limit_of_a_call_is_the_candidate_s_alone() -> None:
    schedule = Schedule(blocks=6, calls_per_block=2, call_timeout_s=0.5)
    assert raced(lambda _: 0.1, lambda _: 1.0, schedule=schedule).ratio == pytest.approx(0.1)
    with pytest.raises(CandidateTimedOut):
        raced(lambda _: 1.0, lambda _: 0.1, schedule=schedule)


def test_large_answers_are_checked_before_the_block_ends() -> None:
    size = 40 << 20
    checked_after: list[int] = []
    machine = Machine()

    def look(arguments: Sequence[Any], answer: Any) -> str:
        checked_after.append(len(machine.diary[-1][1]))
        return ""

    raced(lambda _: 1e-3, answer=lambda _: [np.empty(size, np.uint8), {"more": "text"}], machine=machine,
          work=Work("double", WORK.make_input, look))  # fmt: skip
    assert 2 in checked_after
    checked_after.clear()
    raced(lambda _: 1e-3, machine=machine, work=Work("double", WORK.make_input, look))
    assert min(checked_after) >= SHORT.calls_per_block + SHORT.warm_up_calls


# ── noise ─────────────────────────────────────────────────────────────────────────────────────
class Busy:
    """A machine shared with others: jitter, slow drift, now and then a call that takes many times as long."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._drift = 0.0

    def __call__(self) -> float:
        self._drift += float(self._rng.normal(0.0, 0.01))
        spike = 1.0 + 8.0 * (self._rng.random() < 0.01)
        return math.exp(self._drift + float(self._rng.normal(0.0, 0.1))) * spike


def test_a_program_raced_against_itself_is_neither_faster_nor_slower() -> None:
    """Nominal coverage is 0.969; the lower bound is 4 standard deviations below it, for a fixed seed."""
    races = [
        raced(lambda _: 1e-3, machine=Machine(Busy(seed)), schedule=SHORT, seed=seed).metrics() for seed in range(400)
    ]
    covered = [result["ratio_low"] <= 1 <= result["ratio_high"] for result in races]
    assert np.mean(covered) > 0.969 - 4 * math.sqrt(0.969 * 0.031 / 400)
    assert abs(np.median([math.log(result["ratio"]) for result in races])) < 0.02


def test_a_difference_of_a_fifth_is_found_on_a_busy_machine() -> None:
    schedule = Schedule(blocks=20, calls_per_block=20)
    races = [raced(lambda _: 0.8e-3, machine=Machine(Busy(seed)), schedule=schedule, seed=seed) for seed in range(20)]
    assert sum(result.high < 1 for result in races) >= 18
    assert all(result.low < 0.85 for result in races)
