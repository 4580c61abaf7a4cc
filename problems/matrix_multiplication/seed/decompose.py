import numpy as np


# EVOLVE-BLOCK-START
def decompose(n: int, m: int, p: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the schoolbook method: one product for each i, j, k."""
    u, v, w = np.zeros((n * m, n * m * p)), np.zeros((m * p, n * m * p)), np.zeros((p * n, n * m * p))
    s = 0
    for i in range(n):
        for j in range(m):
            for k in range(p):
                u[i * m + j, s] = v[j * p + k, s] = w[k * n + i, s] = 1
                s += 1
    return u, v, w


# EVOLVE-BLOCK-END
