import numpy as np


def priority(vector: np.ndarray, n: int) -> float:
    """Return the priority with which a vector joins the cap set: all alike, as every weight is 0."""
    # EVOLVE-BLOCK-START
    zero_weight = 0.0
    middle = 3.0
    two_weight = 0.0
    form_weight = 0.0

    zeros = int((vector == 0).sum())
    twos = int((vector == 2).sum())
    half = n // 2
    form = int(vector[:half] @ vector[half : 2 * half]) % 3
    return zero_weight * abs(zeros - middle) + two_weight * twos + form_weight * form
    # EVOLVE-BLOCK-END
