"""The law that made the data of `law: first`: its error is what the noise leaves."""

import numpy as np


def formula(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    return 8.5 * a / (1.7 * (1 + b / 0.6) + a) * np.exp(-3.2 * (1 / c - 1))
