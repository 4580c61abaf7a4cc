"""Islands: populations that breed apart, made of parts that can be exchanged one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from evolve.domain.evaluation import Scored
from evolve.domain.objective import Feature
from evolve.domain.proposal import Choice, Placement
from evolve.errors import ConfigurationError, SeedNotValid
from evolve.interfaces import Archive
from evolve.search.allocation import Allocation
from evolve.search.inspirations import Showing
from evolve.search.island import Island
from evolve.search.parents import ParentRule
from evolve.search.renewal import Islander, Renewal
from evolve.search.stagnation import Relief, deed_of
from evolve.search.standing import NOTHING_TOLD, Accountable
from evolve.search.topology import Migration


class ArchiveFactory(Protocol):
    """Makes the archive of an island; in YAML an archive with ``_partial_: true``."""

    def __call__(self, *, features: Sequence[Feature]) -> Archive: ...


class IslandSearch(Accountable):
    """Islands of archives: the best are copied between them, the worst begin anew.

    The first VALID program, the seed, settles every island. A later one belongs to the island that
    its parent was chosen on (``Scored.island``, folded onto the islands there are), whatever has
    become of that island since. Failures count as children of their parent and leave no other trace.
    Cells are named ``i2:3,7``: island 2, cell 3,7.

    Args:
        features: axes of the archives.
        archive: makes the archive of an island.
        parents: chance of each elite to be the parent.
        showing: draws the parent by these chances, and what is shown beside it.
        islands: number of islands at the start.
        allocation: which island gets the next attempt.
        migration: copies of the best between islands.
        renewal: which islands begin anew; each rule is asked after every attempt.
        relief: what attempts do otherwise when records cease to fall; the first that has a say decides.
    """

    def __init__(
        self,
        *,
        features: Sequence[Feature],
        archive: ArchiveFactory,
        parents: ParentRule,
        showing: Showing,
        islands: int,
        allocation: Allocation,
        migration: Migration,
        renewal: Sequence[Renewal],
        relief: Sequence[Relief],
    ) -> None:
        super().__init__()
        if islands < 1:
            raise ConfigurationError(f"search.islands must be at least 1, found {islands}.")
        self._features = tuple(features)
        self._archive, self._parents, self._showing = archive, parents, showing
        self._allocation, self._migration = allocation, migration
        self._renewal, self._relief = tuple(renewal), tuple(relief)
        self._islands: list[Island] = []
        self._idle = 0
        self._seed_gain = 0.0
        for number in range(islands):
            self._open(number)

    def ask(self, rng: np.random.Generator) -> Choice:
        """Choose an island, then parent and inspirations on it.

        Raises SeedNotValid before a VALID program was told.
        """
        if not self._standing.valid:
            raise SeedNotValid(NOTHING_TOLD)
        number = self._allocation.draw(rng)
        island = self._islands[number]
        deed = deed_of(self._relief, island.stagnation, rng)
        parent, inspirations = island.go_back(rng) if deed.backtrack else island.choose(rng)
        return Choice(parent=parent, inspirations=inspirations, island=number, wants=deed.wants)

    def tell(self, scored: Scored) -> tuple[Placement, str]:
        """Place a VALID program on its island; migrate and renew islands when it is time."""
        number = scored.island % len(self._islands)
        island, before = self._islands[number], self._islands[number].best
        island.count()
        valid = self._note(scored)
        placement, cell = self._settle(scored, number) if valid else (Placement.NOT_PLACED, "")
        improvement = self._improvement(before, island.best)
        island.credit(scored, placement, improvement)
        self._allocation.observe(number, improvement, scored)
        if valid and self._migration.due(self._standing.valid):
            self._migrate()
        if self._standing.valid:
            self._renew()
        return placement, f"i{number}:{cell}" if placement else ""

    def rival(self, scored: Scored) -> Scored | None:
        """Return the elite whose cell on the program's island it would take, or None."""
        return self._islands[scored.island % len(self._islands)].rival(scored)

    def correct(self, scored: Scored) -> None:
        """Take in better known gains, wherever the program has migrated to."""
        self._standing.front.correct(scored)
        for island in self._islands:
            island.correct(scored)

    def status(self) -> Mapping[str, float]:
        """Return counts of attempts, islands and occupied cells, over all islands and on the fullest."""
        sizes = [len(island) for island in self._islands]
        return {**self._standing.status(), "islands": len(sizes), "cells": sum(sizes), "cells_fullest": max(sizes)}

    def _note(self, scored: Scored) -> bool:
        """Count an attempt; return whether it is VALID."""
        best = self._standing.front.best
        valid = self._standing.note(scored)
        self._idle = self._idle + 1 if best is self._standing.front.best else 0
        return valid

    def _settle(self, scored: Scored, number: int) -> tuple[Placement, str]:
        if self._standing.valid > 1:
            return self._islands[number].place(scored)
        self._seed_gain = scored.gains[0]
        return [island.place(scored) for island in self._islands][number]

    def _improvement(self, before: Scored | None, after: Scored | None) -> float:
        """Return how far an island's best rose, as a share of what the run's best has risen above the seed."""
        best = self._standing.front.best
        if before is None or after is None or best is None or after is before:
            return 0.0
        span = best.gains[0] - self._seed_gain
        return min(max((after.gains[0] - before.gains[0]) / span, 0.0), 1.0) if span > 0 else 0.0

    def _migrate(self) -> None:
        """Copy each island's best, all at once: nobody travels two islands in one migration."""
        travellers = [tuple(island.ranked()[: self._migration.migrants]) for island in self._islands]
        for number, leaving in enumerate(travellers):
            for target in self._migration.targets(number, len(self._islands), self._standing.valid):
                for elite in leaving:
                    self._islands[target].place(elite)

    def _renew(self) -> None:
        attempts = self._standing.valid + self._standing.failed
        for rule in self._renewal:
            known = [Islander(island.best, island.stagnation) for island in self._islands if island.best is not None]
            for founding in rule.due(attempts, self._idle, known):
                self._open(founding.island)
                self._islands[founding.island].place(founding.founder)

    def _open(self, number: int) -> None:
        """Begin an island, in place of the one of this number if there is one."""
        island = Island(self._archive(features=self._features), self._parents, self._showing)
        self._islands[number : number + 1] = [island]
        self._allocation.found(number)
