import numpy as np


def priority(x: np.ndarray, y: np.ndarray, p: int, n: int) -> float:
    """Return the priority with which a pair joins the set: all alike."""
    # EVOLVE-BLOCK-START
    product_weight = 0.0
    sum_weight = 0.0
    return product_weight * (int(x @ y) % p) + sum_weight * (int((x + y).sum()) % p)
    # EVOLVE-BLOCK-END
