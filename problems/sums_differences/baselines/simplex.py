"""Vectors of natural numbers with a bounded sum, read as digits (Gyarmati, Hennecart and Ruzsa).

They have many more differences than sums. Several dimensions and bounds are tried; about a second.
"""

import itertools
import math

import numpy as np


def integers() -> np.ndarray:
    best, value = np.array([0, 1, 3]), 0.0
    for places, total in itertools.product(range(3, 10), range(2, 9)):
        if math.comb(places + total, places) > 800:
            continue
        found = np.unique(simplex(places, total) @ (total + 1) ** np.arange(places))
        reached = exponent(found)
        if reached > value:
            best, value = found, reached
    return best


def simplex(places: int, total: int) -> np.ndarray:
    """Return the vectors of natural numbers with sum at most ``total``."""
    rows = [(0,) * 0]
    for _ in range(places):
        rows = [(*row, k) for row in rows for k in range(total - sum(row) + 1)]
    return np.array(rows, dtype=np.int64)


def exponent(found: np.ndarray) -> float:
    sums = len(np.unique(found[:, None] + found))
    differences = len(np.unique(found[:, None] - found))
    return 1 + math.log(differences / sums) / math.log(2 * int(found[-1]) + 1)
