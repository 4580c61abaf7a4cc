"""Twice the unit vectors, and all signs on the blocks of a packing of quadruples (construction A).

Two quadruples may share two places: then the inner product is at most 2, half of the squared length 4. The
packing is found by a seeded local search that swaps one block in for one out.
"""

import itertools

import numpy as np

ROUNDS = 60000


def centers(d: int) -> np.ndarray:
    rows = [sign * 2 * row for row in np.eye(d, dtype=np.int64) for sign in (1, -1)]
    for block in packing(d):
        for signs in itertools.product((1, -1), repeat=4):
            row = np.zeros(d, dtype=np.int64)
            row[list(block)] = signs
            rows.append(row)
    return np.array(rows)


def packing(d: int) -> list[tuple[int, ...]]:
    """Return quadruples of which no two share three places."""
    blocks = list(itertools.combinations(range(d), 4))
    triples = {triple: k for k, triple in enumerate(itertools.combinations(range(d), 3))}
    inside = [[triples[triple] for triple in itertools.combinations(block, 3)] for block in blocks]
    owner = [-1] * len(triples)
    rng = np.random.default_rng(0)
    best: list[int] = []
    chosen: set[int] = set()
    for k in rng.integers(len(blocks), size=ROUNDS).tolist():
        owners = {owner[triple] for triple in inside[k]} - {-1}
        if k in chosen or len(owners) > 1:
            continue
        for old in owners:
            chosen.remove(old)
            for triple in inside[old]:
                owner[triple] = -1
        chosen.add(k)
        for triple in inside[k]:
            owner[triple] = k
        if len(chosen) > len(best):
            best = sorted(chosen)
    return [blocks[k] for k in best]
