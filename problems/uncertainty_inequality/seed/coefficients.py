import numpy as np


# EVOLVE-BLOCK-START
def coefficients() -> np.ndarray:
    """Return the first coefficients; the judge appends one so that the function vanishes at 0."""
    first = 1.0
    ratio = -0.01
    second_ratio = -0.001
    return np.array([first, first * ratio, first * ratio * second_ratio])


# EVOLVE-BLOCK-END
