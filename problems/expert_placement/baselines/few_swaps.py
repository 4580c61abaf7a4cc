"""Keeps the placement and improves it by a few single changes of the busiest GPU, each the best of its kind."""

import numpy as np

CHANGES = 3


def place(loads: np.ndarray, current: np.ndarray) -> np.ndarray:
    best = current.copy()
    for _ in range(CHANGES):
        options = [best, *swaps(best, loads)]
        best = min(options, key=lambda option: busiest(option, loads))
    return best


def swaps(placement: np.ndarray, loads: np.ndarray) -> list[np.ndarray]:
    """Return the placements one change away: swaps with the busiest GPU, and copies from it over spare slots."""
    share = loads / np.bincount(placement.ravel(), minlength=len(loads))
    hot = int(share[placement].sum(axis=1).argmax())
    found = []
    for slot in range(placement.shape[1]):
        for gpu in range(len(placement)):
            for other in range(placement.shape[1]):
                if gpu != hot and share[placement[hot, slot]] > share[placement[gpu, other]]:
                    changed = placement.copy()
                    changed[hot, slot], changed[gpu, other] = placement[gpu, other], placement[hot, slot]
                    found.append(changed)
                if gpu != hot and (placement == placement[gpu, other]).sum() > 1:
                    changed = placement.copy()
                    changed[gpu, other] = placement[hot, slot]
                    found.append(changed)
    return found


def busiest(placement: np.ndarray, loads: np.ndarray) -> float:
    counts = np.bincount(placement.ravel(), minlength=len(loads))
    return float((loads / counts)[placement].sum(axis=1).max())
