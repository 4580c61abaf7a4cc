"""The Tetens equation (Zeitschrift fuer Geophysik 6, 1930) with Murray's constants (1967)."""

import numpy as np


def pressure(temperature_c: np.ndarray) -> np.ndarray:
    return 0.61078 * np.exp(17.27 * temperature_c / (temperature_c + 237.3))
