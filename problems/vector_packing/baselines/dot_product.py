"""Dot product: what a machine has left should point where the job points.

Panigrahy, Talwar, Uyeda and Wieder, Heuristics for Vector Bin Packing (Microsoft Research, 2011), as a cosine.
"""

import numpy as np


def priority(job: np.ndarray, free: np.ndarray, size: np.ndarray) -> np.ndarray:
    unit = np.array([80.0, 384.0])
    room, need = free / unit, job / unit
    return room @ need / np.linalg.norm(room, axis=1)
