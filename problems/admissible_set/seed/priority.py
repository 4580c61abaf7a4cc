import itertools

import numpy as np


def priority(vector: np.ndarray, n: int, w: int) -> float:
    """Return the priority with which a vector joins the set: all alike, as every weight is 0."""
    # EVOLVE-BLOCK-START
    two_weight = 0.0
    change_weight = 0.0
    first_weight = 0.0

    entries = vector.tolist()
    changes = sum(a != b for a, b in itertools.pairwise(entries))
    return two_weight * entries.count(2) + change_weight * changes + first_weight * entries[0]
    # EVOLVE-BLOCK-END
