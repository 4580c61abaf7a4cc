import numpy as np


def priority(item: float, bins: np.ndarray) -> np.ndarray:
    """Score each bin for the item."""
    # EVOLVE-BLOCK-START
    left = (bins - item) / 150.0
    size = item / 150.0
    score = 1.0 - 0.2 * left
    score = score + 0.5 * size * left
    score = score - np.where(left > 0.3, 0.1, 0.0)
    score = score + np.where(left < 0.02, 0.1, 0.0)
    score = score - 0.4 * np.where(left < 0.25, left, 0.25 * size)
    return score - np.where(bins > 149.0, 0.05, 0.0)
    # EVOLVE-BLOCK-END
