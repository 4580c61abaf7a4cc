from __future__ import annotations

import math
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.domain.evaluation import Outcome, Scored
from evolve.domain.rules import Lens, Rules, weighted
from evolve.domain.steering import INJECT

LARGEST = sys.float_info.max


def valid(step: int, *parents: int, gains: tuple[float, ...] = (1.0, 2.0), operator: str = "diff") -> Scored:
    return Scored(step, 1, parents, operator, Outcome.VALID, gains, (0.5,), {"i": 1.0}, 0.25, 3.0, violation=1.0)


def test_without_rules_everything_is_seen_as_it_is() -> None:
    scored = valid(3, 1, 2)
    assert Lens(Rules()).seen(scored) is scored


def test_a_vetoed_program_is_seen_as_a_failure_that_cost_what_it_cost() -> None:
    seen = Lens(Rules().without(3, descendants=False)).seen(valid(3, 1))
    assert (seen.outcome, seen.gains, seen.features, seen.per_instance) == (Outcome.INVALID, (), (), {})
    assert (seen.step, seen.parents, seen.cost_usd, seen.seconds) == (3, (1,), 0.25, 3.0)


def test_descendants_are_vetoed_on_request_along_the_line_of_edits() -> None:
    lens = Lens(Rules().without(1, descendants=True))
    for scored in (valid(1, 0), valid(2, 0, 1), valid(3, 1, 0), valid(4, 3), valid(5, 1, operator=INJECT), valid(6, 5)):
        lens.seen(scored)
    assert [step for step in range(7) if lens.bans(step)] == [1, 3, 4]
    plain = Lens(Rules().without(1, descendants=False))
    assert plain.seen(valid(3, 1)).valid


def test_judging_a_vetoed_program_again_says_nothing() -> None:
    again = Scored(9, 0, (), "rescore", Outcome.VALID, (5.0,), rescored=3)
    seen = Lens(Rules().without(3, descendants=False)).seen(again)
    assert not seen.valid and seen.rescored is None
    assert Lens(Rules(weights=(2.0,))).seen(again).gains == (10.0,)


def test_under_weights_there_is_one_gain() -> None:
    lens = Lens(Rules(weights=(1.0, 0.5)))
    assert lens.seen(valid(1, gains=(1.0, -4.0))).gains == (-1.0,)
    failed = Scored(2, 0, (0,), "diff", Outcome.CRASHED)
    assert lens.seen(failed) is failed


@pytest.mark.parametrize(
    ("gains", "weights", "expected"),
    [
        ((LARGEST, LARGEST), (1.0, 1.0), LARGEST),
        ((LARGEST, -LARGEST), (2.0, 2.0), 0.0),
        ((-LARGEST,), (3.0,), -LARGEST),
        ((LARGEST, 5.0), (0.0, 1.0), 5.0),
    ],
)
def test_a_sum_that_no_number_can_hold_is_the_largest(
    gains: tuple[float, ...], weights: tuple[float, ...], expected: float
) -> None:
    assert weighted(gains, weights) == expected


@settings(max_examples=60)
@given(st.lists(st.tuples(st.floats(-1e308, 1e308), st.floats(0, 1e308)), min_size=1, max_size=5))
def test_a_weighted_sum_is_a_finite_number_and_grows_with_every_gain(pairs: list[tuple[float, float]]) -> None:
    gains, weights = [g for g, _ in pairs], [w for _, w in pairs]
    total = weighted(gains, weights)
    assert math.isfinite(total)
    assert weighted([gains[0] + abs(gains[0]), *gains[1:]], weights) >= total or not math.isfinite(gains[0] * 2)
