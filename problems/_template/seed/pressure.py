import numpy as np


def pressure(temperature_c: np.ndarray) -> np.ndarray:
    """Return the vapour pressure of water in kPa."""
    # EVOLVE-BLOCK-START
    # Only what stands between these two comments may change.
    return 0.6 * np.exp(0.06 * temperature_c)
    # EVOLVE-BLOCK-END
