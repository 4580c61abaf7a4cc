"""The best piece of a honeycomb: many centres and tilts are tried, each with the smallest hexagon around n cells."""

import numpy as np


def pack(n: int) -> tuple[np.ndarray, np.ndarray]:
    axis = np.arange(-5, 6)
    a, b = (grid.ravel().astype(float) for grid in np.meshgrid(axis, axis))
    cells = np.column_stack([1.5 * a, np.sqrt(3) * (b + a / 2)]) * (1 + 1e-12)
    best = min(
        (fit(cells, n, tilt, centre) for tilt in (0.0, 30.0) for centre in centres()), key=lambda found: found[0]
    )
    side, tilt, middle, chosen = best
    inner = np.column_stack([cells[chosen], np.zeros(n)])
    return inner, np.array([*middle, side * (1 + 1e-12), tilt])


def centres() -> list[tuple[float, float]]:
    """Return points of one cell's neighbourhood, on a grid that holds centre, corners and middles of sides."""
    return [(i / 8, j * np.sqrt(3) / 16) for i in range(13) for j in range(17)]


def fit(
    cells: np.ndarray, n: int, tilt: float, centre: tuple[float, float]
) -> tuple[float, float, tuple[float, float], np.ndarray]:
    """Return side, tilt, centre and cells of the smallest hexagon with this centre that holds n cells."""
    corner = np.deg2rad(60.0 * np.arange(6))
    normal = np.deg2rad(tilt + 30.0 + 60.0 * np.arange(6))
    axes = np.stack([np.cos(normal), np.sin(normal)])
    extent = (np.stack([np.cos(corner), np.sin(corner)], axis=1) @ axes).max(axis=0)
    reach = ((cells - np.array(centre)) @ axes + extent).max(axis=1)
    chosen = np.argsort(reach, kind="stable")[:n]
    return reach[chosen[-1]] / np.cos(np.pi / 6), tilt, centre, chosen
