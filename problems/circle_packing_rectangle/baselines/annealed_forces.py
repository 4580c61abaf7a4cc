"""Circles that push each other apart in a box whose shape is free while they grow; about a second, no randomness.

Adam on minus the sum of radii plus a penalty for overlap whose weight rises, from a few lattices and
widths; then the centres are kept and the radii made feasible by repeated growth.
"""

import numpy as np

STEPS = 900
STARTS = ((4, 1.0), (5, 1.0), (4, 1.1), (4, 1.03), (5, 0.95), (5, 1.05))


def pack(n: int) -> np.ndarray:
    best = max((settle(*start(n, *shape)) for shape in STARTS), key=lambda circles: circles[:, 2].sum())
    best[:, 2] *= 1 - 1e-12
    return best


def start(n: int, rows: int, width: float) -> tuple[np.ndarray, float]:
    """Return staggered rows, bent by a little wave, and the width of their box."""
    circles = []
    for row, members in enumerate(np.array_split(np.arange(n), rows)):
        x = width * (np.arange(len(members)) + 0.5 + 0.2 * (row % 2)) / (len(members) + 0.2)
        y = np.full(len(members), (2 - width) * (row + 0.5) / rows) + 0.01 * np.sin(7.0 * x + row)
        circles.append(np.column_stack([x, y, np.full(len(members), 0.4 / n**0.5)]))
    return np.concatenate(circles), width


def settle(circles: np.ndarray, width: float) -> np.ndarray:
    """Descend the penalised loss over circles and width, then repair the radii."""
    point = np.append(circles.ravel(), width)
    first, second = np.zeros_like(point), np.zeros_like(point)
    for step in range(1, STEPS + 1):
        progress = step / STEPS
        slope = gradient(point, 4.0 * 500.0**progress)
        first = 0.9 * first + 0.1 * slope
        second = 0.99 * second + 0.01 * slope**2
        pace = 0.01 * (1 - progress) ** 1.5 + 1e-6
        point = point - pace * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.99**step)) + 1e-9)
    width = float(np.clip(point[-1], 0.5, 1.5))
    x, y, radii = point[:-1].reshape(-1, 3).T
    x, y = np.clip(x, 1e-9, width - 1e-9), np.clip(y, 1e-9, 2 - width - 1e-9)
    return np.column_stack([x, y, repair(x, y, width, np.maximum(radii, 0.0))])


def gradient(point: np.ndarray, weight: float) -> np.ndarray:
    """Return the slope of minus the sum of radii plus ``weight`` times half the squared overlaps."""
    width = point[-1]
    x, y, radius = point[:-1].reshape(-1, 3).T
    dx, dy = x[:, None] - x, y[:, None] - y
    distance = np.hypot(dx, dy) + np.eye(len(x))
    depth = np.maximum(radius[:, None] + radius - distance, 0.0)
    np.fill_diagonal(depth, 0.0)
    left, right = np.maximum(radius - x, 0.0), np.maximum(radius + x - width, 0.0)
    low, high = np.maximum(radius - y, 0.0), np.maximum(radius + y - (2 - width), 0.0)
    pull_x = (right - left) - (depth * dx / distance).sum(axis=1)
    pull_y = (high - low) - (depth * dy / distance).sum(axis=1)
    swell = depth.sum(axis=1) + left + right + low + high
    slope = np.column_stack([weight * pull_x, weight * pull_y, weight * swell - 1.0])
    return np.append(slope.ravel(), weight * (high.sum() - right.sum()))


def repair(x: np.ndarray, y: np.ndarray, width: float, radii: np.ndarray) -> np.ndarray:
    """Shrink both circles of each overlapping pair alike, then let each grow into what is left."""
    wall = np.minimum(np.minimum(x, width - x), np.minimum(y, 2 - width - y))
    distance = np.hypot(x[:, None] - x, y[:, None] - y)
    np.fill_diagonal(distance, np.inf)
    radii = np.minimum(radii, wall)
    over = (radii[:, None] + radii - distance).max(axis=1)
    radii = np.maximum(radii - np.maximum(over, 0.0), 0.0)
    for i in range(len(radii)):
        radii[i] = max(0.0, min(wall[i], (distance[i] - radii).min()))
    return radii
