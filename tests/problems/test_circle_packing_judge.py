"""The judge of circle packing against exact fractions."""

from __future__ import annotations

import math
import re
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from evaluators import Score
from evolve.domain.problem import Problem
from evolve.paths import bundled
from tests.problems.problem_support import load_judge

Floats = NDArray[np.float64]

judge = load_judge("circle_packing")
PROBLEM = Problem.load(bundled("problems") / "circle_packing")


class Answering:
    """A candidate whose every call returns the same value."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def call(self, function: str, *, n: int) -> Any:
        assert function == "pack"
        return self.answer


def score(answer: Any, n: int | None = None) -> Score:
    verdict = judge.evaluate(Answering(answer), "full", {"n": len(answer) if n is None else n})
    assert isinstance(verdict, Score)
    return verdict


def feasible(circles: Floats) -> bool:
    """Decide in fractions, from the definition."""
    exact = [[Fraction(value) for value in row] for row in circles.tolist()]
    for x, y, r in exact:
        if r < 0 or x - r < 0 or x + r > 1 or y - r < 0 or y + r > 1:
            return False
    return all(
        (x - u) ** 2 + (y - v) ** 2 >= (r + s) ** 2 for i, (x, y, r) in enumerate(exact) for u, v, s in exact[i + 1 :]
    )


def stepped(value: float, steps: int) -> float:
    """Return the double ``steps`` places after (before, if negative) ``value``."""
    for _ in range(abs(steps)):
        value = math.nextafter(value, math.inf if steps > 0 else -math.inf)
    return value


unit = st.one_of(st.floats(0, 1), st.floats(0.05, 0.95), st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0, 5e-324, 1e-160]))
few_steps = st.integers(-3, 3)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(unit, unit, unit, st.floats(0, 1)), min_size=1, max_size=5))
def test_random_circles_are_judged_as_by_fractions(rows: list[tuple[float, float, float, float]]) -> None:
    circles = np.array([(x, y, r * shrink) for x, y, r, shrink in rows])
    assert score(circles).valid == feasible(circles)


@settings(max_examples=400, deadline=None)
@given(unit, unit, unit, unit, st.floats(0, 1), few_steps)
def test_touching_pairs_are_judged_as_by_fractions(
    x: float, y: float, u: float, v: float, share: float, steps: int
) -> None:
    distance = math.hypot(x - u, y - v)
    first = share * distance
    second = stepped(distance - first, steps)
    circles = np.array([[x, y, first], [u, v, second]])
    assert (judge.overlapping(circles) == "") == pairs_apart(circles)
    if feasible(circles) or not pairs_apart(circles):
        assert score(circles).valid == feasible(circles)


def pairs_apart(circles: Floats) -> bool:
    (x, y, r), (u, v, s) = ([Fraction(value) for value in row] for row in circles.tolist())
    return (x - u) ** 2 + (y - v) ** 2 >= (r + s) ** 2


@settings(max_examples=300, deadline=None)
@given(unit, unit, st.sampled_from(["left", "right", "lower", "upper"]), few_steps)
def test_circles_at_a_side_are_judged_as_by_fractions(x: float, y: float, side: str, steps: int) -> None:
    room = {"left": x, "right": 1 - x, "lower": y, "upper": 1 - y}[side]
    circles = np.array([[x, y, stepped(room, steps)]])
    verdict = score(circles)
    assert verdict.valid == feasible(circles)
    if not verdict.valid:
        assert "circle 0" in verdict.feedback.lower()


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 40), st.integers(0, 2**32 - 1), few_steps)
def test_grown_packings_are_judged_as_by_fractions(n: int, seed: int, steps: int) -> None:
    """Each circle touches something, one by a few units in the last place too much or too little."""
    rng = np.random.default_rng(seed)
    centres = rng.uniform(0.02, 0.98, (n, 2))
    wall = np.minimum(centres, 1 - centres).min(axis=1)
    distance = np.hypot(*(centres[:, None] - centres).transpose(2, 0, 1))
    np.fill_diagonal(distance, np.inf)
    radii = np.minimum(wall, distance.min(axis=1) / 2)
    for i in range(n):
        radii[i] = min(wall[i], (distance[i] - radii).min())
    chosen = int(rng.integers(n))
    radii[chosen] = stepped(radii[chosen], steps)
    assume(radii.min() >= 0)
    circles = np.column_stack([centres, radii])
    assert score(circles).valid == feasible(circles)


def test_exact_contact_is_allowed_and_the_next_double_is_not() -> None:
    touching = np.array([[0.25, 0.25, 0.125], [0.25 + 3 / 16, 0.25 + 4 / 16, 5 / 16 - 0.125]])
    assert score(touching).valid
    for row, column in ((0, 2), (1, 2), (0, 0), (0, 1)):
        closer = touching.copy()
        closer[row, column] = stepped(closer[row, column], 1)
        verdict = score(closer)
        assert not verdict.valid and "circles 0 and 1" in verdict.feedback


def test_corner_circles_of_a_quarter_fill_the_square() -> None:
    four = np.array([[x, y, 0.25] for x in (0.25, 0.75) for y in (0.25, 0.75)])
    assert score(four).metrics["sum_radii"] == 1.0
    assert score(four).metrics["min_gap"] == 0.0


def test_points_may_coincide_but_not_lie_inside_a_circle() -> None:
    assert score(np.array([[0.5, 0.5, 0.0], [0.5, 0.5, 0.0]])).valid
    assert not score(np.array([[0.5, 0.5, 0.0], [0.5, 0.5, 1e-300]])).valid
    assert score(np.array([[0.5, 0.75, 0.0], [0.5, 0.5, 0.25]])).valid


def test_spread_of_radii_does_not_depend_on_their_scale() -> None:
    radii = np.array([1.0, 2.0, 3.0])
    expected = math.sqrt(2 / 3) / 2
    for scale in (1.0, 1e-200, 5e-324):
        assert judge.spread(radii * scale) == pytest.approx(expected)
    assert judge.spread(np.zeros(3)) == 0.0


def test_sum_is_correctly_rounded() -> None:
    circles = np.array([[0.1, 0.1, 0.1], [0.7, 0.7, 0.3 - 1e-12], [0.1, 0.9, 1e-17], [0.2, 0.9, 1e-17]])
    assert score(circles).metrics["sum_radii"] == float(sum(map(Fraction, circles[:, 2].tolist())))


def test_narrow_floats_are_taken_at_their_exact_value() -> None:
    assert score(np.array([[0.5, 0.5, 0.5]], dtype=np.float16)).metrics["sum_radii"] == 0.5
    just_right = np.array([[0.1, 0.5, 0.1]], dtype=np.float32)
    assert score(just_right).metrics["sum_radii"] == float(np.float32(0.1))


def test_feedback_names_the_worst_violation_and_its_amount() -> None:
    circles = np.array([[0.5, 0.5, 0.1], [0.5, 0.65, 0.1], [0.2, 0.2, 0.1], [0.2, 0.399, 0.1]])
    assert "2 pairs of circles overlap; worst: circles 0 and 1 by 0.05" in score(circles).feedback
    circles = np.array([[0.95, 0.5, 0.1], [0.5, 0.07, 0.1]])
    assert "2 of 2 circles leave the square; worst: circle 0 crosses the right side by 0.05" in score(circles).feedback
    assert "circle 0 lies outside" in score(np.array([[1.5, 0.5, 0.1]])).feedback


def test_feedback_and_artifact_describe_a_valid_packing() -> None:
    circles = np.array([[0.25, 0.25, 0.25], [0.75, 0.75, 0.1]])
    verdict = score(circles)
    assert "1 of 2 circles touch nothing" in verdict.feedback
    assert "it could grow by 0.15" in verdict.feedback
    text = verdict.artifacts["circles.csv"]
    assert isinstance(text, str)
    rows = [[float(value) for value in line.split(",")] for line in text.splitlines()[1:]]
    assert rows == circles.tolist()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ([[0.5, 0.5, 0.5]], "found list"),
        (np.zeros((2, 3)), r"shape \(1, 3\)"),
        (np.zeros((3, 1)), r"shape \(1, 3\)"),
        (np.zeros((1, 3), dtype=complex), "complex128"),
        (np.zeros((1, 3), dtype=bool), "found bool"),
        (np.array([[0.5, np.nan, 0.1]]), "must be finite"),
        (np.array([[0.5, 0.5, -0.1]]), "negative radius"),
    ],
)
def test_other_answers_are_refused(answer: Any, words: str) -> None:
    verdict = score(answer, n=1)
    assert not verdict.valid
    assert re.search(words, verdict.feedback)


def test_impossible_number_of_circles_is_named() -> None:
    with pytest.raises(ValueError, match=r"params\.n: expected a whole number of circles, at least 1, found 0"):
        score(np.zeros((0, 3)), n=0)


@pytest.mark.parametrize("n", [1, 2, 3, 10, 26, 32, 57])
def test_seed_packs_any_number(n: int) -> None:
    names: dict[str, Any] = {}
    exec(PROBLEM.seed().files[PROBLEM.entry], names)
    circles = names["pack"](n)
    assert score(circles).valid and feasible(circles)


def test_seed_is_far_from_the_record() -> None:
    """The search must have something to find."""
    names: dict[str, Any] = {}
    exec(PROBLEM.seed().files[PROBLEM.entry], names)
    for known in PROBLEM.known_best:
        n = known.params["n"]
        assert isinstance(n, int)
        assert 0.8 * known.value < score(names["pack"](n)).metrics["sum_radii"] < 0.95 * known.value
