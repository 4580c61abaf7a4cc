"""Judge of Heilbronn's problem in a triangle: exact areas, and a triangle that holds all points."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import combinations
from typing import Any

import numpy as np

from evaluators import Candidate, Score, invalid
from evaluators.constructions import Floats, array_fault, common_integers

MOST_POINTS = 60
ALLOWED = 1e-11
ROUNDING = 1e-15  # of a distance to a side in doubles, for points in or beside the unit triangle
INRADIUS = math.sqrt(3) / 6
NEAR = 1e-3


def side_distances(points: Floats) -> Floats:
    """Return, for each point, how far it lies inside each of the three sides (negative: outside), rounded."""
    x, y = points.T
    root = math.sqrt(3)
    return np.stack([y, (root * x - y) / 2, (root * (1 - x) - y) / 2], axis=1)


def inside(point: tuple[float, float]) -> bool:
    """Whether a point is in the closed triangle, decided in fractions: 0 <= y and y <= sqrt(3) min(x, 1 - x)."""
    x, y = map(Fraction, point)
    room = min(x, 1 - x)
    return y >= 0 and room >= 0 and y * y <= 3 * room * room


def slack(points: Floats) -> float:
    """Return a bound on how far points lie outside: 0 if none does, exactly decided, else rounded up."""
    if all(map(inside, points.tolist())):
        return 0.0
    return max(0.0, -float(side_distances(points).min())) + ROUNDING


def smallest(points: Floats) -> tuple[Fraction, tuple[int, int, int]]:
    """Return the smallest area of three of the points, exactly, and which three."""
    integers, unit = common_integers(points)
    rows = integers.tolist()
    doubled, chosen = min(
        (abs((u - x) * (t - y) - (s - x) * (v - y)), (i, j, k))
        for (i, (x, y)), (j, (u, v)), (k, (s, t)) in combinations(enumerate(rows), 3)
    )
    return Fraction(doubled, 2 * unit * unit), chosen


def evaluate(candidate: Candidate, stage: str, params: dict[str, Any]) -> Score:
    """Score one set of points by its smallest triangle."""
    n = params["n"]
    if not isinstance(n, int) or isinstance(n, bool) or not 3 <= n <= MOST_POINTS:
        raise ValueError(f"params.n: expected a whole number from 3 to {MOST_POINTS}, found {n!r}.")
    answer = candidate.call("points", n=n)
    problem = array_fault(answer, f"points(n={n})", (n, 2))
    if problem:
        return invalid(problem)
    points = answer.astype(np.float64)
    outside = slack(points)
    if outside > ALLOWED:
        worst, side = divmod(int(side_distances(points).argmin()), 3)
        name = ("lower", "left", "right")[side]
        return invalid(
            f"Point {worst} at {tuple(points[worst].tolist())} lies {outside:.3g} outside the {name} side; "
            f"at most {ALLOWED:g} is allowed."
        )
    return _score(points, outside)


def _score(points: Floats, outside: float) -> Score:
    area, three = smallest(points)
    # Sides moved outwards by s enlarge the triangle by the factor 1 + s / inradius.
    share = float(area) / (math.sqrt(3) / 4) / (1 + outside / INRADIUS) ** 2
    on_edge = int((side_distances(points).min(axis=1) < NEAR).sum())
    metrics = {"min_area": share, "edge_share": on_edge / len(points), "slack": outside}
    where = " ".join(f"({x:.4f}, {y:.4f})" for x, y in points[list(three)].tolist())
    feedback = (
        f"Valid. min_area {share!r} (slack allowed {ALLOWED:g}, used {outside:.3g}). "
        f"The smallest triangle is that of points {three} at {where}. {on_edge} of {len(points)} points lie on a side."
    )
    rows = "".join(f"{x!r},{y!r}\n" for x, y in points.tolist())
    return Score(metrics=metrics, feedback=feedback, artifacts={"points.csv": "x,y\n" + rows})
