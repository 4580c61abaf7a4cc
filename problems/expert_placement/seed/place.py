import numpy as np


def place(loads: np.ndarray, current: np.ndarray) -> np.ndarray:
    """Return the experts of each slot: every expert once, the most popular ones twice, dealt out in order."""
    # EVOLVE-BLOCK-START
    spare = current.size - len(loads)
    twice = np.argsort(-loads, kind="stable")[np.arange(spare) % len(loads)]
    return np.concatenate([np.arange(len(loads)), twice]).reshape(current.shape)
    # EVOLVE-BLOCK-END
