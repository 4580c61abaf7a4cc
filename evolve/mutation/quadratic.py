"""A quadratic model of a loss, and where it is lowest."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

_SURPLUS = 1.2
"""Points per coefficient before a model is trusted."""
_LARGEST_FULL = 10
"""With more dimensions than this only the diagonal of the curvature is modelled."""


def model_step(points: Matrix, losses: Vector) -> Vector | None:
    """Return the step from the origin to the minimum of a quadratic fitted to the best points.

    The idea of lq-CMA-ES (Hansen, arXiv:1904.06043): ``points`` (n, d) are results in units of the
    current distribution, ``losses`` (n,) their finite values. None while there are too few of them
    or when they are all the same.
    """
    count, dimensions = points.shape
    pairs = _pairs(count, dimensions)
    if pairs is None:
        return None
    coefficients = 1 + dimensions + len(pairs[0])
    best = np.argsort(losses, kind="stable")[: int(2 * coefficients)]
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        heights = (losses[best] - losses[best[0]]) / (losses[best[-1]] - losses[best[0]])
    if not np.all(np.isfinite(heights)):
        return None
    weights = np.linspace(1.0, 0.1, len(best))
    try:
        fit: Vector = np.linalg.lstsq(
            _features(points[best], pairs) * weights[:, None], heights * weights, rcond=1e-10
        )[0]
        return _newton_step(fit[1 : 1 + dimensions], _curvature(fit[1 + dimensions :], pairs, dimensions))
    except np.linalg.LinAlgError:
        return None


def _pairs(count: int, dimensions: int) -> tuple[NDArray[np.intp], NDArray[np.intp]] | None:
    """Return the pairs of dimensions whose products ``count`` points can support."""
    rows, columns = np.triu_indices(dimensions)
    if dimensions <= _LARGEST_FULL and count >= _SURPLUS * (1 + dimensions + len(rows)):
        return rows, columns
    if count >= _SURPLUS * (1 + 2 * dimensions):
        return np.arange(dimensions), np.arange(dimensions)
    return None


def _features(points: Matrix, pairs: tuple[NDArray[np.intp], NDArray[np.intp]]) -> Matrix:
    return np.hstack([np.ones((len(points), 1)), points, points[:, pairs[0]] * points[:, pairs[1]]])


def _curvature(products: Vector, pairs: tuple[NDArray[np.intp], NDArray[np.intp]], dimensions: int) -> Matrix:
    matrix = np.zeros((dimensions, dimensions))
    matrix[pairs] = products
    return matrix + matrix.T


def _newton_step(gradient: Vector, curvature: Matrix) -> Vector:
    """Solve for the minimum; directions without upward curvature get the smallest one there is."""
    values, vectors = np.linalg.eigh(curvature)
    floor = max(1e-6 * float(np.abs(values).max()), 1e-12)
    step: Vector = -vectors @ ((vectors.T @ gradient) / np.maximum(np.abs(values), floor))
    return step
