"""MAP-Elites on a centroidal Voronoi tessellation: a fixed number of cells in any number of dimensions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from evolve.domain.evaluation import Scored
from evolve.domain.objective import Feature
from evolve.domain.shape import SHAPE_NAMES
from evolve.errors import ConfigurationError
from evolve.search.cells import CellArchive

FloatArray = NDArray[np.float64]
Axes = Literal["features", "shape", "both"]

_SAMPLES_PER_CELL = 25
_ROUNDS = 12
_SPAN = math.log(8.0)
"""The cells of a shape axis cover from an eighth of the seed's number to eight times of it; beyond, the outer ones."""
_DENSITY_SPAN = math.log(4.0)
"""The same for numbers per line: they vary less."""


class CVTArchive(CellArchive[int]):
    """One elite per cell of a tessellation, after Vassiliades, Chatzilygeroudis and Mouret (arXiv:1610.05729).

    A declared feature counts by its place between ``low`` and ``high``; ``bins`` play no part. The numbers of a
    program's shape have no range: they count by the logarithm of their ratio to the first program's,
    which is the seed's in every run, so that no later program moves a cell. All but ``lines``
    are taken per line, as a program of twice the length has about twice as many of everything.
    A program without a shape (from an older record) counts as shaped like the seed.

    Args:
        features: of the problem.
        cells: number of cells.
        axes: ``features`` (declared), ``shape`` (of the program's text) or ``both``.
        seed: of the tessellation; equal settings give equal cells.
    """

    def __init__(self, *, features: Sequence[Feature], cells: int, axes: Axes, seed: int) -> None:
        if cells < 1:
            raise ConfigurationError(f"archive.cells must be at least 1, found {cells}.")
        if axes not in get_args(Axes):
            raise ConfigurationError(f"archive.axes: expected 'features', 'shape' or 'both', found {axes!r}.")
        super().__init__()
        self._features = tuple(features) if axes != "shape" else ()
        self._uses_shape = axes != "features"
        self._origin: FloatArray | None = None
        dimensions = len(self._features) + len(SHAPE_NAMES) * self._uses_shape
        self._centroids = tessellation(cells, dimensions, np.random.default_rng(seed))

    def _cell(self, scored: Scored) -> int:
        position = np.array([*self._declared(scored), *self._shape(scored)])
        return int(((self._centroids - position) ** 2).sum(axis=1).argmin())

    def _name(self, cell: int) -> str:
        return str(cell)

    def _declared(self, scored: Scored) -> list[float]:
        named = zip(self._features, scored.features, strict=True) if self._features else ()
        return [_share(value, feature.low, feature.high) for feature, value in named]

    def _shape(self, scored: Scored) -> FloatArray:
        if not self._uses_shape:
            return np.empty(0)
        if not scored.shape:
            return np.full(len(SHAPE_NAMES), 0.5)
        logarithms = np.log1p(np.array(scored.shape))
        logarithms[1:] -= logarithms[0]
        if self._origin is None:
            self._origin = logarithms
        moved = logarithms - self._origin
        moved[0] /= 2 * _SPAN
        moved[1:] /= 2 * _DENSITY_SPAN
        return np.asarray(np.clip(0.5 + moved, 0.0, 1.0), dtype=np.float64)


def tessellation(cells: int, dimensions: int, rng: np.random.Generator) -> FloatArray:
    """Return centroids in the unit cube, shape (cells, dimensions), by Lloyd's algorithm on uniform samples.

    A centroid that loses all samples stays where it is. Without dimensions there is one cell.
    """
    if dimensions == 0:
        return np.empty((1, 0))
    samples = rng.random((_SAMPLES_PER_CELL * cells, dimensions))
    centroids = samples[:cells].copy()
    for _ in range(_ROUNDS):
        nearest = _nearest(samples, centroids)
        counts = np.bincount(nearest, minlength=cells)
        sums = np.stack([np.bincount(nearest, samples[:, axis], cells) for axis in range(dimensions)], axis=1)
        occupied = counts > 0
        centroids[occupied] = sums[occupied] / counts[occupied, None]
    return centroids


def _nearest(samples: FloatArray, centroids: FloatArray) -> NDArray[np.intp]:
    """Return the number of the centroid nearest to each sample. A product of matrices would round, and
    so decide, differently with each build of numpy, and its threads get in each other's way."""
    distances = np.zeros((len(centroids), len(samples)))
    for sample, centroid in zip(samples.T, centroids.T, strict=True):
        distances += (centroid[:, None] - sample) ** 2
    return np.asarray(distances.argmin(axis=0), dtype=np.intp)


def _share(value: float, low: float, high: float) -> float:
    return min(max((value - low) / (high - low), 0.0), 1.0)
