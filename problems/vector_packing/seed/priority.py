import numpy as np


def priority(job: np.ndarray, free: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Score each machine for the job: the emptiest one wins."""
    # EVOLVE-BLOCK-START
    left = (free - job) / size
    return left.sum(axis=1)
    # EVOLVE-BLOCK-END
