"""MAP-Elites on several islands with migration around a ring, in the manner of AlphaEvolve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from evolve.domain.evaluation import Scored
from evolve.domain.objective import Feature
from evolve.domain.proposal import Choice, Placement
from evolve.errors import ConfigurationError, SeedNotValid
from evolve.search.grid import GridArchive
from evolve.search.inspirations import choose_inspirations
from evolve.search.parents import FloatArray, ParentRule
from evolve.search.pareto import best_first
from evolve.search.standing import NOTHING_TOLD, Standing


class Island:
    """A grid of elites that breed among themselves.

    The ranking and the chances are made when first needed and kept until a placement, or a child,
    changes them.
    """

    def __init__(self, features: Sequence[Feature], parents: ParentRule) -> None:
        self._archive = GridArchive(features)
        self._parents = parents
        self._children: dict[int, int] = {}  # step of an elite -> finished attempts it was the parent of
        self._ranked: list[Scored] | None = None
        self._steps: list[int] = []
        self._gains: FloatArray = np.empty(0)
        self._cumulative: FloatArray | None = None

    def __len__(self) -> int:
        """Number of elites."""
        return len(self._archive)

    def place(self, scored: Scored) -> tuple[Placement, str]:
        """Offer a VALID program to the grid."""
        placement, cell = self._archive.add(scored)
        if placement:
            self._children[scored.step] = 0
            if len(self._children) > 2 * len(self._archive):
                self._forget_displaced()
            self._ranked = self._cumulative = None
        return placement, cell

    def rival(self, scored: Scored) -> Scored | None:
        """Return the elite whose cell a VALID program would take, or None."""
        return self._archive.rival(scored)

    def correct(self, scored: Scored) -> None:
        """Take in that an elite's gains are known better now; nothing happens when it is no elite here."""
        if scored.step in self._children:
            self._archive.correct(scored)
            self._ranked = self._cumulative = None

    def count_child(self, parent: int) -> None:
        """Note that an attempt made from ``parent`` ended; nothing happens when it is no elite here."""
        if parent in self._children:
            self._children[parent] += 1
            self._cumulative = None

    def ranked(self) -> Sequence[Scored]:
        """Return the elites, best first."""
        if self._ranked is None:
            self._ranked = best_first(self._archive.elites())
            self._steps = [elite.step for elite in self._ranked]
            self._gains = np.array([elite.gains[0] for elite in self._ranked])
        return self._ranked

    def choose(self, rng: np.random.Generator, *, inspirations: int, top: int) -> tuple[int, tuple[int, ...]]:
        """Return the steps of a parent and its inspirations."""
        cumulative = self._chances()
        drawn = int(cumulative.searchsorted(rng.random() * cumulative[-1], side="right"))
        parent = min(drawn, len(self._steps) - 1)  # the product can round up to the last sum
        chosen = choose_inspirations(self._steps, parent, rng, count=inspirations, top=top)
        return self._steps[parent], chosen

    def _chances(self) -> FloatArray:
        if self._cumulative is None:
            self.ranked()
            children = np.array([self._children[step] for step in self._steps], dtype=np.float64)
            self._cumulative = self._parents.chances(self._gains, children).cumsum()
        return self._cumulative

    def _forget_displaced(self) -> None:
        self._children = {elite.step: self._children[elite.step] for elite in self._archive.elites()}


class IslandSearch:
    """Islands of MAP-Elites grids; the best elites are copied to the next island now and then.

    The first VALID program, the seed, settles every island. A later one belongs to the island that
    its parent was chosen on (``Scored.island``, folded onto the islands there are). Failures count
    as children of their parent and leave no other trace. Cells are named ``i2:3,7``: island 2,
    cell 3,7.

    Args:
        features: axes of the grids.
        parents: chance of each elite to be a parent.
        islands: number of islands.
        migration_interval: VALID programs between two migrations.
        migrants: elites that each island copies to its neighbour; 0 for none.
        inspirations: programs shown beside the parent.
        top_inspirations: how many of them are the island's best; the others are drawn evenly.
    """

    def __init__(
        self,
        *,
        features: Sequence[Feature],
        parents: ParentRule,
        islands: int,
        migration_interval: int,
        migrants: int,
        inspirations: int,
        top_inspirations: int,
    ) -> None:
        _at_least(1, islands=islands, migration_interval=migration_interval)
        _at_least(0, migrants=migrants, inspirations=inspirations, top_inspirations=top_inspirations)
        self._islands = [Island(features, parents) for _ in range(islands)]
        self._standing = Standing()
        self._migration_interval = migration_interval
        self._migrants = migrants
        self._inspirations = inspirations
        self._top_inspirations = top_inspirations

    def ask(self, rng: np.random.Generator) -> Choice:
        """Choose an island evenly, then parent and inspirations on it.

        Raises SeedNotValid before a VALID program was told.
        """
        if not self._standing.valid:
            raise SeedNotValid(NOTHING_TOLD)
        number = int(rng.random() * len(self._islands))
        parent, inspirations = self._islands[number].choose(
            rng, inspirations=self._inspirations, top=self._top_inspirations
        )
        return Choice(parent=parent, inspirations=inspirations, island=number)

    def tell(self, scored: Scored) -> tuple[Placement, str]:
        """Place a VALID program on its island; migrate when it is time."""
        number = scored.island % len(self._islands)
        if scored.parents:
            self._islands[number].count_child(scored.parents[0])
        if not self._standing.note(scored):
            return Placement.NOT_PLACED, ""
        placement, cell = self._settle(scored, number)
        if self._standing.valid % self._migration_interval == 0:
            self._migrate()
        return placement, f"i{number}:{cell}" if placement else ""

    def rival(self, scored: Scored) -> Scored | None:
        """Return the elite whose cell on the program's island it would take, or None."""
        return self._islands[scored.island % len(self._islands)].rival(scored)

    def correct(self, scored: Scored) -> None:
        """Take in better known gains, wherever the program has migrated to."""
        self._standing.front.correct(scored)
        for island in self._islands:
            island.correct(scored)

    def best(self) -> Scored | None:
        """Return the best VALID program told; of equals the earliest step."""
        return self._standing.front.best

    def front(self) -> Sequence[Scored]:
        """Return the non-dominated programs told, best first."""
        return self._standing.front.elites()

    def status(self) -> Mapping[str, float]:
        """Return counts of attempts, islands and occupied cells, over all islands and on the fullest."""
        sizes = [len(island) for island in self._islands]
        return {**self._standing.status(), "islands": len(sizes), "cells": sum(sizes), "cells_fullest": max(sizes)}

    def _settle(self, scored: Scored, number: int) -> tuple[Placement, str]:
        if self._standing.valid > 1:
            return self._islands[number].place(scored)
        return [island.place(scored) for island in self._islands][number]

    def _migrate(self) -> None:
        """Copy each island's best to the next, all at once: nobody travels two islands in one migration."""
        travellers = [tuple(island.ranked()[: self._migrants]) for island in self._islands]
        for number, leaving in enumerate(travellers):
            target = self._islands[(number + 1) % len(self._islands)]
            for elite in leaving:
                target.place(elite)


def _at_least(smallest: int, **settings: int) -> None:
    for name, value in settings.items():
        if value < smallest:
            raise ConfigurationError(f"search.{name} must be at least {smallest}, found {value}.")
