import numpy as np


def predict(x: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Predict the measurement at (x, z)."""
    # EVOLVE-BLOCK-START
    wave = 1.0 * np.sin(1.0 * x + 0.1)
    mixed = 1.0 * x - 0.1 * z
    decay = 1.0 * z / (1.0 + 1.0 * z * z)
    square = 0.1 * x * x
    return wave + mixed * z + decay + square
    # EVOLVE-BLOCK-END
