"""The rule that FunSearch found for Weibull items, in other words.

Formula: Romera-Paredes et al., Mathematical discoveries from program search with large language
models, Nature 625 (2024), and the notebook bin_packing of github.com/google-deepmind/funsearch.
"""

import numpy as np


def priority(item: float, bins: np.ndarray) -> np.ndarray:
    relative = bins / item
    own = (bins - bins.max()) ** 2 / item + relative**2 * (1.0 + 1.0 / item)
    signed = np.where(bins > item, -own, own)
    return signed - np.concatenate(([0.0], signed[:-1]))
