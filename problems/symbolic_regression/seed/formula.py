import numpy as np


def formula(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    # EVOLVE-BLOCK-START
    return 1.0 + 0.5 * a - 0.5 * b + 0.1 * c
    # EVOLVE-BLOCK-END
