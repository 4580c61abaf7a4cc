"""Vectors whose entries other than 0 alternate between 1 and 2, or nearly so, come first."""

import numpy as np


def priority(vector: np.ndarray, n: int, w: int) -> float:
    values = vector[vector != 0]
    return float((values[1:] != values[:-1]).sum())
