"""Wichmann's rulers (1963): steps 1^r, r+1, (2r+1)^r, (4r+3)^s, (2r+2)^(r+1), 1^r; the ratio tends to 3."""

import numpy as np


def basis() -> np.ndarray:
    candidates = [ruler(r, s) for r in range(1, 40) for s in (2 * r, 2 * r + 1, 2 * r + 2, 2 * r + 3)]
    # Every difference up to the length occurs, so the ratio is size^2 over length.
    return min((marks for marks in candidates if len(marks) <= 240), key=lambda marks: len(marks) ** 2 / marks[-1])


def ruler(r: int, s: int) -> np.ndarray:
    steps = [1] * r + [r + 1] + [2 * r + 1] * r + [4 * r + 3] * s + [2 * r + 2] * (r + 1) + [1] * r
    return np.concatenate([[0], np.cumsum(steps)])
