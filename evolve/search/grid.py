"""MAP-Elites: a grid over features whose cells keep the best program seen (arXiv:1504.04909)."""

from __future__ import annotations

from collections.abc import Sequence

from evolve.domain.evaluation import Scored
from evolve.domain.objective import Feature, better
from evolve.domain.proposal import Placement


class GridArchive:
    """One elite per cell of the grid that ``features`` span; only occupied cells take memory.

    A tie leaves the elite in place. Without features the grid is a single cell named ``0``.
    """

    def __init__(self, features: Sequence[Feature]) -> None:
        self._features = tuple(features)
        self._elites: dict[tuple[int, ...], Scored] = {}

    def __len__(self) -> int:
        """Number of occupied cells."""
        return len(self._elites)

    def add(self, scored: Scored) -> tuple[Placement, str]:
        """Offer a VALID program; return what became of it and its cell (``""`` without a place)."""
        cell = self._cell(scored)
        elite = self._elites.get(cell)
        if elite is not None and not better(scored.gains, elite.gains):
            return Placement.NOT_PLACED, ""
        self._elites[cell] = scored
        return (Placement.NEW if elite is None else Placement.IMPROVED), _name(cell)

    def rival(self, scored: Scored) -> Scored | None:
        """Return the elite whose cell a VALID program would take if it were offered now, or None."""
        elite = self._elites.get(self._cell(scored))
        return elite if elite is not None and better(scored.gains, elite.gains) else None

    def correct(self, scored: Scored) -> None:
        """Take in that an elite's gains are known better now; it keeps its cell."""
        cell = self._cell(scored)
        elite = self._elites.get(cell)
        if elite is not None and elite.step == scored.step:
            self._elites[cell] = scored

    def elites(self) -> Sequence[Scored]:
        """Return the elites in the order in which their cells were first occupied."""
        return list(self._elites.values())

    def _cell(self, scored: Scored) -> tuple[int, ...]:
        pairs = zip(self._features, scored.features, strict=True)
        return tuple([feature.cell(value) for feature, value in pairs])


def _name(cell: tuple[int, ...]) -> str:
    return ",".join(map(str, cell)) or "0"
