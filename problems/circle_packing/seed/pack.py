import numpy as np


# EVOLVE-BLOCK-START
def pack(n: int) -> np.ndarray:
    """Place n circles in rows and let them grow in turn; returns rows x, y, radius."""
    rows = round(n**0.5)
    margin = 0.1
    stagger = 0.1
    first_growth = 0.45

    x, y = np.zeros(n), np.zeros(n)
    for row, members in enumerate(np.array_split(np.arange(n), rows)):
        step = (1 - 2 * margin) / max(len(members) - 1 + stagger, 1)
        shift = stagger * (row % 2)
        x[members] = margin + step * (np.arange(len(members)) + shift)
        y[members] = margin + (1 - 2 * margin) * row / max(rows - 1, 1)
    return np.column_stack([x, y, grow(x, y, first_growth)])


def grow(x: np.ndarray, y: np.ndarray, first_growth: float) -> np.ndarray:
    """Return radii: a share of the room around each centre, then in turn what the others leave."""
    wall = np.minimum(np.minimum(x, 1 - x), np.minimum(y, 1 - y))
    distance = np.hypot(x[:, None] - x, y[:, None] - y)
    np.fill_diagonal(distance, np.inf)
    radii = np.minimum(wall, first_growth * distance.min(axis=1))
    for i in range(len(x)):
        radii[i] = min(wall[i], (distance[i] - radii).min())
    return radii * (1 - 1e-12)


# EVOLVE-BLOCK-END
