"""Judge of circle packing: the answer as given, checked exactly, no tolerance.

Floats are rationals with a power of two below the line, so whether two circles overlap can be
decided in integers. Rounding enters only the words and the metric ``min_gap``.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluators import Candidate, Score, invalid

Floats = NDArray[np.float64]

# Coordinates and radii are in [0, 1] when pairs are compared. Then dx*dx + dy*dy - (r + s)**2 in
# doubles is within 16 * 2**-53 < 2e-15 of the truth: a difference, a product and two sums, each of size
# at most 4. Beyond this margin the sign is certain; within it, integers decide.
CERTAIN = 1e-12


def fault(answer: Any, n: int) -> str:
    """Return why the answer is not an array of ``n`` circles, or an empty string."""
    if not isinstance(answer, np.ndarray):
        return f"pack(n={n}) must return a numpy array, found {type(answer).__name__}."
    if answer.dtype not in (np.float64, np.float32, np.float16):
        return f"pack(n={n}) must return an array of float64, found {answer.dtype}."
    if answer.shape != (n, 3):
        return f"pack(n={n}) must return the shape ({n}, 3), one row x, y, radius a circle; found {answer.shape}."
    wrong = np.flatnonzero(~np.isfinite(answer).all(axis=1))
    if len(wrong):
        return f"Circle {wrong[0]} is {answer[wrong[0]].tolist()}: every number must be finite."
    return ""


def outside(circles: Floats) -> str:
    """Return the circle that leaves the square by most, in words, or an empty string. Exact."""
    for index, (x, y, radius) in enumerate(circles.tolist()):
        if radius < 0:
            return f"Circle {index} has the negative radius {radius!r}."
        if not (0 <= x <= 1 and 0 <= y <= 1):
            return f"The centre ({x!r}, {y!r}) of circle {index} lies outside the unit square."
    x, y, radius = circles.T
    # 1 - x is exact for x >= 1/2 (Sterbenz); a smaller x is nearer to 0, which `radius > x` tests.
    over = np.stack([radius > x, radius > 1 - x, radius > y, radius > 1 - y], axis=1)
    if not over.any():
        return ""
    amount = np.stack([radius - x, radius - (1 - x), radius - y, radius - (1 - y)], axis=1)
    worst, side = divmod(int(np.where(over, amount, -np.inf).argmax()), 4)
    name = ("left", "right", "lower", "upper")[side]
    return (
        f"{over.any(axis=1).sum()} of {len(circles)} circles leave the square; worst: circle {worst} crosses the "
        f"{name} side by {amount[worst, side]:.3g}."
    )


def overlapping(circles: Floats) -> str:
    """Return the pair that overlaps by most, in words, or an empty string. Exact inside the square."""
    first, second = np.triu_indices(len(circles), k=1)
    x, y, radius = circles.T
    squared = (x[first] - x[second]) ** 2 + (y[first] - y[second]) ** 2
    margin = squared - (radius[first] + radius[second]) ** 2
    close = np.flatnonzero(margin < CERTAIN)
    bad = [k for k in close.tolist() if overlap(circles[first[k]].tolist(), circles[second[k]].tolist())]
    if not bad:
        return ""
    depth = radius[first[bad]] + radius[second[bad]] - np.sqrt(squared[bad])
    worst = bad[int(depth.argmax())]
    return (
        f"{len(bad)} pairs of circles overlap; worst: circles {first[worst]} and {second[worst]} by "
        f"{depth.max():.3g} (touching is allowed, overlap of any size is not)."
    )


def overlap(one: list[float], other: list[float]) -> bool:
    """Whether two circles share an inner point, decided in integers.

    Circles of radius 0 are points: one inside another circle overlaps it, two equal ones do not.
    """
    ratios = [value.as_integer_ratio() for value in (*one, *other)]
    unit = max(denominator for _, denominator in ratios)  # denominators are powers of two
    x, y, r, u, v, s = (numerator * (unit // denominator) for numerator, denominator in ratios)
    return (x - u) ** 2 + (y - v) ** 2 < (r + s) ** 2


def gaps(circles: Floats) -> Floats:
    """Return, for each circle, the distance to what is nearest: another circle or a side (rounded)."""
    x, y, radius = circles.T
    distance = np.hypot(x[:, None] - x, y[:, None] - y) - radius[:, None] - radius
    np.fill_diagonal(distance, np.inf)
    wall = np.minimum(np.minimum(x, 1 - x), np.minimum(y, 1 - y)) - radius
    nearest: Floats = np.minimum(distance.min(axis=1), wall)
    return nearest


def spread(radii: Floats) -> float:
    """Return the standard deviation over the mean; scaled first, so that no radius is too small for it."""
    if not radii.any():
        return 0.0
    scaled = radii / radii.max()
    return float(scaled.std() / scaled.mean())


def evaluate(candidate: Candidate, stage: str, params: dict[str, Any]) -> Score:
    """Score one packing by the sum of its radii."""
    n = params["n"]
    if not isinstance(n, int) or isinstance(n, bool) or n < 1:
        raise ValueError(f"params.n: expected a whole number of circles, at least 1, found {n!r}.")
    answer = candidate.call("pack", n=n)
    problem = fault(answer, n)
    if problem:
        return invalid(problem)
    circles = answer.astype(np.float64)  # exact: narrower floats are doubles
    problem = outside(circles) or overlapping(circles)
    return invalid(problem) if problem else _score(circles)


def _score(circles: Floats) -> Score:
    radii, gap = circles[:, 2], gaps(circles)
    metrics = {
        "sum_radii": math.fsum(radii),
        "radius_spread": spread(radii),
        "min_gap": float(gap.min()),
    }
    loosest = int(gap.argmax())
    x, y, radius = circles[loosest].tolist()
    feedback = (
        f"Valid. Sum of radii {metrics['sum_radii']!r}; radii from {radii.min():.4f} to {radii.max():.4f}, mean "
        f"{radii.mean():.4f}. {(gap > 1e-9).sum()} of {len(circles)} circles touch nothing; the loosest is circle "
        f"{loosest} at ({x:.4f}, {y:.4f}) with radius {radius:.4f}: it could grow by {max(gap[loosest], 0.0):.3g}."
    )
    rows = "".join(f"{x!r},{y!r},{radius!r}\n" for x, y, radius in circles.tolist())
    return Score(metrics=metrics, feedback=feedback, artifacts={"circles.csv": "x,y,radius\n" + rows})
