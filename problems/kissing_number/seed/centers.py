import itertools

import numpy as np


# EVOLVE-BLOCK-START
def centers(d: int) -> np.ndarray:
    """Return the vectors with two entries +1 or -1: the roots of D_d."""
    rows = []
    for i, j in itertools.combinations(range(d), 2):
        for a, b in itertools.product((-1, 1), repeat=2):
            row = [0] * d
            row[i], row[j] = a, b
            rows.append(row)
    return np.array(rows, dtype=np.int64)


# EVOLVE-BLOCK-END
