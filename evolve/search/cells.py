"""What archives with cells have in common: one elite per cell."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Sequence
from typing import Generic, TypeVar

from evolve.domain.evaluation import Scored
from evolve.domain.objective import constrained_better
from evolve.domain.proposal import Placement

Cell = TypeVar("Cell", bound=Hashable)


class CellArchive(ABC, Generic[Cell]):
    """Keeps the best program of each cell; a tie leaves the elite in place. Only occupied cells take memory."""

    def __init__(self) -> None:
        self._elites: dict[Cell, Scored] = {}

    def __len__(self) -> int:
        """Number of occupied cells."""
        return len(self._elites)

    def add(self, scored: Scored) -> tuple[Placement, str]:
        """Offer a VALID program; return what became of it and its cell (``""`` without a place)."""
        cell = self._cell(scored)
        elite = self._elites.get(cell)
        if elite is not None and not constrained_better(scored, elite):
            return Placement.NOT_PLACED, ""
        self._elites[cell] = scored
        return (Placement.NEW if elite is None else Placement.IMPROVED), self._name(cell)

    def rival(self, scored: Scored) -> Scored | None:
        """Return the elite whose cell a VALID program would take if it were offered now, or None."""
        elite = self._elites.get(self._cell(scored))
        return elite if elite is not None and constrained_better(scored, elite) else None

    def correct(self, scored: Scored) -> None:
        """Take in that an elite's gains are known better now; it keeps its cell."""
        cell = self._cell(scored)
        elite = self._elites.get(cell)
        if elite is not None and elite.step == scored.step:
            self._elites[cell] = scored

    def elites(self) -> Sequence[Scored]:
        """Return the elites in the order in which their cells were first occupied."""
        return list(self._elites.values())

    @abstractmethod
    def _cell(self, scored: Scored) -> Cell:
        """Return where a program belongs."""

    @abstractmethod
    def _name(self, cell: Cell) -> str:
        """Return the name of a cell, not empty."""
