import numpy as np


# EVOLVE-BLOCK-START
def integers() -> np.ndarray:
    """Return the numbers whose digits in some base come from a small set."""
    digits = [0, 1, 3]
    base = 10
    places = 4

    found = np.zeros(1, dtype=np.int64)
    for place in range(places):
        found = (found[:, None] + np.array(digits) * base**place).ravel()
    return np.unique(found)


# EVOLVE-BLOCK-END
