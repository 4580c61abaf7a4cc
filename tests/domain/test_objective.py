from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.domain.evaluation import Outcome, Scored
from evolve.domain.objective import (
    Constraint,
    Direction,
    Feature,
    Objective,
    better,
    constrained_better,
    constrained_dominates,
    dominates,
    merit,
)

gains = st.tuples(*[st.integers(-3, 3).map(float)] * 3)


def test_gain_turns_every_direction_into_higher_is_better() -> None:
    assert Objective("cost", Direction.MINIMIZE).gain(3.0) == -3.0
    assert Objective("speed", Direction.MAXIMIZE).gain(3.0) == 3.0


@pytest.mark.parametrize(
    ("direction", "reached", "missed"), [(Direction.MINIMIZE, 0.5, 0.51), (Direction.MAXIMIZE, 0.5, 0.49)]
)
def test_target_is_reached_at_it_and_beyond(direction: Direction, reached: float, missed: float) -> None:
    objective = Objective("x", direction, target=0.5)
    assert objective.reached(reached)
    assert not objective.reached(missed)
    assert not Objective("x", direction).reached(reached)


@pytest.mark.parametrize(
    ("value", "cell"), [(-5.0, 0), (0.0, 0), (0.99, 0), (1.0, 1), (3.999, 3), (4.0, 3), (1e300, 3)]
)
def test_values_outside_a_feature_fall_into_its_end_cells(value: float, cell: int) -> None:
    assert Feature("size", 0.0, 4.0, 4).cell(value) == cell


@given(st.floats(-10, 10), st.floats(-10, 10))
def test_cells_are_ordered_as_their_values(left: float, right: float) -> None:
    feature = Feature("x", -3.0, 7.0, 9)
    low, high = sorted((left, right))
    assert 0 <= feature.cell(low) <= feature.cell(high) <= 8


@given(gains, gains, gains)
def test_dominance_is_a_strict_order(a: tuple[float, ...], b: tuple[float, ...], c: tuple[float, ...]) -> None:
    assert not dominates(a, a)
    assert not (dominates(a, b) and dominates(b, a))
    if dominates(a, b) and dominates(b, c):
        assert dominates(a, c)


@given(gains, gains)
def test_one_of_two_different_programs_wins_and_the_dominating_one_does(
    a: tuple[float, ...], b: tuple[float, ...]
) -> None:
    assert better(a, b) + better(b, a) == (a != b)
    if dominates(a, b):
        assert better(a, b)


def test_without_dominance_the_first_difference_decides() -> None:
    assert better((1.0, 2.0, 0.0), (1.0, 1.0, 9.0))
    assert not better((0.0, 9.0), (1.0, 0.0))


def test_dominance_needs_equal_lengths() -> None:
    with pytest.raises(ValueError):
        dominates((1.0,), (1.0, 2.0))


@pytest.mark.parametrize(
    ("constraint", "value", "violation"),
    [
        (Constraint("speed", at_least=4.0), 5.0, 0.0),
        (Constraint("speed", at_least=4.0), 4.0, 0.0),
        (Constraint("speed", at_least=4.0), 1.0, 0.75),
        (Constraint("size", at_most=10.0), 15.0, 0.5),
        (Constraint("size", at_most=-10.0), -5.0, 0.5),
        (Constraint("size", at_most=0.0), 3.0, 3.0),
        (Constraint("size", at_most=0.0), -3.0, 0.0),
        (Constraint("size", at_most=1e-300), 1e300, math.inf),
    ],
)
def test_violation_is_the_share_by_which_a_bound_is_broken(
    constraint: Constraint, value: float, violation: float
) -> None:
    assert constraint.violation(value) == violation


results = st.builds(
    lambda row, violation: Scored(0, 0, (), "o", Outcome.VALID, row, violation=violation),
    gains,
    st.sampled_from([0.0, 0.0, 0.5, 2.0]),
)


@given(results, results, results)
def test_constrained_dominance_is_a_strict_order_and_feasible_programs_come_first(
    a: Scored, b: Scored, c: Scored
) -> None:
    assert not constrained_dominates(a, a)
    assert not (constrained_dominates(a, b) and constrained_dominates(b, a))
    if constrained_dominates(a, b) and constrained_dominates(b, c):
        assert constrained_dominates(a, c)
    if a.violation < b.violation:
        assert constrained_dominates(a, b) and constrained_better(a, b)
    if not a.violation and not b.violation:
        assert constrained_dominates(a, b) == dominates(a.gains, b.gains)


@given(results, results)
def test_merit_orders_as_the_contest_does(a: Scored, b: Scored) -> None:
    assert constrained_better(a, b) == (merit(a) > merit(b))
    if constrained_dominates(a, b):
        assert constrained_better(a, b)
