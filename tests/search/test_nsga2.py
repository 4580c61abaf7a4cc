from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.domain.evaluation import Outcome, Scored
from evolve.domain.objective import constrained_dominates
from evolve.domain.proposal import Placement
from evolve.errors import ConfigurationError
from evolve.search.nsga2 import Nsga2Search, Population, crowding, front_numbers


def valid(step: int, *gains: float, violation: float = 0.0) -> Scored:
    return Scored(step, 0, (), "test", Outcome.VALID, gains, violation=violation)


def search(**changes: float) -> Nsga2Search:
    settings = {"population": 10, "tradeoffs": 0.5, "inspirations": 2, **changes}
    return Nsga2Search(features=(), **settings)  # type: ignore[arg-type]


def fronts_by_peeling(programs: list[Scored]) -> list[int]:
    numbers = dict[int, int]()
    left = {program.step: program for program in programs}
    while left:
        front = [p for p in left.values() if not any(constrained_dominates(o, p) for o in left.values())]
        number = max(numbers.values(), default=-1) + 1
        for program in front:
            numbers[program.step] = number
            del left[program.step]
    return [numbers[program.step] for program in programs]


def crowding_by_hand(gains: Sequence[tuple[float, ...]]) -> list[float]:
    """Deb's definition, one program after another; gains differ within each objective."""
    found = []
    for row in gains:
        total = 0.0
        for value, column in zip(row, zip(*gains, strict=True), strict=True):
            below, above = ([v for v in column if v < value], [v for v in column if v > value])
            ends = not below or not above
            total += np.inf if ends else (min(above) - max(below)) / (max(column) - min(column))
        found.append(total)
    return found


coarse = st.integers(0, 4).map(float)
populations = st.lists(st.tuples(coarse, coarse, coarse, st.sampled_from([0.0, 0.0, 1.0])), min_size=1, max_size=14)


@given(populations)
@settings(max_examples=60, deadline=None)
def test_fronts_are_those_of_peeling_under_constrained_domination(rows: list[tuple[float, ...]]) -> None:
    programs = [valid(step, *row[:3], violation=row[3]) for step, row in enumerate(rows)]
    table = np.array(rows)
    assert list(front_numbers(table[:, :3], table[:, 3])) == fronts_by_peeling(programs)


@given(st.permutations(range(7)), st.permutations(range(7)))
@settings(max_examples=40, deadline=None)
def test_crowding_is_debs(first: list[int], second: list[int]) -> None:
    gains = [(float(a), 10.0 * b**2) for a, b in zip(first, second, strict=True)]
    assert list(crowding(np.array(gains))) == pytest.approx(crowding_by_hand(gains))


def test_an_objective_without_differences_does_not_crowd() -> None:
    assert list(crowding(np.array([[1.0, 0.0], [1.0, 2.0], [1.0, 4.0]]))) == [np.inf, 1.0, np.inf]
    assert list(crowding(np.array([[1.0, 1.0]]))) == [0.0]


def test_the_most_crowded_of_the_last_front_leaves() -> None:
    population = Population(4)
    for step, gains in enumerate([(0.0, 10.0), (4.0, 6.0), (5.0, 5.0), (10.0, 0.0)]):
        assert population.add(valid(step, *gains)) is Placement.NEW
    assert population.add(valid(4, 8.0, 2.0)) is Placement.IMPROVED
    assert [member.step for member in population.members] == [3, 4, 1, 0], "5, 5 had the nearest neighbours"
    assert population.add(valid(5, 1.0, 1.0)) is Placement.NOT_PLACED, "dominated"
    assert population.add(valid(6, 8.0, 2.0)) is Placement.NOT_PLACED, "there already"


