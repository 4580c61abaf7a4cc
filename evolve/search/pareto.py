"""The programs that no other dominates, and the best of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from evolve.domain.evaluation import Scored
from evolve.domain.objective import dominates
from evolve.domain.proposal import Placement

FRONT = "front"


def best_first(programs: Iterable[Scored]) -> list[Scored]:
    """Sort by gains in declared order, the earlier step first among equals."""
    by_step = sorted(programs, key=attrgetter("step"))
    return sorted(by_step, key=attrgetter("gains"), reverse=True)  # stable, also in reverse


class ParetoFront:
    """The non-dominated VALID programs; of equal gains only the earliest step is kept.

    The members depend on the programs offered, not on their order. One comparison settles a
    program that the best one covers, which with one objective is every program that does not
    improve; any other is compared with all members at once, in time linear in the front's size.
    """

    def __init__(self) -> None:
        self._members: list[Scored] = []
        self._gains: NDArray[np.float64] | None = None  # (members, objectives), rows as in _members
        self._best: Scored | None = None

    def __len__(self) -> int:
        """Number of members."""
        return len(self._members)

    @property
    def best(self) -> Scored | None:
        """The member that leads by gains in declared order."""
        return self._best

    def add(self, scored: Scored) -> tuple[Placement, str]:
        """Offer a VALID program; IMPROVED when it displaced members, NEW when it only joined them."""
        if self._best is not None and _outranks(self._best, scored):
            return Placement.NOT_PLACED, ""
        if self._gains is None:
            self._gains = np.empty((0, len(scored.gains)))
        row = np.array(scored.gains)
        for index in np.flatnonzero(np.all(self._gains >= row, axis=1)):
            if _outranks(self._members[index], scored):
                return Placement.NOT_PLACED, ""
        displaced: NDArray[np.bool_] = np.all(self._gains <= row, axis=1)
        self._replace(displaced, scored, row)
        return (Placement.IMPROVED if displaced.any() else Placement.NEW), FRONT

    def rival(self, scored: Scored) -> Scored | None:
        """Return the best member that a VALID program would displace if it were offered now, or None."""
        dominated = [member for member in self._members if dominates(scored.gains, member.gains)]
        return best_first(dominated)[0] if dominated else None

    def correct(self, scored: Scored) -> None:
        """Take in that a member's gains are known better now; members it dominates then leave."""
        if all(member.step != scored.step for member in self._members):
            return
        members = [scored, *(member for member in self._members if member.step != scored.step)]
        self._members, self._gains, self._best = [], None, None
        for member in best_first(members):
            self.add(member)

    def elites(self) -> Sequence[Scored]:
        """Return the members, best first."""
        return best_first(self._members)

    def _replace(self, displaced: NDArray[np.bool_], scored: Scored, row: NDArray[np.float64]) -> None:
        assert self._gains is not None
        if displaced.any():
            self._members = [self._members[index] for index in np.flatnonzero(~displaced)]
            self._gains = self._gains[~displaced]
        self._members.append(scored)
        self._gains = np.vstack([self._gains, row])
        self._best = scored if self._best is None else best_first([self._best, scored])[0]


def _outranks(member: Scored, scored: Scored) -> bool:
    """Whether ``member`` dominates ``scored``, or equals it and came no later."""
    if member.gains == scored.gains:
        return member.step <= scored.step
    return all(ours >= theirs for ours, theirs in zip(member.gains, scored.gains, strict=True))
