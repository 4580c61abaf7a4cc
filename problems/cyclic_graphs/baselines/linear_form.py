"""Vertices by a linear form modulo m or a neighbour of it: the best of a seeded sample, tried on the graph.

Sets of vectors on which a linear form is constant are lattices; greedy adds what fits between them.
"""

import numpy as np

TRIALS = 24
best: dict[tuple[int, int], np.ndarray] = {}


def priority(vector: np.ndarray, m: int, n: int) -> float:
    if (m, n) not in best:
        best[m, n] = max(candidates(m, n), key=lambda scores: size(scores, m, n))
    return float(best[m, n][int(vector @ m ** np.arange(n - 1, -1, -1))])


def candidates(m: int, n: int) -> list[np.ndarray]:
    """Return scores of all vertices, one array for each trial."""
    vertices = np.arange(m**n)[:, None] // m ** np.arange(n - 1, -1, -1) % m
    rng = np.random.default_rng(n)
    found = [np.zeros(m**n)]
    for _ in range(TRIALS):
        weights, modulus = rng.integers(1, m, size=n), m + int(rng.integers(-2, 3))
        found.append((vertices @ weights % modulus).astype(float))
    return found


def size(scores: np.ndarray, m: int, n: int) -> int:
    """Return how many vertices the greedy rule takes."""
    grid = np.ones([m] * n, dtype=bool)
    free, count = grid.ravel(), 0
    around = np.indices([3] * n).reshape(n, -1).T - 1
    weights = m ** np.arange(n - 1, -1, -1)
    for vertex in np.argsort(-scores, kind="stable").tolist():
        if free[vertex]:
            free[(vertex // weights % m + around) % m @ weights] = False
            count += 1
    return count
