"""A search whose parents win tournaments."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from evolve.domain.evaluation import Scored
from evolve.domain.objective import Feature, merit
from evolve.domain.proposal import Choice
from evolve.errors import SeedNotValid
from evolve.search.controls import Control


class PluginName(Control):
    """The parent is the best of a few programs drawn at random; implements Search.

    Args:
        features: axes of the grid that is kept for the record.
        rivals: how many are drawn.
    """

    def __init__(self, *, features: Sequence[Feature], rivals: int) -> None:
        super().__init__(features=features)
        self._rivals = rivals
        self._told: list[Scored] = []

    def ask(self, rng: np.random.Generator) -> Choice:
        """Choose a parent. Raises SeedNotValid before a VALID program was told."""
        if not self._told:
            raise SeedNotValid("There is no VALID program yet: the seed has to be told first.")
        drawn = [self._told[int(place)] for place in rng.integers(len(self._told), size=self._rivals)]
        return Choice(parent=max(drawn, key=merit).step, inspirations=(), island=0)

    def correct(self, scored: Scored) -> None:
        """Take in that the gains of a program that was told are known better now."""
        super().correct(scored)
        self._told = [scored if told.step == scored.step else told for told in self._told]

    def _consider(self, scored: Scored) -> None:
        self._told.append(scored)
