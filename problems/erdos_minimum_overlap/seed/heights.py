import numpy as np


# EVOLVE-BLOCK-START
def heights() -> np.ndarray:
    """A plateau in the middle with soft edges."""
    steps = 60
    centre = 1.0
    half_width = 0.5
    softness = 0.05
    ripple = 0.0
    waves = 5.0

    x = 2 * (np.arange(steps) + 0.5) / steps
    h = 1 / (1 + np.exp((np.abs(x - centre) - half_width) / softness))
    return with_integral_one(np.clip(h + ripple * np.cos(waves * np.pi * (x - centre)), 0.0, 1.0))


def with_integral_one(h: np.ndarray) -> np.ndarray:
    """Scale h, or 1 - h, so that the heights sum to half their number; they stay in [0, 1]."""
    half, total = len(h) / 2, h.sum()
    scaled = h * (half / total) if total >= half else 1 - (1 - h) * (half / (len(h) - total))
    return np.clip(scaled, 0.0, 1.0)


# EVOLVE-BLOCK-END
