"""Worst fit: the item goes to the emptiest used bin in which it fits, to a new bin only if it must.

The last two bins are unused; an unused bin inside the row cannot arise under this rule.
"""

import numpy as np


def priority(item: float, bins: np.ndarray) -> np.ndarray:
    scores = bins.copy()
    scores[-2:] = -1.0
    return scores
