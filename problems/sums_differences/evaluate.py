"""Judge of sums and differences: both sets counted exactly, by sorting or by a transform whose rounding is bounded."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluators import Candidate, Score, invalid
from evaluators.constructions import array_fault

MOST_SPARSE, LARGEST_SPARSE = 2500, 2**60
MOST_DENSE, LARGEST_DENSE = 100_000, 2**21

Integers = NDArray[np.int64]


def as_array(answer: Any) -> Any:
    """Return a list of integers as an array; anything else as it is. Integers beyond 64 bits stay a list."""
    whole = isinstance(answer, list) and all(type(value) is int and abs(value) < 2**63 for value in answer)
    return np.array(answer, dtype=np.int64) if whole else answer


def misfit(elements: NDArray[Any]) -> str:
    """Return what breaks a rule, in words, or an empty string."""
    if elements.min() < 0 or int(elements.max()) >= LARGEST_SPARSE:
        worst = int(elements.min() if elements.min() < 0 else elements.max())
        return f"The element {worst} is not in the range from 0 to 2^60 - 1."
    ordered = np.sort(elements)
    if ordered[0] != 0:
        return "0 must be among the integers."
    twice = np.flatnonzero(np.diff(ordered) == 0)
    if len(twice):
        return f"The element {int(ordered[twice[0]])} is there more than once."
    if ordered[-1] == 0:
        return "The set {0} has no exponent; it needs another element."
    dense = ordered[-1] < LARGEST_DENSE and len(ordered) <= MOST_DENSE
    if len(ordered) > MOST_SPARSE and not dense:
        return (
            f"There are {len(ordered)} elements up to {int(ordered[-1])}; at most {MOST_SPARSE} are allowed, "
            f"or {MOST_DENSE} below {LARGEST_DENSE}."
        )
    return ""


def counts(ordered: Integers) -> tuple[int, int]:
    """Return how many different sums and differences there are."""
    if len(ordered) > MOST_SPARSE:
        return counts_by_transform(ordered)
    first, second = np.triu_indices(len(ordered))
    sums = len(np.unique(ordered[first] + ordered[second]))
    off = first != second
    positive = len(np.unique(ordered[second[off]] - ordered[first[off]]))
    return sums, 2 * positive + 1


def counts_by_transform(ordered: Integers) -> tuple[int, int]:
    """Return the same by convolution of the indicator, for many small elements.

    The number of ways to write a sum is a whole number of at most k = 10^5. A transform of length N <= 2^23
    has an error of at most about 10 u log2(N) k < 1e-8, so entries above 1/2 are sums and no others.
    """
    length = 1 << (2 * int(ordered[-1]) + 1).bit_length()
    indicator = np.zeros(length)
    indicator[ordered] = 1.0
    spectrum = np.fft.rfft(indicator)
    sums = np.fft.irfft(spectrum**2, length)
    differences = np.fft.irfft(np.abs(spectrum) ** 2, length)  # negative ones wrap round to the upper half
    return int((sums > 0.5).sum()), int((differences > 0.5).sum())


def evaluate(candidate: Candidate, stage: str, params: dict[str, Any]) -> Score:
    """Score one set by its exponent."""
    elements = as_array(candidate.call("integers"))
    if isinstance(elements, list):
        return invalid("integers() returned a list that holds something other than integers below 2^60.")
    problem = array_fault(elements, "integers()", (None,), kinds="iu") or misfit(elements)
    return invalid(problem) if problem else _score(np.sort(elements.astype(np.int64)))


def _score(ordered: Integers) -> Score:
    sums, differences = counts(ordered)
    size, largest = len(ordered), int(ordered[-1])
    exponent = 1 + math.log(differences / sums) / math.log(2 * largest + 1)
    metrics = {
        "exponent": exponent,
        "log_size": math.log10(size),
        "sums": float(sums),
        "differences": float(differences),
    }
    most_differences = size * (size - 1) + 1
    most_sums = size * (size + 1) // 2
    feedback = (
        f"Valid. exponent {exponent!r}: {size} integers up to {largest}, {sums} sums and {differences} "
        f"differences, {sums / most_sums:.1%} and {differences / most_differences:.1%} of what so many can have. "
        "More differences, fewer sums or a smaller greatest element raise it."
    )
    text = "\n".join(map(str, ordered.tolist())) + "\n"
    return Score(metrics=metrics, feedback=feedback, artifacts={"integers.txt": text})
