"""GEPA's choice of parents: programs that lead on some instance, whatever their average."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from evolve.domain.evaluation import Scored
from evolve.domain.objective import Feature
from evolve.domain.proposal import Choice, Placement
from evolve.errors import ConfigurationError, SeedNotValid
from evolve.search.instances import InstanceWinners
from evolve.search.pareto import ParetoFront, best_first
from evolve.search.standing import NOTHING_TOLD, Accountable
from evolve.search.tradeoffs import draw_others, quality

FloatArray = NDArray[np.float64]
CROSSOVER = "crossover"


class Candidates:
    """Who may breed, best first, with what the draw of parents and inspirations needs.

    Args:
        members: programs, best first.
        quality: their results from 0 to 1, shape (members, instances or objectives).
        leads: where each is the best or one of the best, shape as ``quality``.
        chances: in proportion to them a member becomes the parent.
    """

    def __init__(self, members: Sequence[Scored], quality: FloatArray, chances: FloatArray) -> None:
        self.members = members
        self._quality = quality
        self._cumulative = chances.cumsum()

    @staticmethod
    def of_instances(winners: InstanceWinners) -> Candidates:
        """A member's chance is the number of instances that it leads, the objectives counting as one more."""
        members = best_first(winners.elites())
        scores = winners.scores(members)
        known = np.isfinite(scores)
        low = np.where(known, scores, np.inf).min(axis=0)
        scaled = np.where(known, quality(np.maximum(scores, low)), 0.0)
        leads = (scores == scores.max(axis=0)).sum(axis=1)
        leads[0] += 1
        return Candidates(members, scaled, leads.astype(np.float64))

    @staticmethod
    def of_front(front: ParetoFront) -> Candidates:
        """All members of the front have the same chance."""
        members = front.elites()
        return Candidates(members, quality(np.array([m.gains for m in members])), np.ones(len(members)))

    def choose(self, rng: np.random.Generator, count: int) -> tuple[int, tuple[int, ...]]:
        """Return the steps of a parent and of others, those that lead where the parent is weakest."""
        drawn = int(self._cumulative.searchsorted(rng.random() * self._cumulative[-1], side="right"))
        parent = min(drawn, len(self.members) - 1)  # the product can round up to the last sum
        others = draw_others(self._usefulness(parent), parent, count, rng)
        return self.members[parent].step, tuple([self.members[other].step for other in others])

    def _usefulness(self, parent: int) -> FloatArray:
        """Return, of each member, how far the parent is behind on the instances that the member leads."""
        gaps = 1.0 - self._quality[parent]
        return np.asarray((self._quality == 1.0) @ gaps, dtype=np.float64)


class GepaSearch(Accountable):
    """Reflective evolution's selection, after GEPA (Agrawal et al., arXiv:2507.19457).

    A parent is drawn in proportion to the instances that it leads; beside it stand winners on the
    instances where it is weakest, so that a crossover has something to merge. For judges that report
    no scores by instance the Pareto front over the objectives stands in, all members alike; with a
    single objective that is hill climbing. There is one island.

    Args:
        features: not used; cells are instances.
        inspirations: programs shown beside the parent.
        merge: chance that a choice with inspirations asks for a crossover.
    """

    def __init__(self, *, features: Sequence[Feature], inspirations: int, merge: float) -> None:
        super().__init__()
        if inspirations < 0:
            raise ConfigurationError(f"search.inspirations must be at least 0, found {inspirations}.")
        if not 0 <= merge <= 1:
            raise ConfigurationError(f"search.merge is a chance, expected 0 to 1, found {merge}.")
        self._winners = InstanceWinners(features)
        self._front = ParetoFront(features)
        self._inspirations = inspirations
        self._merge = merge
        self._candidates: Candidates | None = None

    def ask(self, rng: np.random.Generator) -> Choice:
        """Choose a parent and its inspirations. Raises SeedNotValid before a VALID program was told."""
        if not self._standing.valid:
            raise SeedNotValid(NOTHING_TOLD)
        if self._candidates is None:
            by_instance = bool(self._winners.instances)
            self._candidates = (
                Candidates.of_instances(self._winners) if by_instance else Candidates.of_front(self._front)
            )
        parent, inspirations = self._candidates.choose(rng, self._inspirations)
        merges = bool(inspirations) and rng.random() < self._merge
        return Choice(parent, inspirations, island=0, wants=CROSSOVER if merges else "")

    def tell(self, scored: Scored) -> tuple[Placement, str]:
        """Learn how an attempt ended; return its place among the winners, or on the front that stands in."""
        if not self._standing.note(scored):
            return Placement.NOT_PLACED, ""
        won, on_front = self._winners.add(scored), self._front.add(scored)
        placed = won if self._winners.instances else on_front
        if placed[0]:
            self._candidates = None
        return placed

    def rival(self, scored: Scored) -> Scored | None:
        """Return whom a VALID program would displace, or None."""
        return self._winners.rival(scored) if self._winners.instances else self._front.rival(scored)

    def correct(self, scored: Scored) -> None:
        """Take in that the gains of a program that was told are known better now."""
        self._standing.front.correct(scored)
        self._front.correct(scored)
        self._winners.correct(scored)
        self._candidates = None

    def status(self) -> Mapping[str, float]:
        """Return counts of attempts, instances and their winners."""
        archive = self._winners if self._winners.instances else self._front
        instances = len(self._winners.instances)
        return {**self._standing.status(), "islands": 1, "cells": len(archive), "instances": instances}