def test_infeasible_programs_leave_first() -> None:
    population = Population(2)
    for step, violation in enumerate([2.0, 1.0]):
        population.add(valid(step, 9.0, 9.0, violation=violation))
    assert population.add(valid(2, 0.0, 0.0)) is Placement.IMPROVED
    assert population.add(valid(3, 0.0, 1.0)) is Placement.IMPROVED
    assert [member.step for member in population.members] == [3, 2]
    assert population.add(valid(4, 99.0, 99.0, violation=0.1)) is Placement.NOT_PLACED


@given(st.lists(st.tuples(coarse, coarse), min_size=1, max_size=25), st.integers(2, 6))
@settings(max_examples=40, deadline=None)
def test_the_best_program_never_leaves(rows: list[tuple[float, float]], size: int) -> None:
    population = Population(size)
    for step, row in enumerate(rows):
        population.add(valid(step, *row))
        assert population.members[0].gains == max(rows[: step + 1])
        assert len(population.members) <= size


def test_all_parts_of_the_front_breed() -> None:
    subject = search(tradeoffs=1.0)
    for step in range(10):
        subject.tell(valid(step, float(step), float(9 - step) ** 2))
    parents = [subject.ask(np.random.default_rng(draw)).parent for draw in range(400)]
    assert set(parents) == set(range(10))


def test_tournaments_prefer_the_first_front() -> None:
    subject = search(tradeoffs=0.0)
    for step in range(5):
        subject.tell(valid(step, float(step), float(4 - step)))
        subject.tell(valid(10 + step, step - 9.0, -5.0 - step))
    parents = [subject.ask(np.random.default_rng(draw)).parent for draw in range(400)]
    assert sum(parent < 10 for parent in parents) / 400 == pytest.approx(0.75, abs=0.07)


def test_infeasible_programs_do_not_breed_for_a_tradeoff_beside_feasible_ones() -> None:
    subject = search(tradeoffs=1.0)
    subject.tell(valid(0, 0.0, 0.0))
    subject.tell(valid(1, 50.0, 50.0, violation=0.1))
    assert {subject.ask(np.random.default_rng(draw)).parent for draw in range(20)} == {0}


def test_inspirations_are_ahead_where_the_parent_is_behind() -> None:
    subject = search(inspirations=1, tradeoffs=1.0)
    for step, gains in enumerate([(0.0, 1.0), (1.0, 0.0), (-0.5, -0.5)]):
        subject.tell(valid(step, *gains))
    for draw in range(30):
        choice = subject.ask(np.random.default_rng(draw))
        assert choice.inspirations == (1 - choice.parent,)


@pytest.mark.parametrize("changes", [{"population": 1}, {"tradeoffs": 1.1}, {"inspirations": -1}])
def test_settings_out_of_range_are_named(changes: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError, match=f"search.{next(iter(changes))}"):
        search(**changes)


def test_population_spreads_over_a_front() -> None:
    subject = search(population=12)
    rng = np.random.default_rng(0)
    for step in range(400):
        angle = rng.random() * np.pi / 2
        subject.tell(valid(step, float(np.sin(angle)), float(np.cos(angle))))
    kept = sorted(subject.ask(np.random.default_rng(draw)).parent for draw in range(300))
    firsts = sorted({member.gains[0] for member in subject.front() if member.step in set(kept)})
    assert max(np.diff(firsts)) < 0.35


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 1)), min_size=1, max_size=60))
@settings(max_examples=50)
def test_with_one_objective_the_worst_by_merit_leaves(drawn: list[tuple[int, int]]) -> None:
    population = Population(5)
    for step, (gain, violation) in enumerate(drawn):
        population.add(valid(step, float(gain), violation=float(violation)))
    found = {(-float(violation), float(gain)) for gain, violation in drawn}
    kept = [(-member.violation, member.gains[0]) for member in population.members]
    assert kept == sorted(found, reverse=True)[:5]
    peeled = front_numbers(population.gains(), np.array([member.violation for member in population.members]))
    assert population.fitness()[:, 0].tolist() == peeled.tolist()
