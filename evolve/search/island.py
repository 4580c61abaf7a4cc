"""A population that breeds among itself."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from evolve.domain.evaluation import Scored
from evolve.domain.objective import constrained_dominates, merit
from evolve.domain.proposal import Placement
from evolve.interfaces import Archive
from evolve.search.inspirations import Past, Showing, Shown
from evolve.search.parents import FloatArray, ParentRule, Ranking
from evolve.search.pareto import best_first

_TRAIL = 16
_MOMENTUM = 0.9
"""How much of the momentum an attempt leaves (AdaEvolve's rho)."""
_WORSE = 8
"""Children that are remembered of a member, beside which they may be shown."""


@dataclass(slots=True)
class _Member:
    """A program of an island. ``children`` are finished attempts from it, ``accepted`` those that got a place."""

    scored: Scored
    children: int = 0
    accepted: int = 0
    worse: deque[int] = field(default_factory=lambda: deque(maxlen=_WORSE))


class Island:
    """An archive, its leader, and how its members have done as parents.

    The leader is the best program told; of equals the one told last, so that what is bred from drifts over
    plateaus. It is a member, placed or not. The ranking and the chances are made when first needed
    and kept until something is told.
    """

    def __init__(self, archive: Archive, parents: ParentRule, showing: Showing) -> None:
        self._archive = archive
        self._parents = parents
        self._showing = showing
        self._leader: Scored | None = None
        self._best: Scored | None = None
        self._trail: deque[Scored] = deque(maxlen=_TRAIL)
        self._members: dict[int, _Member] = {}
        self._valid = 0
        self._momentum = 0.0
        self._ranked: list[Scored] | None = None
        self._steps: list[int] = []
        self._places: dict[int, int] = {}  # step -> place in the ranking
        self._gains: FloatArray = np.empty(0)
        self._rivals: FloatArray = np.empty((0, 0))
        self._counts: FloatArray = np.empty((0, 2))  # children, accepted, in the order of the ranking
        self._cumulative: FloatArray | None = None
        self.stagnation = 0

    def __len__(self) -> int:
        """Number of elites in the archive."""
        return len(self._archive)

    @property
    def best(self) -> Scored | None:
        """The best program told; of equals the first."""
        return self._best

    def place(self, scored: Scored) -> tuple[Placement, str]:
        """Offer a VALID program to the archive."""
        placement, cell = self._archive.add(scored)
        leads = self._lead(scored)
        if placement or leads:
            self._members.setdefault(scored.step, _Member(scored))
            self._ranked = None
            if len(self._members) > 2 * len(self._archive) + 2:
                self._forget_displaced()
        self._valid += 1
        self._cumulative = None
        return placement, cell

    def rival(self, scored: Scored) -> Scored | None:
        """Return the elite whose place a VALID program would take, or None."""
        return self._archive.rival(scored)

    def correct(self, scored: Scored) -> None:
        """Take in that a member's gains are known better now; another may lead then."""
        if self._best is None or scored.step not in self._members:
            return
        known = self._members[scored.step]
        known.scored = scored
        known.worse.clear()  # they fell short of what it was thought to be
        self._archive.correct(scored)
        if self._leader is not None and self._leader.step == scored.step:
            self._leader = scored
        if self._best.step == scored.step:
            self._best = scored
            ahead = best_first([scored, *self._archive.elites()])[0]
            if merit(ahead) > merit(scored):
                self._best = self._leader = ahead
        self._ranked = self._cumulative = None

    def count(self) -> None:
        """Count an attempt that ended here; before its program is placed, as a record ends stagnation."""
        self.stagnation += 1

    def credit(self, scored: Scored, placement: Placement, improvement: float) -> None:
        """Learn what an attempt was worth, for its parent if that is a member.

        Args:
            improvement: of the island's best, as a share of what the run has improved so far.
        """
        self._momentum = _MOMENTUM * self._momentum + (1 - _MOMENTUM) * improvement**2
        self._cumulative = None
        parent = self._members.get(scored.parents[0]) if scored.parents else None
        if parent is None:
            return
        parent.children += 1
        parent.accepted += bool(placement)
        if scored.valid and constrained_dominates(parent.scored, scored):
            parent.worse.append(scored.step)
        if self._ranked is not None and parent.scored.step in self._places:
            self._counts[self._places[parent.scored.step]] = (parent.children, parent.accepted)

    def ranked(self) -> Sequence[Scored]:
        """Return the members, the leader first, then best first."""
        if self._ranked is None:
            assert self._leader is not None
            others = [elite for elite in self._archive.elites() if elite.step != self._leader.step]
            self._ranked = [self._leader, *best_first(others)]
            self._steps = [elite.step for elite in self._ranked]
            self._places = {step: place for place, step in enumerate(self._steps)}
            self._gains = np.array([elite.gains[0] for elite in self._ranked])
            violation = self._leader.violation
            self._rivals = np.array([elite.gains for elite in self._ranked if elite.violation == violation])
            members = [self._members[step] for step in self._steps]
            self._counts = np.array([(member.children, member.accepted) for member in members], dtype=np.float64)
        return self._ranked

    def choose(self, rng: np.random.Generator) -> Shown:
        """Return the steps of a parent and its inspirations."""
        cumulative = self._chances()
        records = [record.step for record in reversed(self._trail)]
        past = Past(records, lambda step: self._members[step].worse, self._apart)
        return self._showing.choose(self._steps, cumulative, past, rng)

    def _apart(self, step: int) -> list[int]:
        assert self._leader is not None
        member = self._members[step].scored
        others = [self._leader, *reversed(self._trail)]
        return [
            other.step
            for other in others
            if merit(other) != merit(member)
            and not constrained_dominates(other, member)
            and not constrained_dominates(member, other)
        ]

    def go_back(self, rng: np.random.Generator) -> Shown:
        """Return an earlier record as the parent, if there is one, and inspirations."""
        if not self._trail:
            return self.choose(rng)
        parent = self._trail[int(rng.random() * len(self._trail))].step
        self.ranked()
        return self._showing.beside(self._steps, parent, rng)

    def _lead(self, scored: Scored) -> bool:
        best = self._best
        if best is None:
            self._best = self._leader = scored
            return True
        if merit(scored) == merit(best):
            self._leader = scored
            return True
        if merit(scored) < merit(best):
            return False
        self._trail.append(best)
        self._best = self._leader = scored
        self.stagnation = 0
        return True

    def _chances(self) -> FloatArray:
        if self._cumulative is None:
            ranked = self.ranked()
            children, accepted = self._counts.T
            ranking = Ranking(
                ranked, self._gains, children, accepted, self._valid, self.stagnation, self._momentum, self._rivals
            )
            self._cumulative = self._parents.chances(ranking).cumsum()
        return self._cumulative

    def _forget_displaced(self) -> None:
        assert self._leader is not None
        kept = [*self._archive.elites(), self._leader]
        self._members = {elite.step: self._members[elite.step] for elite in kept}
