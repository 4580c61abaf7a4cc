"""How well an attempt did, on a scale that means the same for every problem.

Scores are compared, never subtracted: a grade is the same whatever unit or curve the judge uses.
Rank-based credit adapts to any monotone transformation of the objective (Fialho et al. 2010,
"Toward comparison-based adaptive operator selection"); several objectives compare by dominance.
"""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from evolve.domain.evaluation import Outcome, Scored

WINDOW = 256
"""Recent VALID children that a child is ranked among."""


class Relation(IntEnum):
    """How the objectives of a child compare with its parent's."""

    NO_BETTER = 0
    """Equal, or dominated."""
    APART = 1
    """Better in one objective, worse in another."""
    BETTER = 2
    """It dominates its parent."""


@dataclass(frozen=True, slots=True)
class Grade:
    """How an attempt did.

    Args:
        usable: it became a VALID program.
        relation: to its parent.
        rank: share of the recent VALID children that it dominates; those it is equal to or apart
            from count half. 0 when not usable.
        record: no program before it was as good in one of the objectives.
    """

    usable: bool
    relation: Relation = Relation.NO_BETTER
    rank: float = 0.0
    record: bool = False

    @property
    def reward(self) -> float:
        """0 to 1, and 0 without progress: the rank of a child that is better than its parent.

        One that trades objectives counts half of what it stands above the middle, so that ruining
        one objective for another, which is easy, pays nothing.
        """
        if self.relation is Relation.BETTER:
            return self.rank
        if self.relation is Relation.APART:
            return 0.5 * max(0.0, 2.0 * self.rank - 1.0)
        return 0.0

    @property
    def height(self) -> float:
        """0 to 1, for comparisons that near misses matter to: failures, then by relation, then by rank."""
        return (1.0 + self.relation + self.rank) / 4.0 if self.usable else 0.0


FAILED = Grade(False)


class Grader:
    """Grades attempts in the order in which they finished; keeps 8 bytes per step and objective."""

    def __init__(self) -> None:
        self._gains = array("d")  # one row per step, NaN where there is no VALID program
        self._width = 0
        self._recent: NDArray[np.float64] = np.empty((0, 0))
        self._count = 0
        self._best: NDArray[np.float64] = np.empty(0)

    def grade(self, scored: Scored) -> Grade | None:
        """Return the grade of an attempt and remember it; None if the failure was ours."""
        if scored.outcome is Outcome.INFRASTRUCTURE:
            return None
        if not scored.valid:
            return FAILED
        gains = np.array(scored.gains, dtype=float)
        if not self._width:
            self._begin(gains)
        grade = Grade(True, self._relation(scored, gains), self._rank(gains), bool((gains > self._best).any()))
        self._remember(scored.step, gains)
        return grade

    def _begin(self, gains: NDArray[np.float64]) -> None:
        self._width = len(gains)
        self._recent = np.empty((WINDOW, self._width))
        self._best = np.full(self._width, -np.inf)

    def _relation(self, scored: Scored, gains: NDArray[np.float64]) -> Relation:
        start = scored.parents[0] * self._width if scored.parents else len(self._gains)
        parent = self._gains[start : start + self._width]
        if not parent or math.isnan(parent[0]):
            return Relation.NO_BETTER
        pairs = list(zip(gains.tolist(), parent, strict=True))
        if not any(ours > theirs for ours, theirs in pairs):
            return Relation.NO_BETTER
        return Relation.BETTER if all(ours >= theirs for ours, theirs in pairs) else Relation.APART

    def _rank(self, gains: NDArray[np.float64]) -> float:
        recent = self._recent[: min(self._count, WINDOW)]
        if not len(recent):
            return 0.5
        if self._width == 1:
            column, value = recent[:, 0], gains[0]
            above, below = np.count_nonzero(column < value), np.count_nonzero(column > value)
        else:
            above = np.count_nonzero((recent <= gains).all(axis=1))
            below = np.count_nonzero((recent >= gains).all(axis=1))
        return 0.5 + 0.5 * float(above - below) / len(recent)

    def _remember(self, step: int, gains: NDArray[np.float64]) -> None:
        self._recent[self._count % WINDOW] = gains
        self._count += 1
        np.maximum(self._best, gains, out=self._best)
        missing = (step + 1) * self._width - len(self._gains)
        if missing > 0:
            self._gains.extend([np.nan] * missing)
        self._gains[step * self._width : (step + 1) * self._width] = array("d", gains.tolist())
