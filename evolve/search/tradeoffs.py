"""Parents for every trade-off between objectives: pure functions on arrays of gains.

``gains`` has the shape (programs, objectives), higher is better; ``quality`` are gains scaled to 0 to 1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

_AUGMENTATION = 0.001
"""Share of the sum in the Tchebycheff loss: it only has to tell a program from one that dominates it. With 0.05
parts of a front that caves in never came up."""


def quality(gains: FloatArray) -> FloatArray:
    """Return gains scaled so that in each objective the best of the programs has 1 and the worst 0.

    Where all are equal all have 1: there is nothing to lose.
    """
    halves = gains / 2  # the difference of two halves cannot overflow
    low, high = halves.min(axis=0), halves.max(axis=0)
    spread = high - low
    scaled = np.ones_like(halves)
    np.divide(halves - low, spread, out=scaled, where=spread > 0)
    return scaled


def draw_weights(objectives: int, rng: np.random.Generator) -> FloatArray:
    """Return weights of the objectives, evenly distributed among all that sum to 1."""
    return rng.dirichlet(np.ones(objectives))


def tchebycheff(quality: FloatArray, weights: FloatArray) -> FloatArray:
    """Return each program's loss under weights: the augmented Tchebycheff distance from the ideal.

    After Steuer and Choo (1983): max_j w_j (1 - q_j) + rho sum_j w_j (1 - q_j). Unlike a weighted sum it is least
    at every member of the front for some weights, also where the front caves in.
    """
    losses = weights * (1.0 - quality)
    return np.asarray(losses.max(axis=1) + _AUGMENTATION * losses.sum(axis=1), dtype=np.float64)


def draw_tradeoff(gains: FloatArray, rng: np.random.Generator) -> int:
    """Return the program that is best for a trade-off drawn at random, the first of equals.

    Drawn again and again, all parts of the front come up.
    """
    return int(tchebycheff(quality(gains), draw_weights(gains.shape[1], rng)).argmin())


def complements(quality: FloatArray, parent: int) -> FloatArray:
    """Return how far each program is ahead of the parent where it is ahead, summed over the objectives."""
    return np.asarray(np.maximum(quality - quality[parent], 0.0).sum(axis=1), dtype=np.float64)


def draw_others(weights: FloatArray, without: int, count: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Return positions of up to ``count`` different programs, ascending, never that of ``without``.

    A program comes up in proportion to its weight (Efraimidis and Spirakis 2006); those that weigh
    nothing fill what is left, the first of them first.
    """
    waits = np.full(len(weights), np.inf)
    np.divide(rng.standard_exponential(len(weights)), weights, out=waits, where=weights > 0)
    order = waits.argsort(kind="stable")
    return np.sort(order[order != without][:count])
