import numpy as np


# EVOLVE-BLOCK-START
def heights() -> np.ndarray:
    """A constant beside a low shoulder."""
    steps = 60
    width = 0.6
    shoulder = 0.1

    x = (np.arange(steps) + 0.5) / steps
    return np.where(x < width, 1.0, shoulder)


# EVOLVE-BLOCK-END
