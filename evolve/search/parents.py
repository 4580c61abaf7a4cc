"""Who breeds: the chance of each elite to become a parent, and the inspirations beside it."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from evolve.errors import ConfigurationError

FloatArray = NDArray[np.float64]

_STEEPEST = 30.0
"""Bound on the sigmoid's argument that leaves every elite a chance."""
_LEAST_SPREAD = 1e-12
"""Smallest spread told apart from 0, beside the largest deviation."""


class ParentRule(Protocol):
    """Turns the elites of an island into chances."""

    def chances(self, gains: FloatArray, children: FloatArray) -> FloatArray:
        """Return each elite's chance to be the parent, shape (n,), summing to 1.

        ``gains`` holds the first objective of the elites, best first; ``children`` how many
        finished attempts each was the parent of, failures included. n is at least 1.
        """


class RankedParents:
    """Exploit the best ranks with a fixed chance, else explore all cells; both prefer the untried.

    Args:
        exploit: chance of choosing by rank, 0 to 1.
        top: exploitation spreads over about this many elites: a rank weighs exp(-rank / top).
    """

    def __init__(self, *, exploit: float, top: float) -> None:
        if not 0 <= exploit <= 1:
            raise ConfigurationError(f"exploit is a chance, expected 0 to 1, found {exploit}.")
        if not top > 0:
            raise ConfigurationError(f"top is a number of elites, expected more than 0, found {top}.")
        self._exploit = exploit
        self._top = top

    def chances(self, gains: FloatArray, children: FloatArray) -> FloatArray:
        """Mix rank and uniform weights, each divided by 1 + children."""
        untried = 1.0 / (1.0 + children)
        ranked = np.exp(-np.arange(len(gains)) / self._top) * untried
        return self._exploit * _normalised(ranked) + (1.0 - self._exploit) * _normalised(untried)


class WeightedParents:
    """Weigh each elite by how far it stands above the median, without regard to the score's scale.

    The weight is sigmoid(sharpness * (gain - median) / MAD) / (1 + children), after ShinkaEvolve
    (arXiv:2509.19349); MAD is the median absolute deviation.

    Args:
        sharpness: 0 ignores the score; larger values favour the upper half more.
    """

    def __init__(self, *, sharpness: float) -> None:
        if not sharpness >= 0:
            raise ConfigurationError(f"sharpness must not be negative, found {sharpness}.")
        self._sharpness = sharpness

    def chances(self, gains: FloatArray, children: FloatArray) -> FloatArray:
        """Return the normalised weights."""
        height = np.clip(self._sharpness * _robust_scores(gains), -_STEEPEST, _STEEPEST)
        return _normalised((1.0 + np.tanh(height / 2)) / (1.0 + children))


def _normalised(weights: FloatArray) -> FloatArray:
    return np.asarray(weights / weights.sum(), dtype=np.float64)


def _robust_scores(gains: FloatArray) -> FloatArray:
    """Return distances from the median in units of the MAD; of the mean deviation when the MAD is 0."""
    halves = gains / 2  # the difference of two halves cannot overflow
    deviations = halves - np.median(halves)
    largest = float(np.abs(deviations).max())
    if largest == 0.0:
        return np.zeros_like(gains)
    deviations = deviations / largest
    spread = float(np.median(np.abs(deviations))) or float(np.abs(deviations).mean())
    return np.asarray(deviations / max(spread, _LEAST_SPREAD), dtype=np.float64)
