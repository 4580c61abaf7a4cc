import numpy as np


# EVOLVE-BLOCK-START
def loads(m: int) -> np.ndarray:
    """Alternate between even and uneven pairs."""
    even = 0.5
    uneven = 0.25
    total = 1.0
    period = 3

    u = np.where(np.arange(m) % period == 0, uneven, even) * total
    return np.column_stack([u, total - u])


# EVOLVE-BLOCK-END
