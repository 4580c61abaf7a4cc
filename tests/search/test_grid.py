from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.domain.evaluation import Outcome, Scored
from evolve.domain.objective import Feature
from evolve.domain.proposal import Placement
from evolve.search.grid import GridArchive

FEATURES = (Feature("lines", 0, 100, 10), Feature("speed", 0, 1, 4))


def valid(step: int, gains: Sequence[float], features: Sequence[float]) -> Scored:
    return Scored(step, 0, (), "test", Outcome.VALID, tuple(gains), tuple(features))


def test_cells_are_named_by_their_indices() -> None:
    grid = GridArchive(features=FEATURES)
    assert grid.add(valid(0, [1], [35, 0.8])) == (Placement.NEW, "3,3")
    assert grid.add(valid(1, [1], [0, 0])) == (Placement.NEW, "0,0")


def test_values_outside_the_range_fall_into_the_outer_cells() -> None:
    grid = GridArchive(features=FEATURES)
    assert grid.add(valid(0, [1], [-1e308, 1e308]))[1] == "0,3"
    assert grid.add(valid(1, [1], [1e308, -7]))[1] == "9,0"


def test_only_a_better_program_takes_an_occupied_cell() -> None:
    grid = GridArchive(features=FEATURES)
    first, tie, worse, better = (valid(step, [gain], [5, 0.5]) for step, gain in enumerate([2.0, 2.0, 1.0, 3.0]))
    assert grid.add(first)[0] is Placement.NEW
    assert grid.add(tie) == (Placement.NOT_PLACED, "")
    assert grid.add(worse) == (Placement.NOT_PLACED, "")
    assert grid.elites() == [first]
    assert grid.add(better) == (Placement.IMPROVED, "0,2")
    assert grid.elites() == [better]


def test_without_features_there_is_one_cell() -> None:
    grid = GridArchive(features=())
    assert grid.add(valid(0, [1], [])) == (Placement.NEW, "0")
    assert grid.add(valid(1, [2], [])) == (Placement.IMPROVED, "0")
    assert len(grid) == 1


def test_elites_keep_the_order_in_which_cells_were_found() -> None:
    grid = GridArchive(features=FEATURES)
    for step, lines in enumerate([90, 10, 50]):
        grid.add(valid(step, [1], [lines, 0]))
    grid.add(valid(3, [2], [90, 0]))
    assert [elite.step for elite in grid.elites()] == [3, 1, 2]


def test_a_program_with_the_wrong_number_of_features_is_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        GridArchive(features=FEATURES).add(valid(0, [1], [1]))


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(-10, 110), st.floats(-1, 2)), max_size=40))
@settings(max_examples=60, deadline=None)
def test_each_cell_holds_the_first_of_the_best_programs_offered_to_it(rows: list[tuple[int, int, float]]) -> None:
    grid = GridArchive(features=FEATURES)
    expected: dict[tuple[int, ...], Scored] = {}
    for step, (gain, lines, speed) in enumerate(rows):
        scored = valid(step, [gain], [lines, speed])
        grid.add(scored)
        cell = FEATURES[0].cell(lines), FEATURES[1].cell(speed)
        if cell not in expected or scored.gains > expected[cell].gains:
            expected[cell] = scored
    assert grid.elites() == list(expected.values())
