"""Objectives, features, and the comparison of programs by several objectives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Direction(StrEnum):
    """Whether more or less of a metric is better."""

    MAXIMIZE = "maximize"
    MINIMIZE = "minimize"


@dataclass(frozen=True, slots=True)
class Objective:
    """A metric that selection uses.

    Args:
        name: name of the metric that the judge reports.
        direction: whether more or less is better.
        target: value at which a run may stop, in the metric's own units.
    """

    name: str
    direction: Direction
    target: float | None = None

    def gain(self, value: float) -> float:
        """Return ``value`` with the sign that makes higher better."""
        return value if self.direction is Direction.MAXIMIZE else -value

    def reached(self, value: float) -> bool:
        """Whether ``value`` is at or beyond the target (never, without a target)."""
        return self.target is not None and self.gain(value) >= self.gain(self.target)


@dataclass(frozen=True, slots=True)
class Feature:
    """A metric that spans one axis of the archive grid: ``bins`` equal cells over [low, high].

    Values outside fall into the first or last cell.
    """

    name: str
    low: float
    high: float
    bins: int

    def cell(self, value: float) -> int:
        """Return the index of the cell that ``value`` falls into."""
        position = (value - self.low) / (self.high - self.low) * self.bins
        return int(min(max(position, 0.0), self.bins - 1))  # clamped first: a finite value far outside overflows to inf


def dominates(left: Sequence[float], right: Sequence[float]) -> bool:
    """Whether ``left`` is at least as good in every gain and better in one (higher is better)."""
    return all(a >= b for a, b in zip(left, right, strict=True)) and any(
        a > b for a, b in zip(left, right, strict=True)
    )


def better(left: Sequence[float], right: Sequence[float]) -> bool:
    """Whether ``left`` wins a contest for one place: it dominates, or neither does and it leads in
    the first objective on which they differ (objectives are declared in order of importance)."""
    if dominates(left, right):
        return True
    return not dominates(right, left) and tuple(left) > tuple(right)
