"""Best fit: the item goes to the fullest bin in which it fits, the first of equals."""

import numpy as np


def priority(item: float, bins: np.ndarray) -> np.ndarray:
    return -(bins - item)
