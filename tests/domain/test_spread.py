from __future__ import annotations

import math

import numpy as np
import pytest

from evolve.domain.spread import Spread, student_t


@pytest.mark.parametrize(
    ("freedom", "expected"),
    [(1, 12.7062), (2, 4.30265), (3, 3.18245), (4, 2.77645), (5, 2.57058), (10, 2.22814), (30, 2.04227)],
)
def test_students_t_agrees_with_the_tables(freedom: int, expected: float) -> None:
    assert student_t(freedom) == pytest.approx(expected, rel=2e-4)


@pytest.mark.parametrize(("freedom", "expected"), [(3, 0.136598), (4, 0.133830), (20, 0.127273)])
def test_students_t_of_low_confidence(freedom: int, expected: float) -> None:
    assert student_t(freedom, 0.1) == pytest.approx(expected, rel=2e-3)


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)
    spreads = [Spread.of(list(rng.normal(7.0, 2.0, size=4))) for _ in range(1500)]
    covered = np.mean([abs(s.mean - 7.0) <= s.half_width for s in spreads])
    assert 0.93 < covered < 0.97


def test_equal_values_have_no_spread_and_one_value_no_interval() -> None:
    assert Spread.of([0.1, 0.1, 0.1]) == Spread(3, 0.1, 0.0, 0.0)
    assert Spread.of([0.1, 0.1, 0.1]).repeats_for(0.001) == 1
    assert math.isinf(Spread.of([0.1]).half_width)


def test_as_many_repeats_as_are_called_for_show_the_difference_four_times_in_five() -> None:
    rng = np.random.default_rng(4)
    count = int(Spread(50, 10.0, 1.0, 0.0).repeats_for(0.8))
    ahead = rng.normal(0.8, 1.0, (4000, count)).mean(1) - rng.normal(0.0, 1.0, (4000, count)).mean(1)
    assert 0.78 < np.mean(ahead > 1.96 * math.sqrt(2 / count)) < 0.85
