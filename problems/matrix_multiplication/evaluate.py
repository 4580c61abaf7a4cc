"""Judge of matrix multiplication tensors: every entry, in integers.

Factors are doubled, so that their real and imaginary parts are integers of at most 128; a sum of r products of three
of them is below 4 * 128^3 * r <= 2^23 r in size, far below 2^63, so 64-bit integers are exact.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluators import Candidate, Score, invalid
from evaluators.constructions import array_fault, whole_number

LARGEST = 64
MOST_SIZE = 8
NAMES = ("u", "v", "w")
Integers = NDArray[np.int64]


def target(n: int, m: int, p: int) -> Integers:
    """Return the tensor of the multiplication: 1 where a product a[i, j] b[j, k] belongs to c[i, k]."""
    tensor = np.zeros((n * m, m * p, p * n), dtype=np.int64)
    i, j, k = np.ogrid[:n, :m, :p]
    tensor[i * m + j, j * p + k, k * n + i] = 1
    return tensor


def fault(answer: Any, call: str, sizes: tuple[int, int, int]) -> str:
    """Return why the answer is not three factors as asked for, or an empty string."""
    if not isinstance(answer, list | tuple) or len(answer) != 3:
        return f"{call} must return three arrays u, v, w; found {type(answer).__name__}."
    for name, factor, size in zip(NAMES, answer, sizes, strict=True):
        problem = array_fault(factor, f"{call}, {name},", (size, None), kinds="fiuc") or odd_entry(factor, name)
        if problem:
            return problem
    ranks = [factor.shape[1] for factor in answer]
    return "" if len(set(ranks)) == 1 else f"u, v and w must have equally many columns, found {ranks}."


def odd_entry(factor: NDArray[Any], name: str) -> str:
    """Return an entry that is no multiple of 1/2 of moderate size, in words."""
    parts = np.stack([factor.real, factor.imag]).astype(np.float64)
    wrong = np.argwhere((parts * 2 != np.round(parts * 2)) | (np.abs(parts) > LARGEST))
    if not len(wrong):
        return ""
    place = tuple(wrong[0, 1:].tolist())
    return f"{name}[{place[0]}, {place[1]}] is {factor[place]}; only multiples of 1/2 up to {LARGEST} are allowed."


def doubled(factor: NDArray[Any]) -> tuple[Integers, Integers]:
    """Return twice the real and twice the imaginary part."""
    return tuple((part.astype(np.float64) * 2).astype(np.int64) for part in (factor.real, factor.imag))  # type: ignore[return-value]


def composed(factors: list[NDArray[Any]]) -> tuple[Integers, Integers]:
    """Return eight times the tensor that the factors make: its real and its imaginary part."""
    (a, b), (c, d), (e, f) = map(doubled, factors)
    # (a + ib)(c + id) for each product, then times (e + if), summed over products.
    real, imaginary = (columns(a, c) - columns(b, d)), (columns(a, d) + columns(b, c))
    shape = (len(a), len(c), len(e))
    return (real @ e.T - imaginary @ f.T).reshape(shape), (real @ f.T + imaginary @ e.T).reshape(shape)


def columns(left: Integers, right: Integers) -> Integers:
    """Return, for each column, the outer product of the two, flat: (rows of left x rows of right, columns)."""
    outer: Integers = (left[:, None, :] * right[None, :, :]).reshape(-1, left.shape[1])
    return outer


def evaluate(candidate: Candidate, stage: str, params: dict[str, Any]) -> Score:
    """Score one decomposition by its rank."""
    n, m, p = (whole_number(params, name, 1, MOST_SIZE) for name in ("n", "m", "p"))
    call = f"decompose(n={n}, m={m}, p={p})"
    answer = candidate.call("decompose", n=n, m=m, p=p)
    problem = fault(answer, call, (n * m, m * p, p * n))
    if problem:
        return invalid(problem)
    rank = answer[0].shape[1]
    if rank > 2 * n * m * p:
        return invalid(
            f"The rank is {rank}; the schoolbook method needs {n * m * p}, and at most twice that is judged."
        )
    real, imaginary = composed(list(answer))
    wrong = np.argwhere((real != 8 * target(n, m, p)) | (imaginary != 0))
    if len(wrong):
        return invalid(mistakes(wrong, real, imaginary, target(n, m, p)))
    return _score(list(answer), rank, n * m * p)


def mistakes(wrong: NDArray[Any], real: Integers, imaginary: Integers, expected: Integers) -> str:
    """Say how many entries of the tensor are wrong, and show one."""
    x, y, z = wrong[0].tolist()
    found = complex(real[x, y, z] / 8, imaginary[x, y, z] / 8)
    return (
        f"{len(wrong)} of {expected.size} entries of the tensor are wrong; the first is [{x}, {y}, {z}]: "
        f"sum over s of u[{x}, s] v[{y}, s] w[{z}, s] is {found}, expected {expected[x, y, z]}."
    )


def _score(factors: list[NDArray[Any]], rank: int, schoolbook: int) -> Score:
    used = [float((factor != 0).mean()) for factor in factors]
    kinds = "complex" if any((np.imag(factor) != 0).any() for factor in factors) else "real"
    whole = all((np.stack([factor.real, factor.imag]) % 1 == 0).all() for factor in factors)
    metrics = {"rank": float(rank), "density": float(np.mean(used))}
    feedback = (
        f"Valid. rank {rank}; the schoolbook method has {schoolbook}. "
        f"Factors are {kinds}, {'whole' if whole else 'halves'}; "
        f"shares of entries of u, v, w other than 0: {np.round(used, 2).tolist()}."
    )
    return Score(metrics=metrics, feedback=feedback)
