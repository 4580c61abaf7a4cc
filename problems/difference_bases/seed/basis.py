import numpy as np


# EVOLVE-BLOCK-START
def basis() -> np.ndarray:
    """Return a run of neighbours and then multiples of a step that reach across each other."""
    run = 10
    step = 10
    multiples = 8
    return np.array(sorted({*range(run), *(step * k + run - 1 for k in range(multiples + 1))}))


# EVOLVE-BLOCK-END
