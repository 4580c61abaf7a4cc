from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.search.tradeoffs import complements, draw_others, draw_tradeoff, draw_weights, quality, tchebycheff

finite = st.floats(allow_nan=False, allow_infinity=False)
tables = st.lists(st.tuples(finite, finite), min_size=1, max_size=12).map(np.array)
RING = np.array([[np.sin(angle), np.cos(angle)] for angle in np.linspace(0, np.pi / 2, 9)])
CAVE = np.array([[1.0, 0.0], [0.4, 0.4], [0.0, 1.0], [0.3, 0.3]])


@given(tables)
@settings(max_examples=60, deadline=None)
def test_quality_runs_from_0_to_1_and_keeps_the_order(gains: np.ndarray) -> None:
    scaled = quality(gains)
    assert scaled.shape == gains.shape
    assert ((scaled >= 0) & (scaled <= 1)).all()
    assert (scaled[gains.argmax(axis=0), [0, 1]] == 1).all()
    for column, original in zip(scaled.T, gains.T, strict=True):
        assert (np.diff(column[original.argsort()]) >= 0).all()


def test_weights_sum_to_one_and_cover_all_mixtures() -> None:
    rng = np.random.default_rng(0)
    drawn = np.array([draw_weights(3, rng) for _ in range(3000)])
    assert np.allclose(drawn.sum(axis=1), 1)
    assert np.allclose(drawn.mean(axis=0), 1 / 3, atol=0.02)


def test_the_loss_is_the_largest_weighted_distance_and_a_little_of_the_sum() -> None:
    losses = tchebycheff(np.array([[1.0, 1.0], [1.0, 0.0], [0.5, 0.5]]), np.array([0.25, 0.75]))
    assert losses == pytest.approx([0.0, 0.75 * 1.001, 0.375 + 0.001 * 0.5])


@pytest.mark.parametrize("gains", [RING, CAVE[:3], RING * [1e-9, 1e9]])
def test_every_member_of_a_front_comes_up_also_where_it_caves_in(gains: np.ndarray) -> None:
    rng = np.random.default_rng(1)
    assert {draw_tradeoff(gains, rng) for _ in range(500)} == set(range(len(gains)))


def test_a_dominated_program_is_never_drawn() -> None:
    rng = np.random.default_rng(2)
    assert 3 not in {draw_tradeoff(CAVE, rng) for _ in range(500)}


def test_complements_are_ahead_where_the_parent_is_behind() -> None:
    scaled = np.array([[1.0, 0.0], [0.8, 0.5], [0.0, 1.0]])
    assert complements(scaled, 0) == pytest.approx([0.0, 0.5, 1.0])
    assert complements(scaled, 1) == pytest.approx([0.2, 0.0, 0.5])


@given(st.lists(st.sampled_from([0.0, 0.5, 3.0]), min_size=1, max_size=8), st.integers(0, 9))
@settings(max_examples=60, deadline=None)
def test_others_are_different_ascending_and_without_the_parent(weights: list[float], count: int) -> None:
    rng = np.random.default_rng(len(weights) + count)
    drawn = list(draw_others(np.array(weights), 0, count, rng))
    assert len(drawn) == min(count, len(weights) - 1)
    assert drawn == sorted(set(drawn) - {0})
    useful = sum(weight > 0 for weight in weights[1:])
    assert sum(weights[index] > 0 for index in drawn) == min(useful, len(drawn))


def test_others_come_up_in_proportion_to_their_weights() -> None:
    rng = np.random.default_rng(3)
    drawn = [int(draw_others(np.array([9.0, 1.0, 3.0]), 0, 1, rng)[0]) for _ in range(4000)]
    assert drawn.count(2) / len(drawn) == pytest.approx(0.75, abs=0.03)
