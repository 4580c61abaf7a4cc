import numpy as np


# EVOLVE-BLOCK-START
def points(n: int, d: int) -> np.ndarray:
    """Take the points of a sheared lattice that are nearest to a centre."""
    shear = 0.1
    squeeze = 1.0
    offset = 0.3
    reach = int(np.ceil(n ** (1 / d))) + 1

    axis = np.arange(-reach, reach + 1)
    lattice = np.stack(np.meshgrid(*[axis] * d, indexing="ij"), axis=-1).reshape(-1, d).astype(float)
    lattice[:, 0] += shear * lattice[:, 1:].sum(axis=1)
    lattice[:, -1] *= squeeze
    distance = ((lattice - offset) ** 2).sum(axis=1)
    return lattice[np.argsort(distance, kind="stable")[:n]]


# EVOLVE-BLOCK-END
