"""The winners on each instance: programs that are best at something, whatever their average."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from evolve.domain.evaluation import Scored
from evolve.domain.objective import Feature, merit
from evolve.domain.proposal import Placement

OVERALL = "overall"


class InstanceWinners:
    """The best program on each instance that the judge names, and the best by the objectives.

    After the Pareto candidates of GEPA (arXiv:2507.19457): no member is dominated by another program on
    the instances and objectives together. Of programs that share the lead on an instance the better one by
    the objectives holds it, so that there are at most as many members as instances, and one. A program
    without a score on an instance cannot win it. One that breaks the constraints less overthrows all.

    Args:
        features: not used; taken so that every archive can be made alike.
    """

    def __init__(self, features: Sequence[Feature] = ()) -> None:
        self._violation = math.inf
        self._index: dict[str, int] = {}  # instance -> position in the two below
        self._scores: NDArray[np.float64] = np.empty(0)  # of the holders
        self._holders: list[Scored] = []
        self._overall: Scored | None = None
        self._held = Counter[int]()  # step -> leads held

    def __len__(self) -> int:
        """Number of programs that hold a lead."""
        return len(self._held)

    @property
    def instances(self) -> Sequence[str]:
        """Names of the instances met so far."""
        return tuple(self._index)

    def add(self, scored: Scored) -> tuple[Placement, str]:
        """Offer a VALID program; its cell is the first instance it won, or ``overall``."""
        if scored.violation > self._violation:
            return Placement.NOT_PLACED, ""
        overthrows = self._overall is not None and scored.violation < self._violation
        if scored.violation < self._violation:
            self._violation = scored.violation
            self._clear()
        won, gone = self._take_instances(scored)
        if self._overall is None or _beats(scored, self._overall):
            gone |= self._hand_over(self._overall, scored)
            self._overall = scored
            won.append(OVERALL)
        if not won:
            return Placement.NOT_PLACED, ""
        return (Placement.IMPROVED if gone or overthrows else Placement.NEW), won[0]

    def rival(self, scored: Scored) -> Scored | None:
        """Return the best by the objectives if a VALID program would take that place, its only one, or None."""
        best = self._overall
        if best is None or self._held[best.step] > 1 or not _beats(scored, best):
            return None
        return best if scored.violation == self._violation else None

    def correct(self, scored: Scored) -> None:
        """Take in that a member's gains are known better now; it keeps its instances, not always the lead by gains."""
        if self._overall is None or scored.step not in self._held:
            return
        self._holders = [scored if holder.step == scored.step else holder for holder in self._holders]
        leader = scored if self._overall.step == scored.step else self._overall
        for holder in self._holders:
            leader = holder if _beats(holder, leader) else leader
        if leader.step != self._overall.step:
            self._hand_over(self._overall, leader)
        self._overall = leader

    def elites(self) -> Sequence[Scored]:
        """Return the members, the best by the objectives first, then by instance in the order first met."""
        holders = [self._overall, *self._holders] if self._overall is not None else []
        return list({holder.step: holder for holder in holders}.values())

    def scores(self, members: Sequence[Scored]) -> NDArray[np.float64]:
        """Return the members' scores, shape (members, instances), -inf where one has none."""
        rows = [[member.per_instance.get(name, -math.inf) for name in self._index] for member in members]
        return np.array(rows).reshape(len(members), len(self._index))

    def _clear(self) -> None:
        self._index.clear()
        self._scores = np.empty(0)
        self._holders.clear()
        self._overall = None
        self._held.clear()

    def _take_instances(self, scored: Scored) -> tuple[list[str], bool]:
        """Let a program win what it can; return the names and whether another lost its last lead by it."""
        if not self._index and not scored.per_instance:
            return [], False
        won, gone = self._meet(scored), False
        row = self.scores([scored])[0]
        names = self.instances
        for position in map(int, np.flatnonzero(row >= self._scores)):
            holder = self._holders[position]
            if row[position] > self._scores[position] or _beats(scored, holder):
                gone |= self._hand_over(holder, scored)
                self._holders[position], self._scores[position] = scored, row[position]
                won.append(names[position])
        return won, gone

    def _meet(self, scored: Scored) -> list[str]:
        """Give a program the instances that were not met before; return their names."""
        new = [name for name in scored.per_instance if name not in self._index]
        if new:
            self._index.update({name: len(self._holders) + number for number, name in enumerate(new)})
            self._holders.extend([scored] * len(new))
            self._held[scored.step] += len(new)
            self._scores = np.append(self._scores, [scored.per_instance[name] for name in new])
        return new

    def _hand_over(self, holder: Scored | None, scored: Scored) -> bool:
        """Count a lead that changes hands; return whether its holder has none left."""
        self._held[scored.step] += 1
        if holder is None:
            return False
        self._held[holder.step] -= 1
        if self._held[holder.step]:
            return False
        del self._held[holder.step]
        return True


def _beats(scored: Scored, holder: Scored) -> bool:
    """Whether a program takes a lead that it shares: by merit, then its other scores, then the earlier step."""
    ours, theirs = merit(scored), merit(holder)
    if ours != theirs:
        return ours > theirs
    names = sorted({*scored.per_instance, *holder.per_instance})
    return _order(scored, names) > _order(holder, names)


def _order(scored: Scored, names: Sequence[str]) -> tuple[list[float], int]:
    return [scored.per_instance.get(name, -math.inf) for name in names], -scored.step
