"""Circles that push each other apart while they grow; well under a second, no randomness.

Adam on minus the sum of radii plus a penalty for overlap whose weight rises, from a few lattices;
then the centres are kept and the radii made feasible by repeated growth.
"""

import numpy as np

STEPS = 700
STARTS = 5


def pack(n: int) -> np.ndarray:
    best = max((settle(start(n, k)) for k in range(STARTS)), key=lambda circles: circles[:, 2].sum())
    best[:, 2] *= 1 - 1e-12
    return best


def start(n: int, k: int) -> np.ndarray:
    """Return the k-th lattice: rows of a staggered grid, bent by a little wave."""
    rows = max(1, round(n**0.5) + (k + 1) // 2 * (-1) ** k // 2)
    circles = []
    for row, members in enumerate(np.array_split(np.arange(n), rows)):
        x = (np.arange(len(members)) + 0.5 + 0.2 * (row % 2)) / (len(members) + 0.2)
        y = np.full(len(members), (row + 0.5) / rows) + 0.01 * np.sin(7.0 * x + row + 1.3 * k)
        circles.append(np.column_stack([x, y, np.full(len(members), 0.4 / n**0.5)]))
    return np.concatenate(circles)


def settle(circles: np.ndarray) -> np.ndarray:
    """Descend the penalised loss, then repair the radii."""
    first, second = np.zeros_like(circles), np.zeros_like(circles)
    for step in range(1, STEPS + 1):
        progress = step / STEPS
        slope = gradient(circles, 4.0 * 500.0**progress)
        first = 0.9 * first + 0.1 * slope
        second = 0.99 * second + 0.01 * slope**2
        pace = 0.01 * (1 - progress) ** 1.5 + 1e-6
        circles = circles - pace * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.99**step)) + 1e-9)
    x, y = np.clip(circles[:, :2], 1e-9, 1 - 1e-9).T
    return np.column_stack([x, y, repair(x, y, np.maximum(circles[:, 2], 0.0))])


def gradient(circles: np.ndarray, weight: float) -> np.ndarray:
    """Return the slope of minus the sum of radii plus ``weight`` times the squared overlaps."""
    x, y, radius = circles.T
    dx, dy = x[:, None] - x, y[:, None] - y
    distance = np.hypot(dx, dy) + np.eye(len(x))
    depth = np.maximum(radius[:, None] + radius - distance, 0.0)
    np.fill_diagonal(depth, 0.0)
    left, right = np.maximum(radius - x, 0.0), np.maximum(radius + x - 1, 0.0)
    low, high = np.maximum(radius - y, 0.0), np.maximum(radius + y - 1, 0.0)
    pull_x = (right - left) - (depth * dx / distance).sum(axis=1)
    pull_y = (high - low) - (depth * dy / distance).sum(axis=1)
    swell = depth.sum(axis=1) + left + right + low + high
    return np.column_stack([weight * pull_x, weight * pull_y, weight * swell - 1.0])


def repair(x: np.ndarray, y: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """Shrink both circles of each overlapping pair alike, then let each grow into what is left."""
    wall = np.minimum(np.minimum(x, 1 - x), np.minimum(y, 1 - y))
    distance = np.hypot(x[:, None] - x, y[:, None] - y)
    np.fill_diagonal(distance, np.inf)
    radii = np.minimum(radii, wall)
    over = (radii[:, None] + radii - distance).max(axis=1)
    radii = np.maximum(radii - np.maximum(over, 0.0), 0.0)
    for i in range(len(radii)):
        radii[i] = max(0.0, min(wall[i], (distance[i] - radii).min()))
    return radii
