import numpy as np


def priority(vector: np.ndarray, m: int, n: int) -> float:
    """Return the priority with which a vertex joins the set: all alike."""
    # EVOLVE-BLOCK-START
    first_weight = 0.0
    last_weight = 0.0
    modulus = 2
    return first_weight * (int(vector[0]) % modulus) + last_weight * (int(vector[-1]) % modulus)
    # EVOLVE-BLOCK-END
