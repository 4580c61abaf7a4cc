"""Judges of the problems from algorithms and systems against slow verifiers written from the statements."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, localcontext
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.domain.problem import Problem
from evolve.paths import bundled
from tests.problems.in_process_candidate import InProcessCandidate
from tests.problems.problem_support import load_judge

tsp = load_judge("tsp")


def problem_of(name: str, **params: object) -> Problem:
    return Problem.load(bundled("problems") / name, params)


def written(text: str) -> InProcessCandidate:
    """Return a program of one file."""
    return InProcessCandidate({"program.py": text}, "program.py")


# ── travelling salesman ───────────────────────────────────────────────────────────────────────
def rounded_length(points: Sequence[Sequence[int]], order: Sequence[int]) -> int:
    """Return the length of a closed tour by TSPLIB's rule, in 60 decimals."""
    total = 0
    with localcontext() as context:
        context.prec = 60
        for here, there in zip(order, [*order[1:], order[0]], strict=True):
            (x, y), (u, v) = points[here], points[there]
            total += int(Decimal((x - u) ** 2 + (y - v) ** 2).sqrt() + Decimal("0.5"))
    return total


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 30), st.sampled_from([3, 1000, 1_000_000]))
def test_tour_lengths_are_whole_numbers_by_the_rule(seed: int, cities: int, side: int) -> None:
    rng = np.random.default_rng(seed)
    points = rng.integers(side, size=(cities, 2))
    order = rng.permutation(cities)
    assert sum(tsp.edge_lengths(points, order)) == rounded_length(points.tolist(), order.tolist())


@settings(max_examples=300, deadline=None)
@given(st.lists(st.integers(-1, 6), min_size=5, max_size=5) | st.permutations(range(5)))
def test_an_order_is_a_tour_exactly_if_it_is_a_permutation(order: list[int]) -> None:
    assert (tsp.tour_fault(np.array(order), 5) == "") == (sorted(order) == [0, 1, 2, 3, 4])


def test_score_of_a_tour_is_its_length_over_the_root() -> None:
    params = dict(problem_of("tsp", train_instances=2, train_cities=30).params)
    candidate = written("import numpy as np\ndef tour(points):\n    return np.arange(len(points))[::-1]\n")
    score = tsp.evaluate(candidate, "full", params)
    drawn = [points.tolist() for points in tsp.instances("full", params)]
    lengths = [rounded_length(points, range(30)) for points in drawn]
    assert score.metrics["length"] == sum(lengths)
    assert score.metrics["tour_constant"] == pytest.approx(sum(lengths) / 2 / (1e6 * 30**0.5), rel=1e-12)
    near = sum(map(joined_to_nearest, drawn)) / 60
    assert score.metrics["nearest_share"] == pytest.approx(near, rel=1e-12)


def joined_to_nearest(points: list[list[int]]) -> int:
    """Count the cities next to (one of) their nearest in the tour 0, 1, 2, ..."""

    def squared(i: int, j: int) -> int:
        return (points[i][0] - points[j][0]) ** 2 + (points[i][1] - points[j][1]) ** 2

    n = len(points)
    return sum(
        min(squared(i, (i + 1) % n), squared(i, i - 1)) <= min(squared(i, j) for j in range(n) if j != i)
        for i in range(n)
    )


@pytest.mark.parametrize("family", ["uniform", "clustered"])
def test_cities_lie_in_the_square_and_differ_by_stage(family: str) -> None:
    params = dict(problem_of("tsp", family=family).params)
    drawn = {stage: tsp.instances(stage, params) for stage in tsp.STAGES}
    assert [points.shape for points in drawn["full"]] == [(200, 2)] * 4
    assert [points.shape for points in drawn["sealed"]] == [(1000, 2)] * 2
    assert all(points.min() >= 0 and points.max() < 10**6 for part in drawn.values() for points in part)
    assert not np.array_equal(drawn["full"][0], drawn["full"][1])
    assert not np.array_equal(drawn["full"][0], drawn["sealed"][0][:200])


@pytest.mark.parametrize(("name", "value"), [("family", "metric"), ("train_cities", 4), ("seed", -1), ("seed", 1.5)])
def test_parameters_that_name_no_cities_are_named(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=rf"params\.{name}: expected"):
        tsp.instances("full", {**problem_of("tsp").params, name: value})
