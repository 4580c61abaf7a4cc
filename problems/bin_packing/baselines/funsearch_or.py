"""The rule that FunSearch found for the OR-library's uniform items, in other words.

Prefers a close fit, in steps; dislikes to leave about 8 most and tolerates large gaps. Thresholds:
Romera-Paredes et al., Nature 625 (2024), and the notebook bin_packing of
github.com/google-deepmind/funsearch.
"""

import numpy as np

EDGES = np.array([2, 3, 5, 7, 9, 12, 15, 21])
SCORES = np.array([4, 3, 2, 1, 0.9, 0.95, 0.97, 0.98, 0.99])


def priority(item: float, bins: np.ndarray) -> np.ndarray:
    return SCORES[np.searchsorted(EDGES, bins - item)]
