"""Judge of difference bases: all differences, in integers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluators import Candidate, Score, invalid
from evaluators.constructions import array_fault

MOST = 1000
LARGEST = 2**40


def misfit(elements: NDArray[Any]) -> str:
    """Return what breaks a rule, in words, or an empty string."""
    if len(elements) > MOST:
        return f"basis() returned {len(elements)} elements; at most {MOST} are allowed."
    if int(elements.min()) < -LARGEST or int(elements.max()) > LARGEST:
        return "Elements must be at most 2^40 in size."
    twice = np.flatnonzero(np.diff(np.sort(elements)) == 0)
    return f"The element {int(np.sort(elements)[twice[0]])} is there more than once." if len(twice) else ""


def reach(ordered: NDArray[np.int64]) -> tuple[int, NDArray[np.int64]]:
    """Return the largest v such that 1 ... v are all differences, and all positive differences in order."""
    first, second = np.triu_indices(len(ordered), 1)
    differences = np.unique(ordered[second] - ordered[first])
    missing = np.flatnonzero(differences != np.arange(1, len(differences) + 1))
    return int(missing[0]) if len(missing) else len(differences), differences


def evaluate(candidate: Candidate, stage: str, params: dict[str, Any]) -> Score:
    """Score one set by its size and what its differences reach."""
    answer = candidate.call("basis")
    problem = array_fault(answer, "basis()", (None,), kinds="iu") or misfit(answer)
    if problem:
        return invalid(problem)
    ordered = np.sort(answer.astype(np.int64))
    covered, differences = reach(ordered)
    if covered == 0:
        return invalid("1 is no difference of two elements, so v = 0.")
    return _score(ordered, covered, differences)


def _score(ordered: NDArray[np.int64], covered: int, differences: NDArray[np.int64]) -> Score:
    size = len(ordered)
    metrics = {"ratio": size**2 / covered, "log_size": math.log10(size), "covered": float(covered)}
    pairs = size * (size - 1) // 2
    gaps = np.setdiff1d(np.arange(covered + 1, covered + 200), differences)[:5]
    beyond = int((differences > covered).sum())
    feedback = (
        f"Valid. ratio {metrics['ratio']!r}: {size} elements, differences 1 to {covered}; "
        f"the next ones missing are {gaps.tolist()}. {len(differences)} different differences of {pairs} pairs, "
        f"{beyond} of them beyond the first gap."
    )
    text = "\n".join(map(str, ordered.tolist())) + "\n"
    return Score(metrics=metrics, feedback=feedback, artifacts={"basis.txt": text})
