"""An archive of one row."""

from __future__ import annotations

from collections.abc import Sequence

from evolve.domain.evaluation import Scored
from evolve.domain.objective import Feature
from evolve.search.cells import CellArchive


class PluginName(CellArchive[int]):
    """The best program for each cell of the problem's first feature; implements Archive."""

    def __init__(self, *, features: Sequence[Feature]) -> None:
        super().__init__()
        self._feature = next(iter(features), None)

    def _cell(self, scored: Scored) -> int:
        return 0 if self._feature is None else self._feature.cell(scored.features[0])

    def _name(self, cell: int) -> str:
        return str(cell)
