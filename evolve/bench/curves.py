"""How good a search was at every moment: best-so-far curves on a scale that problems share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Point = tuple[int, float]
"""(proposals made, value from then on)"""


@dataclass(frozen=True, slots=True)
class Scale:
    """Where the seed stands (0) and where the reference does (1), as gains; higher is better.

    Linear, so it keeps every order, and not cut: what beats the reference scores above 1 and what is
    worse than the seed scores below 0.
    """

    seed: float
    reference: float

    def __call__(self, gain: float) -> float:
        return (gain - self.seed) / (self.reference - self.seed)

    def positive(self, gain: float) -> float:
        """Return a score for systems to which 0 means failure: the seed is 1, the reference 2.

        Straight above the seed; below it, bent so that it stays above 0.
        """
        value = self(gain)
        return 1.0 + value if value >= 0 else 1.0 / (1.0 - value)


@dataclass(frozen=True, slots=True)
class Curve:
    """A step function of the number of proposals: change points in order, the first at 0."""

    points: Sequence[Point]
    proposals: int

    def final(self) -> float:
        """Return the value when the last proposal is told."""
        return self.points[-1][1]

    def values(self) -> NDArray[np.float64]:
        """Return the value after each of 0, 1, ..., ``proposals`` proposals."""
        counts = np.array([count for count, _ in self.points])
        levels = np.array([value for _, value in self.points])
        found: NDArray[np.float64] = levels[np.searchsorted(counts, np.arange(self.proposals + 1), side="right") - 1]
        return found

    def area(self) -> float:
        """Return the mean value over the proposals made, that before the first left out."""
        return float(self.values()[1:].mean())


def steps(points: Iterable[Point], proposals: int) -> Curve:
    """Keep the points that change the value, the last of those at one number of proposals."""
    kept: list[Point] = []
    for count, value in points:
        if count > proposals:
            break
        if kept and kept[-1][0] == count:
            kept.pop()
        if not kept or kept[-1][1] != value:
            kept.append((count, value))
    return Curve(kept, proposals)


def rising_area(gains: Sequence[tuple[int, Sequence[float]]], corner: Sequence[float]) -> list[Point]:
    """Return the hypervolume of all programs so far, of two objectives, whenever it grows.

    ``gains`` are (proposals, the two gains of a program), in order; higher is better.
    """
    front: list[tuple[float, float]] = []
    points: list[Point] = [(0, 0.0)]
    for count, (first, second) in gains:
        if any(a >= first and b >= second for a, b in front):
            continue
        front = [(a, b) for a, b in front if not (first >= a and second >= b)]
        front.append((first, second))
        points.append((count, hypervolume(front, corner)))
    return points


def hypervolume(front: Iterable[Sequence[float]], corner: Sequence[float]) -> float:
    """Return the area that points of two gains dominate above a corner."""
    above = sorted(((a - corner[0], b - corner[1]) for a, b in front if a > corner[0] and b > corner[1]), reverse=True)
    area, height = 0.0, 0.0
    for width, tall in above:
        if tall > height:
            area += width * (tall - height)
            height = tall
    return area
