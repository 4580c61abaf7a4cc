import numpy as np


def priority(now: float, work: np.ndarray, weight: np.ndarray, due: np.ndarray) -> np.ndarray:
    """Score each waiting job."""
    # EVOLVE-BLOCK-START
    mean = work.mean()
    slack = np.maximum(due - work - now, 0.0) / mean
    urgent = np.exp(-0.1 * slack)
    late = np.where(slack > 4.0, 0.9, 1.0)
    rate = weight / (work + 60.0)
    total = 0.5 * urgent * late + 0.1 * rate
    return total * rate - 0.001 * slack
    # EVOLVE-BLOCK-END
