from __future__ import annotations

import itertools
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.domain.evaluation import Outcome, Scored
from evolve.domain.objective import dominates
from evolve.domain.proposal import Placement
from evolve.search.pareto import ParetoFront, hypervolume


def valid(step: int, *gains: float, violation: float = 0.0) -> Scored:
    return Scored(step, 0, (), "test", Outcome.VALID, gains, (), violation=violation)


def brute_force(told: list[Scored]) -> list[Scored]:
    """The earliest program of each vector of gains that no other dominates, best first."""
    kept = [
        program
        for program in told
        if not any(dominates(other.gains, program.gains) for other in told)
        and not any(other.gains == program.gains and other.step < program.step for other in told)
    ]
    return sorted(kept, key=lambda program: program.gains, reverse=True)


@pytest.mark.parametrize("objectives", [1, 2, 3, 5])
@given(data=st.data())
@settings(max_examples=50, deadline=None)
def test_front_is_the_brute_force_front_after_every_offer(objectives: int, data: st.DataObject) -> None:
    vectors = st.tuples(*[st.integers(0, 3).map(float)] * objectives)
    rows = data.draw(st.lists(vectors, max_size=20))
    offers = data.draw(st.permutations([valid(step, *row) for step, row in enumerate(rows)]))
    front = ParetoFront()
    for count, scored in enumerate(offers, start=1):
        front.add(scored)
        expected = brute_force(offers[:count])
        assert list(front.elites()) == expected
        assert front.best == expected[0]
        assert len(front) == len(expected)


def test_many_programs_with_three_objectives_agree_with_brute_force() -> None:
    gains = np.random.default_rng(0).normal(size=(400, 3))
    told = [valid(step, *map(float, row)) for step, row in enumerate(gains)]
    front = ParetoFront()
    for scored in told:
        front.add(scored)
    assert list(front.elites()) == brute_force(told)


def test_placement_says_whether_members_were_displaced() -> None:
    front = ParetoFront()
    assert front.add(valid(0, 1, 1)) == (Placement.NEW, "front")
    assert front.add(valid(1, 0, 2)) == (Placement.NEW, "front")
    assert front.add(valid(2, 2, 1)) == (Placement.IMPROVED, "front")
    assert front.add(valid(3, 0, 0)) == (Placement.NOT_PLACED, "")
    assert [member.step for member in front.elites()] == [2, 1]


def test_of_equal_gains_the_earlier_step_is_kept_whatever_came_first() -> None:
    steps = [4, 2, 9, 3]
    for shuffle in range(6):
        order = list(steps)
        Random(shuffle).shuffle(order)
        front = ParetoFront()
        for step in order:
            front.add(valid(step, 1.0, 2.0))
        assert [member.step for member in front.elites()] == [2]
        assert front.best is not None
        assert front.best.step == 2


def test_an_empty_front_has_no_best() -> None:
    assert ParetoFront().best is None
    assert list(ParetoFront().elites()) == []


def test_of_programs_that_break_constraints_only_the_least_violating_stays() -> None:
    front = ParetoFront()
    assert front.add(valid(0, 5, 5, violation=1.0))[0] is Placement.NEW
    assert front.add(valid(1, 9, 9, violation=2.0))[0] is Placement.NOT_PLACED
    assert front.add(valid(2, 0, 0, violation=0.5))[0] is Placement.IMPROVED
    assert [member.step for member in front.elites()] == [2]
    assert front.add(valid(3, -1, -1))[0] is Placement.IMPROVED, "feasible"
    assert front.add(valid(4, 9, 9, violation=0.1))[0] is Placement.NOT_PLACED
    assert front.best == valid(3, -1, -1)


@pytest.mark.parametrize("objectives", [2, 3])
def test_a_large_front_agrees_with_brute_force(objectives: int) -> None:
    gains = np.random.default_rng(1).integers(1, 40, size=(600, objectives)).astype(float)
    gains[300:] /= np.linalg.norm(gains[300:], axis=1)[:, None] / 60  # on a sphere: most stay
    told = [valid(step, *map(float, row)) for step, row in enumerate(gains)]
    front = ParetoFront()
    for scored in told:
        front.add(scored)
    assert list(front.elites()) == brute_force(told)
    assert len(front) > 64


boxes = st.lists(st.tuples(*[st.integers(-1, 4).map(float)] * 3), max_size=8)


@given(boxes)
@settings(max_examples=40, deadline=None)
def test_hypervolume_is_the_number_of_unit_cubes_below_the_front(gains: list[tuple[float, ...]]) -> None:
    corners = itertools.product(range(1, 5), repeat=3)
    covered = sum(any(all(c <= g for c, g in zip(corner, row, strict=True)) for row in gains) for corner in corners)
    assert hypervolume(gains, (0.0, 0.0, 0.0)) == pytest.approx(covered)


@given(boxes, st.tuples(*[st.integers(-1, 4).map(float)] * 3))
@settings(max_examples=30, deadline=None)
def test_hypervolume_never_falls_as_programs_come(gains: list[tuple[float, ...]], more: tuple[float, ...]) -> None:
    reference = (0.0, 0.0, 0.0)
    assert hypervolume([*gains, more], reference) >= hypervolume(gains, reference) - 1e-9
