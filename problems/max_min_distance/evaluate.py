"""Judge of the ratio of greatest to smallest distance: all squared distances as integers, no tolerance."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import combinations
from typing import Any

import numpy as np

from evaluators import Candidate, Score, invalid
from evaluators.constructions import Floats, array_fault, common_integers

MOST_POINTS = 200
TIGHT = 10**6


def squared_distances(points: Floats) -> dict[tuple[int, int], int]:
    """Return pair -> squared distance, in units that are the same for all pairs."""
    rows = common_integers(points)[0].tolist()
    return {
        (i, j): sum((a - b) ** 2 for a, b in zip(one, other, strict=True))
        for (i, one), (j, other) in combinations(enumerate(rows), 2)
    }


def tight(squared: dict[tuple[int, int], int]) -> dict[str, list[tuple[int, int]]]:
    """Return the pairs that are (almost) as near as the nearest, and those as far as the farthest."""
    least, most = min(squared.values()), max(squared.values())
    return {
        "near": [pair for pair, value in squared.items() if value <= least + least // TIGHT],
        "far": [pair for pair, value in squared.items() if value >= most - most // TIGHT],
    }


def evaluate(candidate: Candidate, stage: str, params: dict[str, Any]) -> Score:
    """Score one set of points."""
    n, d = params["n"], params["d"]
    for name, value, least in (("n", n, 2), ("d", d, 1)):
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= MOST_POINTS:
            raise ValueError(f"params.{name}: expected a whole number from {least} to {MOST_POINTS}, found {value!r}.")
    answer = candidate.call("points", n=n, d=d)
    problem = array_fault(answer, f"points(n={n}, d={d})", (n, d))
    if problem:
        return invalid(problem)
    points = answer.astype(np.float64)
    squared = squared_distances(points)
    for (i, j), value in squared.items():
        if value == 0:
            return invalid(f"Points {i} and {j} coincide; the smallest distance must be positive.")
    return _score(points, squared)


def _score(points: Floats, squared: dict[tuple[int, int], int]) -> Score:
    most = max(squared.values())
    ratio = Fraction(most, min(squared.values()))
    if ratio > 1e300:
        return invalid("The greatest distance is more than 1e150 times the smallest one.")
    pairs = tight(squared)
    near, far = min(squared, key=squared.__getitem__), max(squared, key=squared.__getitem__)
    metrics = {
        "ratio_squared": float(ratio),
        "mean_distance": sum(math.sqrt(Fraction(value, most)) for value in squared.values()) / len(squared),
    }
    count = np.bincount(np.ravel(pairs["near"] + pairs["far"]), minlength=len(points))
    feedback = (
        f"Valid. ratio_squared {float(ratio)!r}. Nearest pair {near}, farthest pair {far}; "
        f"within a millionth of them are {len(pairs['near'])} and {len(pairs['far'])} of {len(squared)} pairs. "
        f"Points in none of these pairs, free to move: {np.flatnonzero(count == 0).tolist()}."
    )
    rows = "".join(",".join(map(repr, row)) + "\n" for row in points.tolist())
    return Score(metrics=metrics, feedback=feedback, artifacts={"points.csv": rows})
