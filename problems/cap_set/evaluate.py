"""Judge of cap sets: greedy by the program's priorities, or the points it names, checked in whole numbers.

x, y, z in F_3^n lie in a line exactly if x + y + z = 0, so x and y exclude -(x + y).
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluators import Candidate, Score, invalid
from evaluators.constructions import array_fault, digits, greedy, powers, priorities, whole_number

Integers = NDArray[np.int64]
NAMES_POINTS = re.compile(r"^def points\(", re.MULTILINE)


def thirds(point: Integers, others: Integers) -> Integers:
    """Return the points that complete a line with ``point`` and each of the others, as places among all."""
    found: Integers = -(point + others) % 3 @ powers(3, len(point))
    return found


def chosen_by_priority(candidate: Candidate, n: int) -> Integers | str:
    """Return the cap set that the priorities lead to, or what is wrong with them."""
    vectors = digits(3, n)
    scores = priorities(candidate, "priority", [(vector, n) for vector in vectors])
    if isinstance(scores, str):
        return scores
    taken = greedy(scores, lambda new, before: thirds(vectors[new], vectors[before]))
    return vectors[taken] if len(taken) else "Every priority is -inf: no vector was taken."


def named_points(candidate: Candidate, n: int) -> Integers | str:
    """Return the points that the program names, or what is wrong with them."""
    answer = candidate.call("points", n=n)
    problem = array_fault(answer, f"points(n={n})", (None, n), kinds="iu")
    if problem:
        return problem
    outside = np.argwhere((answer < 0) | (answer > 2))
    if len(outside):
        row, place = outside[0].tolist()
        return f"points[{row}, {place}] is {answer[row, place]}; entries must be 0, 1 or 2."
    points = answer.astype(np.int64)
    return line_among(points) or points


def line_among(points: Integers) -> str:
    """Return a repetition or a line among the points, in words, or an empty string."""
    n = points.shape[1]
    place = np.full(3**n, -1)
    for row, code in enumerate((points @ powers(3, n)).tolist()):
        if place[code] >= 0:
            return f"Points {place[code]} and {row} are the same: {points[row].tolist()}."
        found = place[thirds(points[row], points[:row])]
        if (found >= 0).any():
            other = int((found >= 0).argmax())
            return f"Points {other}, {found[other]} and {row} lie in a line: they sum to 0 modulo 3."
        place[code] = row
    return ""


def evaluate(candidate: Candidate, stage: str, params: dict[str, Any]) -> Score:
    """Score one cap set by its size."""
    n = whole_number(params, "n", 1, 9)
    named = any(NAMES_POINTS.search(text) for text in candidate.files.values())
    points = named_points(candidate, n) if named else chosen_by_priority(candidate, n)
    return invalid(points) if isinstance(points, str) else _score(points)


def _score(points: Integers) -> Score:
    n = points.shape[1]
    full = float((points != 0).all(axis=1).mean())
    supports = np.bincount((points != 0).sum(axis=1), minlength=n + 1)
    metrics = {"size": float(len(points)), "full_support": full}
    feedback = (
        f"Valid. size {len(points)} of {3**n} vectors; {{1, 2}}^{n} alone has {2**n}. "
        f"Vectors by number of entries other than 0, from 0 to {n}: {supports.tolist()}. "
        f"The first ones: {points[:6].tolist()}."
    )
    text = "".join(" ".join(map(str, row)) + "\n" for row in points.tolist())
    return Score(metrics=metrics, feedback=feedback, artifacts={"points.txt": text})
