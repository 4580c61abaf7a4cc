import numpy as np


# EVOLVE-BLOCK-START
def pack(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Take cells of a honeycomb around a centre; the smallest hexagon of a given tilt around them."""
    tilt = 30.0
    centre_x, centre_y = 0.9, 0.3
    stretch = 1.0

    axis = np.arange(-4, 5)
    a, b = (grid.ravel().astype(float) for grid in np.meshgrid(axis, axis))
    x, y = 1.5 * a, np.sqrt(3) * (b + a / 2)
    order = np.argsort(np.hypot(x - centre_x, stretch * (y - centre_y)), kind="stable")[:n]
    inner = np.column_stack([x[order], y[order], np.zeros(n)]) * (1 + 1e-12)
    return inner, surround(inner, tilt)


def surround(inner: np.ndarray, tilt: float) -> np.ndarray:
    """Return the smallest hexagon around all corners whose centre is the middle of their extents."""
    corner = np.deg2rad(inner[:, 2:] + 60.0 * np.arange(6))
    corners = np.stack([inner[:, :1] + np.cos(corner), inner[:, 1:2] + np.sin(corner)], axis=-1).reshape(-1, 2)
    middle = (corners.max(axis=0) + corners.min(axis=0)) / 2
    normal = np.deg2rad(tilt + 30.0 + 60.0 * np.arange(6))
    reach = (corners - middle) @ np.stack([np.cos(normal), np.sin(normal)])
    return np.array([*middle, reach.max() / np.cos(np.pi / 6) * (1 + 1e-12), tilt])


# EVOLVE-BLOCK-END
