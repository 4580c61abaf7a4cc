"""Best fit that also counts what the job would strand: cores without 2 GiB, memory beyond 8 GiB a core."""

import numpy as np


def priority(job: np.ndarray, free: np.ndarray, size: np.ndarray) -> np.ndarray:
    left = free - job
    return -(left / np.array([80.0, 384.0])).sum(axis=1) - 4.0 * (stranded(left) - stranded(free))


def stranded(room: np.ndarray) -> np.ndarray:
    cores, gib = room.T
    return np.maximum(cores - gib / 3, 0) / 80 + np.maximum(gib - 7 * cores, 0) / 384
