import numpy as np


# EVOLVE-BLOCK-START
def points(n: int) -> np.ndarray:
    """Scatter points in a disc along a spiral."""
    turn = 2.399963229728653
    power = 0.5
    shift = 0.5
    flatten = 1.0

    k = np.arange(n) + shift
    radius = (k / n) ** power
    return np.column_stack([radius * np.cos(turn * k), flatten * radius * np.sin(turn * k)])


# EVOLVE-BLOCK-END
