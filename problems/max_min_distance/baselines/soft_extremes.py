"""Descent on smooth stand-ins for the greatest and the smallest distance, from several seeded starts; about a second.

log(ratio^2) with the maximum and minimum of the squared distances replaced by power means whose exponent
rises; the best of all starts is kept.
"""

import numpy as np

STARTS = 24
STEPS = 600


def points(n: int, d: int) -> np.ndarray:
    rng = np.random.default_rng(7)
    cloud = rng.normal(size=(STARTS, n, d))
    cloud /= np.linalg.norm(cloud, axis=2, keepdims=True)
    cloud *= rng.uniform(0.1, 1.0, size=(STARTS, n, 1)) ** (1 / d)
    first, second = np.zeros_like(cloud), np.zeros_like(cloud)
    for step in range(1, STEPS + 1):
        progress = step / STEPS
        slope = gradient(cloud, 4.0 * 400.0**progress)
        first = 0.9 * first + 0.1 * slope
        second = 0.99 * second + 0.01 * slope**2
        pace = 0.03 * (1 - progress) ** 2 + 1e-6
        cloud = cloud - pace * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.99**step)) + 1e-12)
    return min(cloud, key=ratio)


def gradient(cloud: np.ndarray, sharpness: float) -> np.ndarray:
    """Return the slope of log(soft maximum / soft minimum) of the squared distances, for each start."""
    apart = cloud[:, :, None] - cloud[:, None]
    squared = (apart**2).sum(axis=3)
    own = np.arange(squared.shape[1])
    squared[:, own, own] = 1.0
    logs = np.log(squared)
    high, low = sharpness * logs, -sharpness * logs
    high[:, own, own] = low[:, own, own] = -np.inf
    weights = softmax(high) - softmax(low)
    return 4 * (weights[..., None] * apart / squared[..., None]).sum(axis=2)


def softmax(values: np.ndarray) -> np.ndarray:
    weights = np.exp(values - values.max(axis=(1, 2), keepdims=True))
    return weights / weights.sum(axis=(1, 2), keepdims=True)


def ratio(points: np.ndarray) -> float:
    squared = ((points[:, None] - points) ** 2).sum(axis=2)[np.triu_indices(len(points), 1)]
    return float(squared.max() / squared.min())
