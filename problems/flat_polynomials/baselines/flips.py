"""Local search by single and double flips from seeded chirps; about a second."""

import numpy as np

GRID = 1024
STARTS = 12


def signs(n: int) -> np.ndarray:
    k = np.arange(n)
    points = np.exp(2j * np.pi * np.outer(np.arange(GRID // 2 + 1), k) / GRID)
    rng = np.random.default_rng(4)
    best, value = np.ones(n, dtype=np.int64), np.inf
    for _ in range(STARTS):
        rate, phase = np.pi / n * rng.uniform(0.7, 1.3), rng.uniform(0, 2 * np.pi)
        start = np.where(np.cos(rate * k**2 + phase) >= 0, 1, -1)
        found, reached = climb(start, points)
        if reached < value:
            best, value = found, reached
    return best


def climb(c: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, float]:
    """Flip one or two signs as long as the maximum falls; returns signs and maximum."""
    n = len(c)
    pairs = [(i, i) for i in range(n)] + [(i, j) for i in range(n) for j in range(i)]
    first, second = np.array(pairs).T
    values = points @ c
    reached = float(np.abs(values).max())
    while True:
        steps = -2 * points * c
        # A pair (i, i) is a single flip.
        worst = np.argsort(-np.abs(values))[:24]
        change = steps[worst][:, first] + np.where(first == second, 0, steps[worst][:, second])
        rough = np.abs(values[worst, None] + change).max(axis=0)
        for move in np.argsort(rough)[:8].tolist():
            i, j = first[move], second[move]
            moved = values + steps[:, i] + (steps[:, j] if i != j else 0)
            found = float(np.abs(moved).max())
            if found < reached - 1e-9:
                c = c.copy()
                c[list({i, j})] *= -1
                values, reached = moved, found
                break
        else:
            return c, reached
