"""Objectives, features, and the comparison of programs by several objectives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


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
        reference: the worst value that is of any use, in the metric's own units; hypervolume is
            measured from it.
    """

    name: str
    direction: Direction
    target: float | None = None
    reference: float | None = None

    def gain(self, value: float) -> float:
        """Return ``value`` with the sign that makes higher better."""
        return value if self.direction is Direction.MAXIMIZE else -value

    def reached(self, value: float) -> bool:
        """Whether ``value`` is at or beyond the target (never, without a target)."""
        return self.target is not None and self.gain(value) >= self.gain(self.target)


@dataclass(frozen=True, slots=True)
class Constraint:
    """A bound on a metric that a program has to keep before its objectives count; one of the two is given."""

    metric: str
    at_least: float | None = None
    at_most: float | None = None

    def violation(self, value: float) -> float:
        """Return by how much ``value`` breaks the bound, as a share of it (in units where it is 0); else 0."""
        below = 0.0 if self.at_least is None else (self.at_least - value) / (abs(self.at_least) or 1.0)
        above = 0.0 if self.at_most is None else (value - self.at_most) / (abs(self.at_most) or 1.0)
        return max(below, above, 0.0)


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
    ahead = False
    for ours, theirs in zip(left, right, strict=True):  # not all() and any(): this is asked of every program
        if ours < theirs:
            return False
        ahead = ahead or ours > theirs
    return ahead


def better(left: Sequence[float], right: Sequence[float]) -> bool:
    """Whether ``left`` wins a contest for one place: it dominates, or neither does and it leads in
    the first objective on which they differ (objectives are declared in order of importance)."""
    if len(left) == len(right) == 1:
        return left[0] > right[0]
    if dominates(left, right):
        return True
    return not dominates(right, left) and tuple(left) > tuple(right)


# ── under constraints ─────────────────────────────────────────────────────────────────────────
class Result(Protocol):
    """What programs are compared by."""

    @property
    def gains(self) -> tuple[float, ...]: ...

    @property
    def violation(self) -> float: ...


def merit(result: Result) -> tuple[float, ...]:
    """Return a sort key, greater for better: feasibility first, then the gains in declared order."""
    return (-result.violation, *result.gains)


def constrained_dominates(left: Result, right: Result) -> bool:
    """Whether ``left`` breaks the constraints less, or as much and its gains dominate.

    After the constrained domination of NSGA-II (Deb et al. 2002), with gains also deciding among
    programs that break the constraints by equally much.
    """
    if left.violation != right.violation:
        return left.violation < right.violation
    return dominates(left.gains, right.gains)


def constrained_better(left: Result, right: Result) -> bool:
    """Whether ``left`` wins a contest for one place: it breaks the constraints less, or as much and is better."""
    if left.violation != right.violation:
        return left.violation < right.violation
    return better(left.gains, right.gains)
