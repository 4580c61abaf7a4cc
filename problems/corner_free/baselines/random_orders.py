"""The best of a number of random orders, tried on the group itself; about a second, seeded."""

import numpy as np

TRIES = 60
best: dict[tuple[int, int], np.ndarray] = {}


def priority(x: np.ndarray, y: np.ndarray, p: int, n: int) -> float:
    if (p, n) not in best:
        best[p, n] = search(p, n)
    weights = p ** np.arange(n - 1, -1, -1)
    return float(best[p, n][int(x @ weights), int(y @ weights)])


def search(p: int, n: int) -> np.ndarray:
    """Return 1 for the pairs of the largest set found and 0 for the others."""
    size = p**n
    vectors = np.arange(size)[:, None] // p ** np.arange(n - 1, -1, -1) % p
    weights = p ** np.arange(n - 1, -1, -1)
    add = (vectors[:, None] + vectors) % p @ weights
    subtract = (vectors[:, None] - vectors) % p @ weights
    rng = np.random.default_rng(1)
    return max((grown(add, subtract, rng) for _ in range(max(4, TRIES * 256 // size**2))), key=np.sum)


def grown(add: np.ndarray, subtract: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a corner-free set that takes pairs in random order."""
    size = len(add)
    taken = np.zeros((size, size), dtype=bool)
    steps = np.arange(1, size)
    for code in rng.permutation(size * size).tolist():
        x, y = divmod(code, size)
        right, up = add[x, steps], add[y, steps]
        left, down = subtract[x, steps], subtract[y, steps]
        apex = taken[right, y] & taken[x, up]
        beside = taken[left, y] & taken[left, up]
        above = taken[x, down] & taken[right, down]
        taken[x, y] = not (apex | beside | above).any()
    return taken
