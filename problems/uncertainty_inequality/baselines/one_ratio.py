"""Two coefficients, their ratio found on a grid that zooms in on its best point; a fraction of a second.

The ratio is that of Hermite functions of equal size. The last change of sign is read off samples, where
the function must exceed a hair, so that it does not dip below 0 between two of them.
"""

import math

import numpy as np

T = np.linspace(0.02, 30.0, 1500)  # r squared
HAIR = 5e-3
SIDE = 801
ZOOMS = 4
SIZES = [math.sqrt(2.0 ** (4 * i) * math.factorial(4 * i)) for i in range(3)]


def hermite_rows(t: np.ndarray) -> np.ndarray:
    """Return H_(4i)(sqrt(t)) / sqrt(2^(4i) (4i)!) for i = 0..2, by the three-term recurrence."""
    x = np.sqrt(t)
    before, now, rows = np.zeros_like(x), np.ones_like(x), []
    for n in range(9):
        if n % 4 == 0:
            rows.append(now)
        before, now = now, math.sqrt(2 / (n + 1)) * x * now - math.sqrt(n / (n + 1)) * before
    return np.array(rows)


def coefficients() -> np.ndarray:
    rows, zero = hermite_rows(T), hermite_rows(np.zeros(1))
    basis = rows[:2] - zero[:2] / zero[2] * rows[2]
    centre, width = 0.0, 4.0
    for _ in range(ZOOMS):
        ratios = centre + width * np.linspace(-1.0, 1.0, SIDE)
        reached = last_changes(basis[0] + ratios[:, None] * basis[1])
        centre, width = float(ratios[reached.argmin()]), width * 0.02
    return np.array([1.0, centre]) / SIZES[:2]


def last_changes(values: np.ndarray) -> np.ndarray:
    """Return, for each row of samples, the last t where it is not clearly positive; the sign makes it end positive."""
    values = values * np.sign(values[:, -1:])
    low = values < HAIR
    last = len(T) - 1 - low[:, ::-1].argmax(axis=1)
    rows = np.arange(len(values))
    after = np.minimum(last + 1, len(T) - 1)
    share = values[rows, last] / (values[rows, last] - values[rows, after] - 1e-300)
    reached = T[last] + np.clip(share, 0.0, 1.0) * (T[1] - T[0])
    return np.where(low.any(axis=1) & (last < len(T) - 1), reached, math.inf)
