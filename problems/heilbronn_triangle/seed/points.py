import numpy as np


# EVOLVE-BLOCK-START
def points(n: int) -> np.ndarray:
    """Wind points along a spiral in the largest disc of the triangle."""
    turn = 2.399963229728653
    power = 0.5
    shift = 0.5
    size = 0.28

    k = np.arange(n) + shift
    radius = size * (k / n) ** power
    return np.column_stack([0.5 + radius * np.cos(turn * k), np.sqrt(3) / 6 + radius * np.sin(turn * k)])


# EVOLVE-BLOCK-END
