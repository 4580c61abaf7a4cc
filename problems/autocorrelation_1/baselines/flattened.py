"""Descent on a soft maximum of f*f, from a rough start; a second.

Heights are squares, so they stay non-negative; the exponent of the soft maximum rises;
the best of a few starts is kept.
"""

import numpy as np

STEPS = 150
ROUNDS = 1500


def heights() -> np.ndarray:
    return min((settle(seed) for seed in range(3)), key=bound)


def settle(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    x = (np.arange(STEPS) + 0.5) / STEPS
    root = np.sqrt(1 / np.sqrt(np.maximum(1.05 - x, 0.02))) * rng.uniform(0.8, 1.2, STEPS)
    first, second = np.zeros(STEPS), np.zeros(STEPS)
    for step in range(1, ROUNDS + 1):
        progress = step / ROUNDS
        slope = gradient(root, 30.0 * 100.0**progress)
        first = 0.9 * first + 0.1 * slope
        second = 0.99 * second + 0.01 * slope**2
        pace = 0.02 * (1 - progress) ** 2 + 1e-6
        root = root - pace * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.99**step)) + 1e-12)
    return root**2


def gradient(root: np.ndarray, sharpness: float) -> np.ndarray:
    """Return the slope of log(soft maximum of a*a) - 2 log(sum a), with a = root squared."""
    a = root**2
    overlap = np.convolve(a, a)
    weights = np.exp(sharpness * (overlap / overlap.max() - 1))
    weights /= weights @ overlap
    return 2 * root * (2 * np.correlate(weights, a, "valid") - 2 / a.sum())


def bound(a: np.ndarray) -> float:
    return 2 * len(a) * np.convolve(a, a).max() / a.sum() ** 2
