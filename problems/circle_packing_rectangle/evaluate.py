"""Judge of circles in a rectangle of perimeter 4: the answer as given, checked in integers, no tolerance."""

from __future__ import annotations

import math
from itertools import combinations
from typing import Any

import numpy as np

from evaluators import Candidate, Score, invalid
from evaluators.constructions import Floats, array_fault, common_integers

HALF_PERIMETER = 2


def misfit(circles: Floats) -> str:
    """Return what breaks a rule, in words, or an empty string. Exact."""
    if circles[:, 2].min() < 0:
        worst = int(circles[:, 2].argmin())
        return f"Circle {worst} has the negative radius {float(circles[worst, 2])!r}."
    integers, unit = common_integers(circles)
    rows = integers.tolist()
    sides = [max(row[axis] + row[2] for row in rows) - min(row[axis] - row[2] for row in rows) for axis in (0, 1)]
    if sum(sides) > HALF_PERIMETER * unit:
        width, height = (side / unit for side in sides)
        over = (sum(sides) - HALF_PERIMETER * unit) / unit
        return f"The box is {width:.6g} wide and {height:.6g} high; width + height exceeds 2 by {over:.3g}."
    return overlapping(rows, unit)


def overlapping(rows: list[list[int]], unit: int) -> str:
    """Return the pair that overlaps by most, in words, or an empty string."""
    bad = []
    for (i, (x, y, r)), (j, (u, v, s)) in combinations(enumerate(rows), 2):
        squared = (x - u) ** 2 + (y - v) ** 2
        if squared < (r + s) ** 2:
            bad.append(((r + s - math.isqrt(squared)) / unit, i, j))
    if not bad:
        return ""
    depth, i, j = max(bad)
    return (
        f"{len(bad)} pairs of circles overlap; worst: circles {i} and {j} by {depth:.3g} "
        "(touching is allowed, overlap of any size is not)."
    )


def gaps(circles: Floats) -> Floats:
    """Return, for each circle, the distance to what is nearest: another circle or a side of the box (rounded)."""
    x, y, radius = circles.T
    distance = np.hypot(x[:, None] - x, y[:, None] - y) - radius[:, None] - radius
    np.fill_diagonal(distance, np.inf)
    walls = [x - radius - (x - radius).min(), (x + radius).max() - x - radius]
    walls += [y - radius - (y - radius).min(), (y + radius).max() - y - radius]
    nearest: Floats = np.minimum(distance.min(axis=1, initial=np.inf), np.min(walls, axis=0))
    return nearest


def evaluate(candidate: Candidate, stage: str, params: dict[str, Any]) -> Score:
    """Score one packing by the sum of its radii."""
    n = params["n"]
    if not isinstance(n, int) or isinstance(n, bool) or n < 1:
        raise ValueError(f"params.n: expected a whole number of circles, at least 1, found {n!r}.")
    answer = candidate.call("pack", n=n)
    problem = array_fault(answer, f"pack(n={n})", (n, 3))
    if problem:
        return invalid(problem)
    circles = answer.astype(np.float64)  # exact: narrower floats are doubles
    problem = misfit(circles)
    return invalid(problem) if problem else _score(circles)


def _score(circles: Floats) -> Score:
    x, y, radii = circles.T
    width, height = np.ptp([x - radii, x + radii]), np.ptp([y - radii, y + radii])
    gap = gaps(circles)
    loosest = int(gap.argmax())
    metrics = {"sum_radii": math.fsum(radii), "width": float(width), "min_gap": float(gap.min())}
    feedback = (
        f"Valid. Sum of radii {metrics['sum_radii']!r}; box {width:.6f} by {height:.6f}, {2 - width - height:.3g} of "
        f"width + height left; radii from {radii.min():.4f} to {radii.max():.4f}. "
        f"{(gap > 1e-9).sum()} of {len(circles)} circles touch nothing; the loosest is "
        f"circle {loosest} at ({x[loosest]:.4f}, {y[loosest]:.4f}) with radius "
        f"{radii[loosest]:.4f}: it could grow by {max(gap[loosest], 0.0):.3g}."
    )
    rows = "".join(f"{a!r},{b!r},{c!r}\n" for a, b, c in circles.tolist())
    return Score(metrics=metrics, feedback=feedback, artifacts={"circles.csv": "x,y,radius\n" + rows})
