"""Never moves anything."""

import numpy as np


def place(loads: np.ndarray, current: np.ndarray) -> np.ndarray:
    return current
