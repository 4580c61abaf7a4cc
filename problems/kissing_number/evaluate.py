"""Judge of kissing configurations: whole vectors, compared in integers.

Theorem: vectors x, y other than 0 with |x - y| >= max(|x|, |y|) enclose an angle of at least 60 degrees, as
2 <x, y> = |x|^2 + |y|^2 - |x - y|^2 <= min(|x|, |y|)^2 <= |x| |y|. So if the smallest distance of all pairs
is at least the greatest length, the unit vectors in these directions are at least 1 apart, and
balls of radius 1/2 there touch a ball of radius 1/2 at 0 and do not overlap.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluators import Candidate, Score, invalid
from evaluators.constructions import array_fault, whole_number

MOST = 4096
LARGEST = 2**62
# |x - y|^2 in doubles is within this share of |x|^2 + |y|^2 of the truth: entries are rounded to 53 bits,
# products are summed d <= 64 times. Pairs nearer to the bar than that are decided in integers.
ROUNDING = 1e-13


def evaluate(candidate: Candidate, stage: str, params: dict[str, Any]) -> Score:
    """Score one configuration by its number of vectors."""
    d = whole_number(params, "d", 1, 64)
    answer = candidate.call("centers", d=d)
    problem = array_fault(answer, f"centers(d={d})", (None, d), kinds="iu")
    if problem:
        return invalid(problem)
    if len(answer) > MOST:
        return invalid(f"centers returned {len(answer)} rows; at most {MOST} are allowed.")
    rows = [[int(value) for value in row] for row in answer.tolist()]
    problem = misfit(rows)
    return invalid(problem) if problem else _score(rows, answer)


def misfit(rows: list[list[int]]) -> str:
    """Return what breaks a rule, in words, or an empty string. Exact."""
    lengths = [sum(value * value for value in row) for row in rows]
    if max(abs(value) for row in rows for value in row) > LARGEST:
        return "Entries must be at most 2^62 in size."
    if min(lengths) == 0:
        return f"Row {lengths.index(0)} is 0."
    bar = max(lengths)
    near = [pair for pair in doubtful(np.array(rows, dtype=np.float64), float(bar)) if squared(rows, pair) < bar]
    if not near:
        return ""
    worst = min(near, key=lambda pair: squared(rows, pair))
    return (
        f"{len(near)} pairs are nearer than the greatest length, the square root of {bar}; worst: rows {worst[0]} and "
        f"{worst[1]}, whose squared distance is {squared(rows, worst)}."
    )


def squared(rows: list[list[int]], pair: tuple[int, int]) -> int:
    """Return the squared distance of two rows."""
    return sum((a - b) ** 2 for a, b in zip(rows[pair[0]], rows[pair[1]], strict=True))


def doubtful(points: NDArray[np.float64], bar: float) -> list[tuple[int, int]]:
    """Return the pairs that are not certainly at least as far apart as the bar, at most some thousand of them."""
    norms = (points**2).sum(axis=1)
    found: list[tuple[int, int]] = []
    for i in range(len(points) - 1):
        distances = norms[i] + norms[i + 1 :] - 2 * (points[i + 1 :] @ points[i])
        close = np.flatnonzero(distances < bar * (1 + 4 * ROUNDING))
        found += [(i, i + 1 + int(j)) for j in close]
        if len(found) > 10 * MOST and (distances[close] < bar * (1 - 4 * ROUNDING)).any():
            break  # there is a violation among them, and it is large
    return found


def _score(rows: list[list[int]], answer: NDArray[Any]) -> Score:
    lengths = np.array([sum(value * value for value in row) for row in rows], dtype=object)
    shells = {length: int((lengths == length).sum()) for length in sorted(set(lengths.tolist()))}
    points = np.array(rows, dtype=np.float64)
    unit = points / np.sqrt((points**2).sum(axis=1))[:, None]
    products = unit @ unit.T - 2 * np.eye(len(unit))
    contacts = (products > 0.5 - 1e-9).sum(axis=1)
    metrics = {"count": float(len(rows)), "shells": float(len(shells))}
    shown = ", ".join(f"{count} of squared length {length}" for length, count in list(shells.items())[:5])
    nearest = products.max(axis=1)
    feedback = (
        f"Valid. {len(rows)} vectors: {shown}. Each touches {contacts.min()} to {contacts.max()} others; "
        f"loosest is row {int(nearest.argmin())}, whose nearest direction has cosine {nearest.min():.4f} (at most 1/2)."
    )
    text = "".join(",".join(map(str, row)) + "\n" for row in rows)
    return Score(metrics=metrics, feedback=feedback, artifacts={"centers.csv": text})
