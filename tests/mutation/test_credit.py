from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.domain.evaluation import Outcome, Scored
from evolve.mutation.credit import FAILED, Grader, Relation


def child(step: int, *gains: float, parent: int = 0) -> Scored:
    return Scored(step, 0, (parent,) if step else (), "diff", Outcome.VALID, gains)


def test_a_child_is_compared_with_its_parent_and_ranked_among_recent_ones() -> None:
    grader = Grader()
    grader.grade(child(0, 1.0))
    better = grader.grade(child(1, 2.0))
    assert better is not None and better.relation is Relation.BETTER
    assert (better.rank, better.reward, better.record) == (1.0, 1.0, True)
    weak = grader.grade(child(2, 1.5))
    assert weak is not None and (weak.reward, weak.record) == (0.5, False)
    same = grader.grade(child(3, 2.0, parent=1))
    assert same is not None and (same.relation, same.reward) == (Relation.NO_BETTER, 0.0)


def test_trading_objectives_pays_only_above_the_middle() -> None:
    grader = Grader()
    grader.grade(child(0, 1.0, 1.0))
    ruined = grader.grade(child(1, -5.0, 2.0))
    assert ruined is not None and ruined.relation is Relation.APART
    assert ruined.reward == 0.0
    for step in range(2, 12):
        grader.grade(child(step, 0.0, 0.0))
    traded = grader.grade(child(12, 2.0, 0.9))
    assert traded is not None and traded.relation is Relation.APART
    assert 0.0 < traded.reward < 0.5


def test_failures_are_the_lowest_grade_and_ours_are_none() -> None:
    grader = Grader()
    grader.grade(child(0, 1.0))
    assert grader.grade(Scored(1, 0, (), "diff", Outcome.REJECTED)) == FAILED
    assert grader.grade(Scored(2, 0, (0,), "diff", Outcome.INFRASTRUCTURE)) is None
    worst = grader.grade(child(3, -1e9))
    assert worst is not None and worst.height > FAILED.height == 0.0


@given(st.lists(st.tuples(st.floats(-5, 5), st.floats(-5, 5), st.integers(0, 5)), min_size=1, max_size=40))
@settings(max_examples=50)
def test_grades_stay_in_range_and_keep_their_order(rows: list[tuple[float, float, int]]) -> None:
    grader = Grader()
    for step, (first, second, back) in enumerate(rows):
        grade = grader.grade(child(step, first, second, parent=max(0, step - 1 - back)))
        assert grade is not None
        assert 0.0 <= grade.rank <= 1.0 and 0.0 <= grade.reward <= 1.0 and 0.0 <= grade.height <= 1.0
        assert (grade.reward > 0) <= (grade.relation is not Relation.NO_BETTER)


def test_the_window_forgets() -> None:
    grader = Grader()
    for step in range(300):
        grader.grade(child(step, 100.0))
    for step in range(300, 600):
        grader.grade(child(step, 1.0))
    grade = grader.grade(child(600, 2.0, parent=599))
    assert grade is not None and grade.rank == 1.0
    assert np.isfinite(grade.reward) and grade.reward == pytest.approx(1.0)
