"""Judges of step functions and Hermite combinations against slow verifiers that follow the definitions."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.polynomial import hermite

from evaluators import Score
from evaluators.constructions import Floats
from tests.problems.problem_support import Answering, load_judge

first = load_judge("autocorrelation_1")
second = load_judge("autocorrelation_2")
third = load_judge("autocorrelation_3")
erdos = load_judge("erdos_minimum_overlap")
uncertainty = load_judge("uncertainty_inequality")

seeds = st.integers(0, 2**32 - 1)
share = st.one_of(st.floats(0, 1), st.sampled_from([0.0, 1.0, 5e-324, 1e-161, 1e-20, 0.5]))
size = st.one_of(share, st.sampled_from([1e30, 1e100]))
functions = st.lists(size, min_size=1, max_size=8).map(np.array)


def judged(judge: object, heights: Floats) -> Score:
    return judge.evaluate(Answering(heights), "full", {})  # type: ignore[attr-defined, no-any-return]


def overlap(f: list[Fraction], g: list[Fraction], t: Fraction) -> Fraction:
    """Return the integral of f(x) g(t - x), both with steps of width 1 from 0, from its definition."""
    total = Fraction(0)
    for i, a in enumerate(f):
        for j, b in enumerate(g):  # x in [i, i + 1] and t - x in [j, j + 1]
            total += a * b * max(Fraction(0), min(Fraction(i + 1), t - j) - max(Fraction(i), t - j - 1))
    return total


def greatest(f: list[Fraction], g: list[Fraction]) -> Fraction:
    """Return the maximum over a grid of thirds: corners and points between them."""
    return max(overlap(f, g, Fraction(k, 3)) for k in range(3 * (len(f) + len(g)) + 1))


def near(found: float, true: Fraction, slack: float) -> bool:
    return abs(Fraction(found) - true) <= Fraction(slack)


@settings(max_examples=60, deadline=None)
@given(functions)
def test_first_bound_is_above_the_true_one_by_no_more_than_it_says(heights: Floats) -> None:
    assume(heights.max() > 0)
    exact = [Fraction(value) for value in heights.tolist()]
    true = 2 * len(exact) * greatest(exact, exact) / sum(exact) ** 2
    verdict = judged(first, heights)
    assert Fraction(verdict.metrics["bound"]) >= true
    assert near(verdict.metrics["bound"], true, 2 * verdict.metrics["slack"])
    assert verdict.metrics["slack"] < 1e-12


@settings(max_examples=60, deadline=None)
@given(functions)
def test_second_bound_is_below_the_true_one_by_no_more_than_it_says(heights: Floats) -> None:
    assume(heights.max() > 0)
    exact = [Fraction(value) for value in heights.tolist()]
    corners = [overlap(exact, exact, Fraction(k)) for k in range(2 * len(exact) + 1)]
    middles = [overlap(exact, exact, Fraction(2 * k + 1, 2)) for k in range(2 * len(exact))]
    # Simpson's rule is exact for the square of a linear function.
    squares = sum((a**2 + 4 * m**2 + b**2) / 6 for a, m, b in zip(corners, middles, corners[1:], strict=False))
    whole = sum((a + b) / 2 for a, b in pairwise(corners))
    true = Fraction(squares / whole / max(corners))
    verdict = judged(second, heights)
    assert Fraction(verdict.metrics["bound"]) <= true
    assert near(verdict.metrics["bound"], true, 2 * verdict.metrics["slack"])


@settings(max_examples=80, deadline=None)
@given(st.lists(st.floats(-1, 1), min_size=1, max_size=8).map(np.array))
def test_third_bound_is_above_the_true_one_for_any_signs(heights: Floats) -> None:
    exact = [Fraction(value) for value in heights.tolist()]
    verdict = judged(third, heights)
    sizes = [abs(value) for value in exact]
    vanishing = abs(sum(exact, Fraction(0))) <= Fraction(1, 1000) * sum(sizes, Fraction(0))
    assert verdict.valid != vanishing
    if verdict.valid:
        true = Fraction(abs(2 * len(exact) * greatest(exact, exact) / sum(exact) ** 2))
        assert Fraction(verdict.metrics["bound"]) >= true
        assert near(verdict.metrics["bound"], true, 2 * verdict.metrics["slack"])


@settings(max_examples=80, deadline=None)
@given(st.lists(share, min_size=1, max_size=7), st.sampled_from([0.0, 0.0, 3e-12, -8e-12, 2e-11, -1e-9, 1e-3]))
def test_overlap_of_the_rescaled_function_is_that_of_fractions(values: list[float], off: float) -> None:
    raw = np.array(values)
    assume(raw.min() < 1 and raw.max() > 0)
    scaled = erdos.rescaled(raw) * (1 + off)
    assume(scaled.min() >= 0 and scaled.max() <= 1)
    exact = [Fraction(value) for value in scaled.tolist()]
    half, total = Fraction(len(exact), 2), sum(exact)
    verdict = judged(erdos, scaled)
    assert verdict.valid == (abs(total / half - 1) <= Fraction(1e-11))
    if verdict.valid:
        if total >= half:
            h = [value * half / total for value in exact]
        else:
            h = [1 - (1 - value) * half / (len(exact) - total) for value in exact]
        assert sum(h) == half and min(h) >= 0 and max(h) <= 1
        true = greatest(h, [1 - value for value in reversed(h)]) * 2 / len(h)
        assert Fraction(verdict.metrics["bound"]) >= true
        assert near(verdict.metrics["bound"], true, 2 * verdict.metrics["slack"])


def test_known_functions_have_their_known_values() -> None:
    assert judged(first, np.ones(7)).metrics["bound"] == pytest.approx(2.0, abs=1e-12)
    assert judged(second, np.ones(7)).metrics["bound"] == pytest.approx(2 / 3, abs=1e-12)
    assert judged(third, -np.ones(7)).metrics["bound"] == pytest.approx(2.0, abs=1e-12)
    plateau = np.repeat([0.0, 1.0, 0.0], [5, 10, 5])
    assert judged(erdos, plateau).metrics["bound"] == pytest.approx(0.5, abs=1e-12)
    assert judged(erdos, np.full(8, 0.5)).metrics["bound"] == pytest.approx(0.5, abs=1e-12)


@pytest.mark.parametrize("judge", [first, second, third])
def test_scale_does_not_matter(judge: object) -> None:
    heights = np.random.default_rng(1).random(40)
    bounds = {judged(judge, heights * 2.0**power).metrics["bound"] for power in (0, 300, -600)}
    assert len(bounds) == 1


# ── the uncertainty principle ─────────────────────────────────────────────────────────────────
def from_roots(roots: list[Fraction], others: list[list[Fraction]]) -> list[int]:
    """Return whole coefficients, constant term first, of the product of (t - root) and further factors."""
    product = [Fraction(1)]
    factors: list[list[Fraction]] = [[-root, Fraction(1)] for root in roots] + others
    for factor in factors:
        grown = [Fraction(0)] * (len(product) + len(factor) - 1)
        for i, a in enumerate(product):
            for j, b in enumerate(factor):
                grown[i + j] += a * b
        product = grown
    unit = math.lcm(*(value.denominator for value in product))
    return [int(value * unit) for value in product]


roots_with_multiplicity = st.dictionaries(
    st.fractions(-3, 9, max_denominator=64).filter(bool), st.integers(1, 4), min_size=1, max_size=4
)


@settings(max_examples=150, deadline=None)
@given(roots_with_multiplicity, st.booleans())
def test_last_change_is_the_last_positive_root_of_odd_multiplicity(roots: dict[Fraction, int], more: bool) -> None:
    repeated = [root for root, count in roots.items() for _ in range(count)]
    polynomial = from_roots(repeated, [[Fraction(5), Fraction(1), Fraction(1)]] if more else [])
    found, passed = uncertainty.last_change(polynomial)
    odd = [root for root, count in roots.items() if count % 2 and root > 0]
    true = max(odd, default=Fraction(0))
    assert true <= found <= true * (1 + Fraction(1, 2**59))
    assert passed == sum(root > true for root in roots)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(-1, 1), min_size=1, max_size=4), seeds)
def test_sign_of_the_hermite_combination_changes_where_the_judge_says(values: list[float], seed: int) -> None:
    sizes = [math.sqrt(2.0 ** (4 * i) * math.factorial(4 * i)) for i in range(len(values) + 1)]
    given_ = np.round(np.array(values), 3) / sizes[:-1]
    assume(np.abs(given_).max() > 0)
    verdict = judged(uncertainty, given_)
    assert verdict.valid
    series = np.zeros(4 * len(values) + 1)
    series[::4][:-1] = given_
    last = np.zeros_like(series)
    last[-1] = 1.0
    series[-1] = -hermite.hermval(0.0, series) / hermite.hermval(0.0, last)
    far = 1e3
    sign = np.sign(hermite.hermval(far, series))
    r = math.sqrt(verdict.metrics["bound"] * 2 * math.pi)
    behind = r * (1 + np.geomspace(1e-5, far / r, 4000))
    values_behind = sign * hermite.hermval(behind, series)
    scale = np.abs(series) @ np.array([abs(hermite.hermval(r, row)) for row in np.eye(len(series))])
    assert (values_behind >= -1e-9 * scale).all()
    assert sign * hermite.hermval(r * (1 - 1e-5), series) <= 1e-7 * scale


def test_hermite_polynomials_are_those_of_numpy() -> None:
    for degree in range(0, 41, 2):
        exact = uncertainty.hermite(degree)
        row = np.zeros(degree + 1)
        row[-1] = 1.0
        assert exact == [round(value) for value in hermite.herm2poly(row)[::2]] or degree > 20
        assert exact[-1] == 2**degree


def test_one_coefficient_gives_three_over_two_pi_and_the_sign_does_not_matter() -> None:
    for value in (1.0, -2.0):
        assert judged(uncertainty, np.array([value])).metrics["bound"] == pytest.approx(3 / (2 * math.pi), rel=1e-14)


def test_a_double_zero_split_by_rounding_counts() -> None:
    """Beyond the best ratio the function dips below 0 far out; the dip is narrower than any grid."""
    low, high = -1.0 / 12, 0.0
    bound: Callable[[float], float] = lambda ratio: judged(uncertainty, np.array([1.0, ratio])).metrics["bound"]  # noqa: E731
    low, high = -0.05, -0.02
    for _ in range(45):
        middle = (low + high) / 2
        low, high = (middle, high) if bound(middle) < 0.6 else (low, middle)
    assert bound(low) < 0.4 and bound(high) > 0.9
    assert high - low < 1e-14


@pytest.mark.parametrize(
    ("judge", "answer", "words"),
    [
        (first, np.array([1.0, -1e-300]), "Step 1 has the negative height -1e-300"),
        (first, np.zeros(3), "All heights are 0"),
        (first, np.ones(40000), "at most 32768"),
        (third, np.array([1.0, -1.0]), r"must not \(nearly\) vanish"),
        (erdos, np.array([0.5, 0.5 - 1e-9]), "off by -1e-09"),
        (erdos, np.array([0.0, 1.0 + 2e-16]), "all must lie in"),
        (uncertainty, np.ones(25), "at most 24"),
        (uncertainty, np.zeros(2), "0 everywhere"),
    ],
)
def test_feedback_says_what_is_wrong_and_where(judge: object, answer: Floats, words: str) -> None:
    import re

    verdict = judged(judge, answer)
    assert not verdict.valid and re.search(words, verdict.feedback)
