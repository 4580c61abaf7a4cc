import numpy as np


def priority(vector: np.ndarray, n: int, w: int) -> float:
    """Return the priority with which a vector joins the set: all alike."""
    # EVOLVE-BLOCK-START
    first_weight = 0.0
    two_weight = 0.0
    twos = int((vector == 2).sum())
    return first_weight * int(vector[0]) + two_weight * twos
    # EVOLVE-BLOCK-END
