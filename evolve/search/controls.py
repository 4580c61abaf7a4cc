"""Searches that do without evolution's parts: what every clever search has to beat.

Each keeps a grid of elites for the record, so that cells and placements mean the same as under
MAP-Elites; it has no say in the choice of parents. There is one island, number 0, and there are no
inspirations.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from array import array
from collections.abc import Mapping, Sequence

import numpy as np

from evolve.domain.evaluation import Scored
from evolve.domain.objective import Feature, merit
from evolve.domain.proposal import Choice, Placement
from evolve.errors import SeedNotValid
from evolve.search.grid import GridArchive
from evolve.search.standing import NOTHING_TOLD, Accountable


class Control(Accountable, ABC):
    """Draws the parent evenly from ``_candidates``, which each control fills by its own rule.

    Args:
        features: axes of the grid that is kept for the record.
    """

    def __init__(self, *, features: Sequence[Feature]) -> None:
        super().__init__()
        self._grid = GridArchive(features=features)
        self._candidates = array("q")  # steps; 8 bytes each

    def ask(self, rng: np.random.Generator) -> Choice:
        """Choose a parent. Raises SeedNotValid before a VALID program was told."""
        if not self._candidates:
            raise SeedNotValid(NOTHING_TOLD)
        parent = self._candidates[int(rng.random() * len(self._candidates))]
        return Choice(parent=parent, inspirations=(), island=0)

    def tell(self, scored: Scored) -> tuple[Placement, str]:
        """Learn how an attempt ended; return its place in the grid."""
        if not self._standing.note(scored):
            return Placement.NOT_PLACED, ""
        self._consider(scored)
        return self._grid.add(scored)

    def rival(self, scored: Scored) -> Scored | None:
        """Return None: a place in the grid decides nothing here."""
        return None

    def correct(self, scored: Scored) -> None:
        """Take in that the gains of a program that was told are known better now."""
        self._grid.correct(scored)
        self._standing.front.correct(scored)

    def status(self) -> Mapping[str, float]:
        """Return counts of attempts and occupied cells."""
        return {**self._standing.status(), "islands": 1, "cells": len(self._grid)}

    @abstractmethod
    def _consider(self, scored: Scored) -> None:
        """Change ``_candidates`` in view of a VALID program; the first one must enter."""


class Greedy(Control):
    """Hill climbing: the best so far is the parent; of equals the one told last, to drift on plateaus."""

    def __init__(self, *, features: Sequence[Feature]) -> None:
        super().__init__(features=features)
        self._bar: tuple[float, ...] = ()

    def correct(self, scored: Scored) -> None:
        """Take in better known gains; those of the parent are the new bar."""
        super().correct(scored)
        if scored.step in self._candidates:
            self._bar = merit(scored)

    def _consider(self, scored: Scored) -> None:
        if merit(scored) >= self._bar:  # everything is at least ()
            self._bar = merit(scored)
            self._candidates = array("q", [scored.step])


class BestOfN(Control):
    """Independent attempts: the first VALID program, the seed, is always the parent."""

    def _consider(self, scored: Scored) -> None:
        if not self._candidates:
            self._candidates.append(scored.step)


class RandomWalk(Control):
    """No selection: every VALID program is as likely a parent as any other."""

    def _consider(self, scored: Scored) -> None:
        self._candidates.append(scored.step)
