"""What judges of constructions share: the first look at an array, exact numbers, convolutions, greedy choice."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluators.constructions import array_fault, common_integers, convolution, digits, greedy, powers, scaled_to_one


@given(st.lists(st.floats(-1e100, 1e100), min_size=1, max_size=12))
def test_whole_numbers_over_their_unit_are_the_floats(values: list[float]) -> None:
    integers, unit = common_integers(np.array(values))
    assert [Fraction(value, unit) for value in integers.tolist()] == [Fraction(value) for value in values]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ([[1.0]], "found list"),
        (np.zeros((2, 2)), r"the shape \(k, 3\), found \(2, 2\)"),
        (np.zeros((0, 3)), r"found \(0, 3\)"),
        (np.zeros((1, 3), dtype=bool), "found an array of bool"),
        (np.zeros((1, 3), dtype=np.longdouble), "must return floats"),
        (np.zeros((1, 3), dtype=complex), "must return floats"),
        (np.full((1, 3), np.nan), r"entry \(0, 0\) is nan"),
        (np.full((1, 3), -np.inf), "must be finite"),
        (np.full((1, 3), 1e200), "at most 1e\\+100"),
    ],
)
def test_arrays_are_looked_at_before_anything_is_computed(answer: Any, words: str) -> None:
    assert re.search(words, array_fault(answer, "f()", (None, 3)))
    assert not array_fault(np.zeros((1, 3)), "f()", (None, 3))


@pytest.mark.parametrize("k", [1, 2, 1024, 1025, 1600, 3000])
def test_convolution_by_blocks_stays_within_its_error_bound(k: int) -> None:
    a, b = np.random.default_rng(k).integers(-9, 10, size=(2, k)).astype(float)
    assert (convolution(a, b)[0] == np.convolve(a, b)).all()  # whole numbers: no rounding
    a, b = np.random.default_rng(k).normal(size=(2, k))
    values, errors = convolution(a, b)
    for i in np.random.default_rng(0).integers(len(values), size=4).tolist():
        low, high = max(0, i - k + 1), min(i, k - 1)
        true = sum(Fraction(a[j]) * Fraction(b[i - j]) for j in range(low, high + 1))
        assert abs(Fraction(values[i]) - true) <= Fraction(errors[i])


@given(st.lists(st.floats(-1e100, 1e100).filter(lambda value: abs(value) > 1e-200), min_size=1, max_size=9))
def test_scaling_is_by_a_power_of_two(values: list[float]) -> None:
    scaled = scaled_to_one(np.array(values))
    assert 0.5 <= np.abs(scaled).max() < 1
    ratios = {Fraction(a) / Fraction(b) for a, b in zip(values, scaled.tolist(), strict=True) if abs(b) > 1e-290}
    assert len(ratios) == 1


def test_vectors_come_in_lexicographic_order_and_know_their_place() -> None:
    vectors = digits(3, 4)
    assert [tuple(row) for row in vectors.tolist()] == sorted(map(tuple, vectors.tolist()))
    assert (vectors @ powers(3, 4) == np.arange(81)).all()


def test_greedy_takes_the_first_of_equals_and_never_what_is_barred_or_minus_infinity() -> None:
    scores = np.array([1.0, 2.0, 2.0, -np.inf, 0.0])
    seen = []

    def neighbours(new: int, before: Any) -> Any:
        seen.append((new, before.tolist()))
        return np.array([k for k in (new - 1, new + 1) if 0 <= k < 5])

    assert greedy(scores, neighbours).tolist() == [1, 4]
    assert seen == [(1, []), (4, [1])]
