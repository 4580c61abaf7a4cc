"""First fit: the item goes to the first bin in which it fits."""

import numpy as np


def priority(item: float, bins: np.ndarray) -> np.ndarray:
    return -np.arange(len(bins), dtype=float)
