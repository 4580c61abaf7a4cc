import numpy as np


def priority(item: float, bins: np.ndarray) -> np.ndarray:
    """Score each bin for the item: the fullest bin in which it fits wins."""
    # EVOLVE-BLOCK-START
    room = bins - item
    return -room
    # EVOLVE-BLOCK-END
