from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.bench.curves import Curve, Scale, hypervolume, rising_area, steps

UNIT = st.floats(0, 1)
FRONT = st.lists(st.tuples(UNIT, UNIT), max_size=6)
FINITE = st.floats(-1e6, 1e6)


@given(FRONT)
@settings(max_examples=50)
def test_a_hypervolume_is_the_share_of_points_that_some_program_dominates(front: list[tuple[float, float]]) -> None:
    middles = (np.arange(200) + 0.5) / 200
    covered = np.zeros((200, 200), dtype=bool)
    for a, b in front:
        covered |= (middles[:, None] < a) & (middles[None, :] < b)
    assert hypervolume(front, (0.0, 0.0)) == pytest.approx(covered.mean(), abs=0.03)


@given(FRONT, st.tuples(UNIT, UNIT))
@settings(max_examples=50)
def test_a_dominated_program_adds_nothing_to_the_hypervolume(
    front: list[tuple[float, float]], extra: tuple[float, float]
) -> None:
    before, after = hypervolume(front, (0.0, 0.0)), hypervolume([*front, extra], (0.0, 0.0))
    assert after >= before - 1e-12
    if any(a >= extra[0] and b >= extra[1] for a, b in front):
        assert after == pytest.approx(before)


def test_the_area_rises_with_every_program_that_is_not_dominated() -> None:
    told = [(0, (0.5, 0.5)), (1, (0.4, 0.4)), (2, (1.0, 0.25)), (3, (0.5, 0.6))]
    assert rising_area(told, (0.0, 0.0)) == [
        (0, 0.0),
        (0, pytest.approx(0.25)),
        (2, pytest.approx(0.375)),
        (3, pytest.approx(0.425)),
    ]


@given(FINITE, FINITE, FINITE, FINITE)
@settings(max_examples=50)
def test_the_scale_and_the_positive_score_keep_the_order(seed: float, step: float, one: float, other: float) -> None:
    scale = Scale(seed, seed + 1.0 + abs(step))
    low, high = sorted((one, other))
    assert scale(low) <= scale(high)
    assert 0 < scale.positive(low) <= scale.positive(high)
    assert scale(seed) == 0 and scale.positive(seed) == 1


def test_a_scale_for_gains_of_something_minimised_is_not_cut_at_its_ends() -> None:
    scale = Scale(seed=-2.0, reference=-1.0)
    assert [scale(gain) for gain in (-3.0, -2.0, -1.5, -1.0, 0.0)] == [-1.0, 0.0, 0.5, 1.0, 2.0]


def test_a_curve_is_a_step_function_from_the_seed_on() -> None:
    curve = steps([(0, 0.0), (2, 0.0), (2, 1.0), (4, 1.0), (5, 0.5), (7, 9.0)], proposals=6)
    assert list(curve.points) == [(0, 0.0), (2, 1.0), (5, 0.5)]
    assert curve.values().tolist() == [0, 0, 1, 1, 1, 0.5, 0.5]
    assert curve.area() == pytest.approx(4 / 6)
    assert curve.final() == 0.5
    assert Curve([(0, 0.25)], 3).area() == 0.25
