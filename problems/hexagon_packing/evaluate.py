"""Judge of hexagons in a hexagon: separating axes with bounded rounding; what is scored fits strictly.

Two convex polygons have no inner point in common exactly if the normal of one of their sides
separates them. So each pair has a gap, the greatest over the normals of both, negative if they
overlap. Gaps are computed in doubles and lowered by a bound on the rounding. A packing whose least
gap is -v, v <= 1e-11, is repaired: all centres are moved apart by the factor 1 + v (along the axis they
are at least sqrt(3) - v > 1 apart, so each gap grows by at least v), and the outer hexagon is enlarged by
the same factor and by 2 / sqrt(3) for each unit by which something sticks out. The score is its side.
"""

from __future__ import annotations

import math
from itertools import combinations
from typing import Any

import numpy as np

from evaluators import Candidate, Score, invalid
from evaluators.constructions import Floats, array_fault

ALLOWED = 1e-11
FARTHEST = 100.0
MOST = 200
# A gap sums products of numbers up to 200 and sines within 4e-16 of the truth: the error stays below
# 200 * 8e-16 + 8 * 200 * 2**-53 < 4e-13.
ROUNDING = 5e-13
APOTHEM = math.sqrt(3) / 2
SIDES = ("right upper", "upper", "left upper", "left lower", "lower", "right lower")


def normals(angles: Floats) -> Floats:
    """Return the six outward unit normals of each hexagon: (..., 6, 2). 60 degrees are taken off exactly."""
    turned = np.deg2rad(np.fmod(angles, 60.0)[..., None] + 30.0 + 60.0 * np.arange(6))
    return np.stack([np.cos(turned), np.sin(turned)], axis=-1)


def reach(axis_angle: float, angle: float) -> float:
    """Return how far a hexagon of side 1, turned by ``angle``, extends from its centre along an axis (degrees)."""
    # Distance of the axis from the nearest corner direction: at most 30 degrees. fmod is exact.
    off = abs(math.fmod(math.fmod(axis_angle, 60.0) - math.fmod(angle, 60.0), 60.0))
    return math.cos(math.radians(min(off, 60.0 - off)))


def gap(one: list[float], other: list[float]) -> float:
    """Return the width of the widest strip between two hexagons; negative: the depth of their overlap."""
    (x, y, first), (u, v, second) = one, other
    best = -math.inf
    for angle in (first, second):
        for turn in (30.0, 90.0, 150.0):
            axis = math.fmod(angle, 60.0) + turn
            apart = abs((u - x) * math.cos(math.radians(axis)) + (v - y) * math.sin(math.radians(axis)))
            best = max(best, apart - reach(axis, first) - reach(axis, second))
    return best


def pair_gaps(inner: Floats) -> dict[tuple[int, int], float]:
    """Return pair -> gap. Pairs more than 2 apart are left out: they cannot touch."""
    rows = inner.tolist()
    return {
        (i, j): gap(one, other)
        for (i, one), (j, other) in combinations(enumerate(rows), 2)
        if math.hypot(one[0] - other[0], one[1] - other[1]) < 2.1
    }


def rooms(inner: Floats, outer: Floats) -> Floats:
    """Return, for each inner hexagon and each outer side, how much room is left; negative: how far it sticks out."""
    x, y, side, angle = outer
    axes = normals(np.array(angle))
    along = (inner[:, :2] - np.array([x, y])) @ axes.T
    offset = float(np.fmod(angle, 60.0))
    extents = np.array([[reach(offset + 30.0 + 60.0 * k, turned) for k in range(6)] for turned in inner[:, 2].tolist()])
    left: Floats = side * APOTHEM - along - extents
    return left


def fault(answer: Any, n: int) -> str:
    """Return why the answer is not a pair of arrays as asked for, or an empty string."""
    call = f"pack(n={n})"
    if not isinstance(answer, list | tuple) or len(answer) != 2:
        return f"{call} must return two arrays, inner and outer; found {type(answer).__name__}."
    inner, outer = answer
    problem = array_fault(inner, call + "[0], inner,", (n, 3)) or array_fault(outer, call + "[1], outer,", (4,))
    if problem:
        return problem
    if max(np.abs(inner[:, :2]).max(), np.abs(outer[:3]).max()) > FARTHEST:
        return f"Coordinates and the outer side must lie between {-FARTHEST:g} and {FARTHEST:g}."
    return "" if outer[2] > 0 else f"The outer side must be positive, found {float(outer[2])!r}."


def violation(gaps: dict[tuple[int, int], float], left: Floats) -> str:
    """Return the worst overlap or protrusion above what is allowed, in words, or an empty string."""
    if gaps:
        pair = min(gaps, key=gaps.__getitem__)
        if -gaps[pair] > ALLOWED:
            bad = sum(-value > ALLOWED for value in gaps.values())
            return f"{bad} pairs of hexagons overlap; worst: {pair} by {-gaps[pair]:.3g} (at most {ALLOWED:g})."
    if -left.min() > ALLOWED:
        worst, side = divmod(int(left.argmin()), 6)
        bad = int((left.min(axis=1) < -ALLOWED).sum())
        return (
            f"{bad} hexagons leave the outer one; worst: {worst} crosses its {SIDES[side]} side "
            f"(seen with the outer hexagon at angle 0) by {-left.min():.3g} (at most {ALLOWED:g})."
        )
    return ""


def evaluate(candidate: Candidate, stage: str, params: dict[str, Any]) -> Score:
    """Score one packing by the side of the outer hexagon, after repair."""
    n = params["n"]
    if not isinstance(n, int) or isinstance(n, bool) or not 1 <= n <= MOST:
        raise ValueError(f"params.n: expected a whole number of hexagons from 1 to {MOST}, found {n!r}.")
    answer = candidate.call("pack", n=n)
    problem = fault(answer, n)
    if problem:
        return invalid(problem)
    inner, outer = (part.astype(np.float64) for part in answer)
    gaps, left = pair_gaps(inner), rooms(inner, outer)
    problem = violation(gaps, left)
    return invalid(problem) if problem else _score(inner, outer, gaps, left)


def _score(inner: Floats, outer: Floats, gaps: dict[tuple[int, int], float], left: Floats) -> Score:
    overlap = max(0.0, ROUNDING - min(gaps.values(), default=math.inf))
    protrusion = max(0.0, ROUNDING - float(left.min()))
    side = float(outer[2]) * (1 + overlap) + protrusion / APOTHEM
    direction = np.exp(6j * np.deg2rad(np.fmod(inner[:, 2], 60.0)))
    metrics = {
        "outer_side": side,
        "angle_spread": float(1 - np.abs(direction.mean())),
        "slack": max(overlap, protrusion),
    }
    near = [pair for pair, value in gaps.items() if value < 1e-6]
    free = sorted(
        set(range(len(inner))) - {i for pair in near for i in pair} - set(np.flatnonzero(left.min(axis=1) < 1e-6))
    )
    feedback = (
        f"Valid. outer_side {side!r} (given {float(outer[2])!r}; violation allowed {ALLOWED:g}, repaired with rounding "
        f"{metrics['slack']:.3g}). Room at each outer side: {np.round(left.min(axis=0), 6).tolist()}. "
        f"{len(near)} pairs touch; hexagons that touch nothing: {[int(i) for i in free]}."
    )
    rows = "".join(",".join(map(repr, row)) + "\n" for row in inner.tolist())
    text = "x,y,side,angle\n" + ",".join(map(repr, outer.tolist())) + "\nx,y,angle\n" + rows
    return Score(metrics=metrics, feedback=feedback, artifacts={"hexagons.csv": text})
