"""Ascent on a soft minimum of the triangles' areas, from seeded starts, then from around the best; about a second.

Each point is a mean of the corners with weights that are squares over their sum, so it cannot leave.
"""

import itertools

import numpy as np

CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, np.sqrt(3) / 2]])
STARTS = 16
STEPS = 200
NOISES = (0.15, 0.15, 0.15, 0.15, 0.1, 0.05)  # how far the next starts lie from the best point so far


def points(n: int) -> np.ndarray:
    rng = np.random.default_rng(3)
    triples = np.array(list(itertools.combinations(range(n), 3)))
    spread = spreading(triples, n)
    roots = np.sqrt(rng.dirichlet([0.6, 0.6, 0.6], size=(STARTS, n)))
    best = roots[0]
    for noise in NOISES:
        found = climb(roots, triples, spread)
        best = max([best, *found], key=lambda root: smallest(root, triples))
        roots = best + noise * rng.normal(size=roots.shape)
    placed = best**2 @ CORNERS
    return placed * (1 - 1e-12) + CORNERS.mean(axis=0) * 1e-12


def climb(roots: np.ndarray, triples: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Move all starts uphill (Adam), with a minimum that gets sharper."""
    roots = roots / np.linalg.norm(roots, axis=2, keepdims=True)
    first, second = np.zeros_like(roots), np.zeros_like(roots)
    for step in range(1, STEPS + 1):
        progress = step / STEPS
        slope = gradient(roots, triples, spread, 2.0 * 300.0**progress)
        first = 0.9 * first + 0.1 * slope
        second = 0.99 * second + 0.01 * slope**2
        pace = 0.03 * (1 - progress) ** 2 + 1e-6
        roots = roots + pace * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.99**step)) + 1e-12)
        roots /= np.linalg.norm(roots, axis=2, keepdims=True)
    return roots


def smallest(root: np.ndarray, triples: np.ndarray) -> float:
    return float(np.abs(areas((root**2 @ CORNERS)[None], triples)).min())


def spreading(triples: np.ndarray, n: int) -> np.ndarray:
    """Return a matrix that sums, for each point, what its triangles say: (3 * triangles, n)."""
    matrix = np.zeros((triples.size, n))
    matrix[np.arange(triples.size), triples.T.ravel()] = 1.0
    return matrix


def areas(cloud: np.ndarray, triples: np.ndarray) -> np.ndarray:
    a, b, c = (cloud[:, triples[:, k]] for k in range(3))
    return (b[..., 0] - a[..., 0]) * (c[..., 1] - a[..., 1]) - (c[..., 0] - a[..., 0]) * (b[..., 1] - a[..., 1])


def gradient(roots: np.ndarray, triples: np.ndarray, spread: np.ndarray, sharpness: float) -> np.ndarray:
    """Return the slope of the logarithm of the soft minimum, by the roots of the weights."""
    cloud = roots**2 @ CORNERS
    signed = areas(cloud, triples)
    logs = np.log(np.abs(signed) + 1e-12)
    weights = np.exp(-sharpness * (logs - logs.min(axis=1, keepdims=True)))
    weights = weights / weights.sum(axis=1, keepdims=True) / (signed + np.copysign(1e-9, signed))
    a, b, c = (cloud[:, triples[:, k]] for k in range(3))
    parts = np.concatenate([turned(b - c), turned(c - a), turned(a - b)], axis=1)
    weighted = parts * np.tile(weights, (1, 3))[..., None]
    pull = (weighted.transpose(0, 2, 1) @ spread).transpose(0, 2, 1)
    along = pull @ CORNERS.T - (pull * cloud).sum(axis=2, keepdims=True)
    return 2 * roots * along


def turned(edges: np.ndarray) -> np.ndarray:
    return np.stack([edges[..., 1], -edges[..., 0]], axis=-1)
