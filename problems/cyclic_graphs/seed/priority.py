import numpy as np


def priority(vector: np.ndarray, m: int, n: int) -> float:
    """Return the priority with which a vertex joins the set: the remainder of a linear form that is 0."""
    # EVOLVE-BLOCK-START
    factor = 0
    growth = 1
    shift = 0

    form = 0
    for entry in vector.tolist():
        form = form * growth + factor * entry
    return float(form % (m + shift))
    # EVOLVE-BLOCK-END
