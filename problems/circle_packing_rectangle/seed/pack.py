import numpy as np


# EVOLVE-BLOCK-START
def pack(n: int) -> np.ndarray:
    """Place n circles in staggered rows in a box and let them grow in turn; returns rows x, y, radius."""
    width = 1.0
    rows = 4
    margin = 0.12
    stagger = 0.1
    first_growth = 0.45

    height = 2 - width
    x, y = np.zeros(n), np.zeros(n)
    for row, members in enumerate(np.array_split(np.arange(n), rows)):
        step = (width - 2 * margin) / max(len(members) - 1 + stagger, 1)
        x[members] = margin + step * (np.arange(len(members)) + stagger * (row % 2))
        y[members] = margin + (height - 2 * margin) * row / max(rows - 1, 1)
    return np.column_stack([x, y, grow(x, y, width, first_growth)])


def grow(x: np.ndarray, y: np.ndarray, width: float, first_growth: float) -> np.ndarray:
    """Return radii: a share of the room around each centre, then in turn what the others leave."""
    wall = np.minimum(np.minimum(x, width - x), np.minimum(y, 2 - width - y))
    distance = np.hypot(x[:, None] - x, y[:, None] - y)
    np.fill_diagonal(distance, np.inf)
    radii = np.minimum(wall, first_growth * distance.min(axis=1))
    for i in range(len(x)):
        radii[i] = max(0.0, min(wall[i], (distance[i] - radii).min()))
    return radii * (1 - 1e-12)


# EVOLVE-BLOCK-END
