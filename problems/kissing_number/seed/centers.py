import itertools

import numpy as np


# EVOLVE-BLOCK-START
def centers(d: int) -> np.ndarray:
    """Take vectors with a few entries of +1 or -1, in order, each that is far enough from the ones taken."""
    filled = 2
    most_rows = 700

    taken = np.zeros((0, d), dtype=np.int64)
    for places in itertools.combinations(range(d), filled):
        for signs in itertools.product((1, -1), repeat=filled):
            row = np.zeros(d, dtype=np.int64)
            row[list(places)] = signs
            # At most half of the squared length, so at least the length apart.
            if len(taken) < most_rows and (2 * (taken @ row) <= filled).all():
                taken = np.vstack([taken, row])
    return taken


# EVOLVE-BLOCK-END
