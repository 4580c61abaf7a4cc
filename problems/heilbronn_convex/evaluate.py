"""Judge of Heilbronn's problem for convex regions: smallest triangle over convex hull, both exact."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations, pairwise
from typing import Any

import numpy as np

from evaluators import Candidate, Score, invalid
from evaluators.constructions import Floats, array_fault, common_integers

MOST_POINTS = 60
Point = tuple[int, int]


def doubled_area(a: Point, b: Point, c: Point) -> int:
    """Return twice the area of a triangle, positive if it turns left."""
    return (b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1])


def hull(points: list[Point]) -> list[Point]:
    """Return the corners of the convex hull, counterclockwise (Andrew's monotone chain, exact)."""
    chains: list[list[Point]] = []
    for ordered in (sorted(points), sorted(points, reverse=True)):
        chain: list[Point] = []
        for point in ordered:
            while len(chain) > 1 and doubled_area(chain[-2], chain[-1], point) <= 0:
                chain.pop()
            chain.append(point)
        chains.append(chain[:-1])
    return chains[0] + chains[1]


def doubled_hull_area(corners: list[Point]) -> int:
    """Return twice the area of the polygon with these corners."""
    return sum(doubled_area(corners[0], a, b) for a, b in pairwise(corners[1:]))


def smallest(points: list[Point]) -> tuple[int, tuple[int, int, int]]:
    """Return twice the smallest area of three of the points, and which three."""
    return min((abs(doubled_area(a, b, c)), (i, j, k)) for (i, a), (j, b), (k, c) in combinations(enumerate(points), 3))


def evaluate(candidate: Candidate, stage: str, params: dict[str, Any]) -> Score:
    """Score one set of points by its smallest triangle beside its hull."""
    n = params["n"]
    if not isinstance(n, int) or isinstance(n, bool) or not 3 <= n <= MOST_POINTS:
        raise ValueError(f"params.n: expected a whole number from 3 to {MOST_POINTS}, found {n!r}.")
    answer = candidate.call("points", n=n)
    problem = array_fault(answer, f"points(n={n})", (n, 2))
    if problem:
        return invalid(problem)
    points = answer.astype(np.float64)
    rows = [(x, y) for x, y in common_integers(points)[0].tolist()]
    corners = hull(rows)
    whole = doubled_hull_area(corners) if len(corners) > 2 else 0
    if whole == 0:
        return invalid("All points lie on one line: their convex hull has no area.")
    return _score(points, rows, corners, whole)


def _score(points: Floats, rows: list[Point], corners: list[Point], whole: int) -> Score:
    doubled, three = smallest(rows)
    share = float(Fraction(doubled, whole))
    edge = set(corners)
    metrics = {"min_area": share, "hull_points": float(sum(row in edge for row in rows))}
    where = " ".join(f"({x:.5g}, {y:.5g})" for x, y in points[list(three)].tolist())
    feedback = (
        f"Valid. min_area {share!r}. The smallest triangle is that of points {three} at {where}. "
        f"Corners of the hull: points {[i for i, row in enumerate(rows) if row in edge]}."
    )
    text = "".join(f"{x!r},{y!r}\n" for x, y in points.tolist())
    return Score(metrics=metrics, feedback=feedback, artifacts={"points.csv": "x,y\n" + text})
