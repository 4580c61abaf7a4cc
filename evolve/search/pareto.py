"""The programs that no other dominates, and the best of them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from evolve.domain.evaluation import Scored
from evolve.domain.objective import Feature, constrained_dominates, merit
from evolve.domain.proposal import Placement

FRONT = "front"
_ROOM = 64


def best_first(programs: Iterable[Scored]) -> list[Scored]:
    """Sort by merit (feasible ones first, then gains in declared order), the earlier step first among equals."""
    by_step = sorted(programs, key=attrgetter("step"))
    return sorted(by_step, key=merit, reverse=True)  # stable, also in reverse


def hypervolume(gains: Sequence[Sequence[float]], reference: Sequence[float]) -> float:
    """Return the volume that a set of gains dominates above ``reference``; what lies below it counts nothing.

    Two objectives and three take n log n for n programs, four n squared, more much longer. By moocore
    (Fonseca, Paquete and López-Ibáñez, CEC 2006, and later algorithms of its authors).
    """
    if not gains:
        return 0.0
    import moocore  # takes 0.1 s

    return float(moocore.hypervolume(np.array(gains), ref=np.array(reference), maximise=True))


def non_dominated(gains: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return for each row whether no other dominates it; of equal rows the first counts. By moocore."""
    import moocore  # takes 0.1 s

    return np.asarray(moocore.is_nondominated(gains, maximise=True, keep_weakly=False), dtype=np.bool_)


class ParetoFront:
    """The VALID programs that no other dominates; of equal gains only the earliest step is kept.

    A program that breaks the constraints less than all others dominates them: from the first
    feasible program on the front is made of feasible ones, before it is the least violating one
    (several only if they break the constraints by exactly as much). The members depend on the
    programs offered, not on their order; there is no bound on their number.

    With up to two objectives an offer takes the time of a binary search. With more it is compared
    with the members that lead it in the first objective, all at once: 10,000 of them take about
    0.03 ms.

    Args:
        features: not used; taken so that every archive can be made alike.
    """

    def __init__(self, features: Sequence[Feature] = ()) -> None:
        self._surface: _Surface | None = None
        self._violation = 0.0
        self._best: Scored | None = None
        self._sorted: tuple[Scored, ...] | None = ()

    def __len__(self) -> int:
        """Number of members."""
        return 0 if self._surface is None else len(self._surface.members)

    @property
    def best(self) -> Scored | None:
        """The member that leads by gains in declared order."""
        return self._best

    def add(self, scored: Scored) -> tuple[Placement, str]:
        """Offer a VALID program; IMPROVED when it displaced members, NEW when it only joined them."""
        overthrows = self._best is not None and scored.violation < self._violation
        if self._best is None or overthrows:
            self._surface = _surface(len(scored.gains))
            self._violation, self._best = scored.violation, None
        if self._surface is None or scored.violation > self._violation:
            return Placement.NOT_PLACED, ""
        displaced = self._surface.offer(scored)
        if displaced is None:
            return Placement.NOT_PLACED, ""
        self._best = scored if self._best is None else best_first([self._best, scored])[0]
        self._sorted = None
        return (Placement.IMPROVED if displaced or overthrows else Placement.NEW), FRONT

    def rival(self, scored: Scored) -> Scored | None:
        """Return the best member that a VALID program would displace if it were offered now, or None."""
        members = self._surface.members if self._surface is not None else ()
        return next(iter(best_first(m for m in members if constrained_dominates(scored, m))), None)

    def correct(self, scored: Scored) -> None:
        """Take in that a member's gains are known better now; members it dominates then leave."""
        members = self._surface.members if self._surface is not None else []
        if all(member.step != scored.step for member in members):
            return
        self._surface, self._best, self._sorted = None, None, None
        for member in best_first([scored, *(member for member in members if member.step != scored.step)]):
            self.add(member)

    def elites(self) -> Sequence[Scored]:
        """Return the members, best first."""
        if self._sorted is None:
            self._sorted = tuple(best_first(self._surface.members if self._surface is not None else ()))
        return self._sorted


class _Surface(Protocol):
    """Programs of which none dominates another, in order of their first gain."""

    members: list[Scored]

    def offer(self, scored: Scored) -> int | None:
        """Return how many members a program displaced as it came in, or None if it stays out."""


def _surface(objectives: int) -> _Surface:
    return _Staircase() if objectives <= 2 else _Cloud(objectives)


class _Staircase:
    """One or two objectives: along the rising first gain the second one falls."""

    def __init__(self) -> None:
        self.members: list[Scored] = []
        self._firsts: list[float] = []

    def offer(self, scored: Scored) -> int | None:
        """Compare with the next higher step; go down the steps that are covered."""
        first, second = scored.gains[0], _second(scored)
        stop = bisect_left(self._firsts, first)
        if stop < len(self.members):
            above = self.members[stop]
            if _second(above) >= second and not _repeats_earlier(scored, above):
                return None
            stop += above.gains[0] == first
        start = stop
        while start and _second(self.members[start - 1]) <= second:
            start -= 1
        self.members[start:stop] = [scored]
        self._firsts[start:stop] = [first]
        return stop - start


class _Cloud:
    """Three objectives or more: an array of gains, sorted by the first, of which only a part is looked at."""

    def __init__(self, objectives: int) -> None:
        self.members: list[Scored] = []
        self._gains: NDArray[np.float64] = np.empty((objectives, _ROOM))  # columns as in members, then room

    def offer(self, scored: Scored) -> int | None:
        """Look for who covers a program, then for whom it covers."""
        size, row = len(self.members), np.array(scored.gains)
        gains = self._gains[:, :size]
        start = int(gains[0].searchsorted(row[0], side="left"))
        stop = int(gains[0].searchsorted(row[0], side="right"))
        covering = np.flatnonzero((gains[1:, start:] >= row[1:, None]).all(axis=0)) + start
        if any(not _repeats_earlier(scored, self.members[index]) for index in covering):
            return None
        covered = np.flatnonzero((gains[1:, :stop] <= row[1:, None]).all(axis=0))
        for index in covered[::-1]:
            del self.members[index]
        self._insert(np.delete(gains, covered, axis=1) if len(covered) else gains, row, scored)
        return len(covered)

    def _insert(self, gains: NDArray[np.float64], row: NDArray[np.float64], scored: Scored) -> None:
        size = gains.shape[1]
        at = int(gains[0].searchsorted(row[0]))
        if size == self._gains.shape[1]:
            self._gains = np.empty((len(row), 2 * size))
            self._gains[:, :at] = gains[:, :at]
        elif gains.base is not self._gains:
            self._gains[:, :at] = gains[:, :at]
        self._gains[:, at + 1 : size + 1] = gains[:, at:]
        self._gains[:, at] = row
        self.members.insert(at, scored)


def _second(scored: Scored) -> float:
    return scored.gains[1] if len(scored.gains) > 1 else 0.0


def _repeats_earlier(scored: Scored, member: Scored) -> bool:
    """Whether a program has a member's gains but came first, and so takes its place."""
    return scored.gains == member.gains and scored.step < member.step
