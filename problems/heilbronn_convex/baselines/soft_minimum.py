"""Ascent on a soft minimum of the triangles' areas beside the hull's, from seeded starts; some seconds.

The later starts lie around the best points so far.
"""

import itertools

import numpy as np

STARTS = 8
STEPS = 200
NOISES = (0.2, 0.2, 0.2, 0.15, 0.1, 0.05)  # how far the next starts lie from the best points so far


def points(n: int) -> np.ndarray:
    rng = np.random.default_rng(11)
    triples = np.array(list(itertools.combinations(range(n), 3)))
    spread = spreading(triples, n)
    angle, radius = rng.uniform(0, 2 * np.pi, (STARTS, n)), rng.random((STARTS, n)) ** 0.4
    cloud = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=2)
    best = cloud[0]
    for noise in NOISES:
        found = climb(cloud, triples, spread)
        best = max([best, *found], key=lambda placed: score(placed, triples))
        best = (best - best.mean(axis=0)) / np.abs(best - best.mean(axis=0)).max()
        cloud = best + noise * rng.normal(size=cloud.shape)
    return best


def score(placed: np.ndarray, triples: np.ndarray) -> float:
    return float(np.abs(areas(placed[None], triples)).min() / hull_area(placed))


def climb(cloud: np.ndarray, triples: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Move all starts uphill (Adam), with a minimum that gets sharper."""
    first, second = np.zeros_like(cloud), np.zeros_like(cloud)
    for step in range(1, STEPS + 1):
        progress = step / STEPS
        slope = gradient(cloud, triples, spread, 2.0 * 300.0**progress)
        first = 0.9 * first + 0.1 * slope
        second = 0.99 * second + 0.01 * slope**2
        pace = 0.03 * (1 - progress) ** 2 + 1e-6
        cloud = cloud + pace * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.99**step)) + 1e-12)
    return cloud


def spreading(triples: np.ndarray, n: int) -> np.ndarray:
    """Return a matrix that sums, for each point, what its triangles say: (3 * triangles, n)."""
    matrix = np.zeros((triples.size, n))
    matrix[np.arange(triples.size), triples.T.ravel()] = 1.0
    return matrix


def areas(cloud: np.ndarray, triples: np.ndarray) -> np.ndarray:
    a, b, c = (cloud[:, triples[:, k]] for k in range(3))
    return (b[..., 0] - a[..., 0]) * (c[..., 1] - a[..., 1]) - (c[..., 0] - a[..., 0]) * (b[..., 1] - a[..., 1])


def gradient(cloud: np.ndarray, triples: np.ndarray, spread: np.ndarray, sharpness: float) -> np.ndarray:
    """Return the slope of log(soft minimum of areas / hull area)."""
    signed = areas(cloud, triples)
    logs = np.log(np.abs(signed) + 1e-12)
    weights = np.exp(-sharpness * (logs - logs.min(axis=1, keepdims=True)))
    weights = weights / weights.sum(axis=1, keepdims=True) / (signed + np.copysign(1e-9, signed))
    a, b, c = (cloud[:, triples[:, k]] for k in range(3))
    parts = np.concatenate([turned(b - c), turned(c - a), turned(a - b)], axis=1)
    weighted = parts * np.tile(weights, (1, 3))[..., None]
    pull = (weighted.transpose(0, 2, 1) @ spread).transpose(0, 2, 1)
    return pull - np.stack([hull_slope(placed) for placed in cloud])


def turned(edges: np.ndarray) -> np.ndarray:
    return np.stack([edges[..., 1], -edges[..., 0]], axis=-1)


def hull(placed: np.ndarray) -> list[int]:
    """Return the indices of the hull's corners, counterclockwise."""
    x, y = placed.T.tolist()
    order = sorted(range(len(x)), key=lambda i: (x[i], y[i]))
    chains = []
    for indices in (order, order[::-1]):
        chain: list[int] = []
        for k in indices:
            while len(chain) > 1:
                i, j = chain[-2:]
                if (x[j] - x[i]) * (y[k] - y[i]) - (x[k] - x[i]) * (y[j] - y[i]) > 0:
                    break
                chain.pop()
            chain.append(k)
        chains += chain[:-1]
    return chains


def hull_area(placed: np.ndarray) -> float:
    """Return twice the area of the hull."""
    x, y = placed[hull(placed)].T
    return float(x @ np.roll(y, -1) - y @ np.roll(x, -1))


def hull_slope(placed: np.ndarray) -> np.ndarray:
    """Return the slope of the logarithm of the hull's area."""
    corners = hull(placed)
    edge = placed[corners]
    slope = np.zeros_like(placed)
    slope[corners] = turned(np.roll(edge, -1, axis=0) - np.roll(edge, 1, axis=0)) / hull_area(placed)
    return slope
