import numpy as np


def priority(vector: np.ndarray, n: int) -> float:
    """Return the priority with which a vector joins the cap set: all alike."""
    # EVOLVE-BLOCK-START
    zero_weight = 0.0
    two_weight = 0.0
    zeros = int((vector == 0).sum())
    twos = int((vector == 2).sum())
    return zero_weight * zeros + two_weight * twos
    # EVOLVE-BLOCK-END
