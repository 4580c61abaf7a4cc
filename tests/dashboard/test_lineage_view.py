"""Trees of programs, without a browser."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from evolve.dashboard.charts.lineages import tree
from evolve.dashboard.views import lineage
from evolve.domain.evaluation import Outcome
from evolve.domain.objective import Direction, Objective
from evolve.domain.proposal import Placement
from evolve.domain.questions import AttemptRow
from tests.dashboard.dashboards import EVIL

SCORE = Objective("score", Direction.MAXIMIZE)


def _row(step: int, parent: int, score: float | None = None) -> AttemptRow:
    values = {} if score is None else {"score": score}
    return AttemptRow(
        step,
        step,
        parent,
        0,
        EVIL,
        "",
        Outcome.VALID if values else Outcome.CRASHED,
        "",
        Placement.NEW,
        "",
        0.0,
        values,
    )


def _lines(rows: Sequence[AttemptRow], steps: Sequence[int]) -> list[list[AttemptRow]]:
    found = []
    for step in steps:
        line = [rows[step]]
        while line[-1].step:
            line.append(rows[line[-1].parent])
        found.append(line)
    return found


@st.composite
def _populations(draw: st.DrawFn) -> tuple[list[AttemptRow], list[int]]:
    size = draw(st.integers(1, 80))
    rows = [_row(0, 0, 1.0)]
    for step in range(1, size):
        score = draw(st.one_of(st.none(), st.integers(0, 5).map(float)))
        rows.append(_row(step, draw(st.integers(max(0, step - 3), step - 1)), score))
    chosen = draw(st.lists(st.integers(0, size - 1), min_size=1, max_size=lineage.MOST_LINES, unique=True))
    return rows, chosen


@given(_populations())
def test_a_tree_leads_from_the_seed_to_all_that_were_chosen(population: tuple[list[AttemptRow], list[int]]) -> None:
    rows, chosen = population
    lines = _lines(rows, chosen)
    family = lineage.family(lines, SCORE)
    assert {0, *chosen} <= set(family.nodes)
    above = {edge.descendant: edge for edge in family.edges}
    assert len(above) == len(family.edges) == len(family.nodes) - 1  # a tree: one way to each
    for edge in family.edges:
        assert rows[edge.ancestor].sequence < rows[edge.descendant].sequence
    for line, generations in zip(lines, family.generations, strict=True):
        step, passed = line[0].step, 0
        while step:
            passed += above[step].between + 1
            step = above[step].ancestor
        assert passed == generations == len(line) - 1


@given(_populations())
def test_no_two_programs_stand_at_the_same_place(population: tuple[list[AttemptRow], list[int]]) -> None:
    rows, chosen = population
    family = lineage.family(_lines(rows, chosen), SCORE)
    nodes = tree(family, [], SCORE, str)["data"][-1]
    assert len(set(zip(nodes["x"], nodes["y"], strict=True))) == len(family.nodes)
    assert not any("<" in text for text in nodes["hovertext"])


def test_a_long_line_is_drawn_in_few_steps_and_says_what_is_left_out() -> None:
    rows = [_row(step, max(step - 1, 0), float(step)) for step in range(3000)]
    family = lineage.family(_lines(rows, [2999]), SCORE)
    assert len(family.nodes) == lineage.MOST_CHANGES
    assert family.left_out() == 3000 - lineage.MOST_CHANGES
    assert (
        lineage.in_words(family)
        == "40 programs. 2,960 generations that changed the score little or not at all are left out."
    )


def test_lines_part_where_they_part() -> None:
    rows = [_row(0, 0, 1.0), _row(1, 0, 1.0), _row(2, 1, 1.0), _row(3, 2, 5.0), _row(4, 2, 7.0)]
    family = lineage.family(_lines(rows, [3, 4]), SCORE)
    assert [(edge.ancestor, edge.descendant, edge.between) for edge in family.edges] == [
        (0, 2, 1),
        (2, 3, 0),
        (2, 4, 0),
    ]


def test_what_prompts_showed_is_drawn_among_what_is_there() -> None:
    rows = [_row(0, 0, 1.0), _row(1, 0, 2.0), _row(2, 1, 3.0)]
    family = lineage.family(_lines(rows, [2]), SCORE)
    assert lineage.inspirations(family, {2: (1, 0, 9)}) == [(0, 2)]
