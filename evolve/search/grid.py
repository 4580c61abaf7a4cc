"""MAP-Elites: a grid over features whose cells keep the best program seen (arXiv:1504.04909)."""

from __future__ import annotations

from collections.abc import Sequence

from evolve.domain.evaluation import Scored
from evolve.domain.objective import Feature
from evolve.search.cells import CellArchive


class GridArchive(CellArchive[tuple[int, ...]]):
    """One elite per cell of the grid that ``features`` span.

    Without features the grid is a single cell named ``0``.
    """

    def __init__(self, *, features: Sequence[Feature]) -> None:
        super().__init__()
        self._features = tuple(features)

    def _cell(self, scored: Scored) -> tuple[int, ...]:
        pairs = zip(self._features, scored.features, strict=True)
        return tuple([feature.cell(value) for feature, value in pairs])

    def _name(self, cell: tuple[int, ...]) -> str:
        return ",".join(map(str, cell)) or "0"
