import numpy as np


# EVOLVE-BLOCK-START
def heights() -> np.ndarray:
    """A constant with one tapered edge."""
    steps = 60
    taper = 0.2
    power = 1.0

    x = (np.arange(steps) + 0.5) / steps
    return np.minimum(1.0, (1 - x) / taper) ** power


# EVOLVE-BLOCK-END
