"""What judges of mathematical constructions share.

The first look at an array: kind, shape and finiteness, before anything is computed with it. Numbers without
rounding: a double is a whole number over a power of two, so the doubles of one construction are whole
numbers over one power of two. Sums whose rounding is bounded. Choice by a program's priorities.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from evaluators.candidate import Candidate

Floats = npt.NDArray[np.float64]

BLOCK = 512  # long enough for matrix products to run at full speed, small enough to stay in the cache
LARGEST = 1e100  # squares and products of three such numbers are still finite


def array_fault(answer: Any, call: str, shape: Sequence[int | None], *, kinds: str = "f") -> str:
    """Return why ``answer`` is not a real array as asked for, or an empty string.

    Args:
        call: the call in words, such as ``pack(n=26)``.
        shape: lengths; None stands for any length of at least 1.
        kinds: numpy's letters of the kinds of numbers allowed: f, i, u, c.
    """
    lengths = "(" + ", ".join("k" if length is None else str(length) for length in shape) + ")"
    if not isinstance(answer, np.ndarray):
        return f"{call} must return a numpy array of shape {lengths}, found {type(answer).__name__}."
    if answer.dtype.kind not in kinds or answer.dtype.itemsize > (16 if answer.dtype.kind == "c" else 8):
        return f"{call} must return {_names(kinds)}, found an array of {answer.dtype}."
    fits = len(answer.shape) == len(shape) and all(
        found > 0 if asked is None else found == asked for found, asked in zip(answer.shape, shape, strict=True)
    )
    if not fits:
        return f"{call} must return the shape {lengths}, found {answer.shape}."
    return _odd_number(answer, call)


def _names(kinds: str) -> str:
    names = {"f": "floats", "i": "integers", "c": "complex numbers"}
    return " or ".join(name for kind, name in names.items() if kind in kinds)


def _odd_number(answer: npt.NDArray[Any], call: str) -> str:
    """Return which number is not finite or is beyond what exact arithmetic is meant for."""
    if answer.dtype.kind not in "fc":
        return ""
    wrong = np.argwhere(~np.isfinite(answer))
    if len(wrong):
        place = tuple(wrong[0].tolist())
        return f"{call}: entry {place} is {answer[place]}; every number must be finite."
    size = np.abs(answer.astype(np.complex128 if answer.dtype.kind == "c" else np.float64))
    if size.size and size.max() > LARGEST:
        return f"{call}: the greatest number is {size.max():.3g} in size; at most {LARGEST:g} is allowed."
    return ""


def common_integers(values: Floats) -> tuple[npt.NDArray[Any], int]:
    """Return whole numbers (Python's, in an array of the same shape) and their unit: value = integer / unit."""
    ratios = [value.as_integer_ratio() for value in values.ravel().tolist()]
    unit = max((denominator for _, denominator in ratios), default=1)
    integers = np.empty(len(ratios), dtype=object)
    integers[:] = [numerator * (unit // denominator) for numerator, denominator in ratios]
    return integers.reshape(values.shape), unit


def convolution(first: Floats, second: Floats) -> tuple[Floats, Floats]:
    """Return the discrete convolution of two arrays of one length k, and a bound on the rounding error of each entry.

    Each entry is a sum of at most k products, in whatever order, so its error is at most
    (k + 2) u sum |a| |b| with u = 2**-53 (Higham, Accuracy and Stability, 3.1); products below the least
    normal double add at most 2**-1074 each. A Fourier transform would be faster, but its error is
    relative to the greatest entry.
    """
    values = _convolved(first, second)
    size = values if min(first.min(), second.min()) >= 0 else _convolved(np.abs(first), np.abs(second))
    terms = len(first)
    return values, (terms + 2) * 2.0**-53 * (1 + 1e-9) * size + terms * 2.0**-1000


def _convolved(first: Floats, second: Floats) -> Floats:
    """Convolve by blocks, each a product of matrices: ten times as fast as ``np.convolve`` for long arrays."""
    if len(first) <= 2 * BLOCK:
        return np.convolve(first, second)
    blocks = -(-len(first) // BLOCK)
    padded = np.zeros((2, blocks * BLOCK))
    padded[0, : len(first)], padded[1, : len(second)] = first, second
    rows, halves = padded[0].reshape(blocks, BLOCK), np.zeros((2 * blocks + 1, BLOCK))
    for j, block in enumerate(padded[1].reshape(blocks, BLOCK)):
        around = np.concatenate([np.zeros(BLOCK - 1), block, np.zeros(BLOCK)])
        toeplitz = np.lib.stride_tricks.sliding_window_view(around, 2 * BLOCK)[::-1]  # [i, m] = block[m - i]
        products = rows @ toeplitz
        halves[j : j + blocks] += products[:, :BLOCK]
        halves[j + 1 : j + 1 + blocks] += products[:, BLOCK:]
    return halves.ravel()[: len(first) + len(second) - 1]


def scaled_to_one(values: Floats) -> Floats:
    """Return ``values`` times the power of two that brings the greatest size into [1/2, 1): exact but for underflow.

    Raises ValueError if all are 0.
    """
    largest = float(np.abs(values).max())
    if largest == 0.0:
        raise ValueError("all values are 0")
    scaled: Floats = np.ldexp(values, -math.frexp(largest)[1])
    return scaled


def priorities(candidate: Candidate, function: str, calls: Sequence[Sequence[Any]]) -> Floats | str:
    """Ask a program for the priority of each element, one call for each; return them, or what is wrong with one.

    -inf means never, and is allowed; NaN is not.
    """
    with candidate.session() as session:
        answers = session.map(function, calls)
    for call, answer in zip(calls, answers, strict=True):
        if not _is_priority(answer):
            shown = ", ".join(str(part.tolist() if isinstance(part, np.ndarray) else part) for part in call)
            return f"{function}({shown}) must return a finite number (or -inf for never), found {answer!r:.60}."
    return np.array(answers, dtype=np.float64)


def _is_priority(answer: Any) -> bool:
    if type(answer) is int:
        return -(2**63) < answer < 2**63
    return type(answer) is float and (math.isfinite(answer) or answer == -math.inf)


def greedy(
    scores: Floats, blocked_by: Callable[[int, npt.NDArray[np.int64]], npt.NDArray[Any]]
) -> npt.NDArray[np.int64]:
    """Take elements by falling priority, the first of equals first, each unless it is blocked.

    ``blocked_by(new, taken)`` returns the elements that cannot join ``new`` and the ones taken before it.
    """
    free = scores > -math.inf
    taken = np.zeros(len(scores), dtype=np.int64)
    count = 0
    for element in np.argsort(-scores, kind="stable").tolist():
        if free[element]:
            free[element] = False
            free[blocked_by(element, taken[:count])] = False
            taken[count] = element
            count += 1
    return taken[:count]


def digits(base: int, length: int) -> npt.NDArray[np.int64]:
    """Return all vectors of {0, ..., base - 1}^length, in lexicographic order: (base^length, length)."""
    return np.ascontiguousarray(np.indices((base,) * length, dtype=np.int64).reshape(length, -1).T)


def powers(base: int, length: int) -> npt.NDArray[np.int64]:
    """Return the weights that turn a vector into its place among ``digits``."""
    return base ** np.arange(length - 1, -1, -1)


def whole_number(params: Mapping[str, Any], name: str, least: int, most: int) -> int:
    """Return a parameter of the problem. Raises ValueError if it is no whole number in the range."""
    value = params[name]
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise ValueError(f"params.{name}: expected a whole number from {least} to {most}, found {value!r}.")
    return value
