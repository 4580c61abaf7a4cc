import numpy as np


# EVOLVE-BLOCK-START
def signs(n: int) -> np.ndarray:
    """Signs of a wave whose frequency rises slowly."""
    rate = 0.02
    speed = 0.5
    phase = 0.3

    k = np.arange(n)
    wave = np.cos(rate * k**2 + speed * k + phase)
    return np.where(wave >= 0, 1, -1)


# EVOLVE-BLOCK-END
