"""A search that hands everything on to another: for those that watch or time what goes by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from evolve.domain.evaluation import Scored
from evolve.domain.proposal import Choice, Placement
from evolve.interfaces import Search


class Forwarding:
    """Does nothing of its own; subclasses override ``ask`` and ``tell``."""

    def __init__(self, search: Search) -> None:
        self._search = search

    def ask(self, rng: np.random.Generator) -> Choice:
        """Ask the search."""
        return self._search.ask(rng)

    def tell(self, scored: Scored) -> tuple[Placement, str]:
        """Tell the search."""
        return self._search.tell(scored)

    def rival(self, scored: Scored) -> Scored | None:
        """Ask the search whom a program would displace."""
        return self._search.rival(scored)

    def correct(self, scored: Scored) -> None:
        """Tell the search better known gains."""
        self._search.correct(scored)

    def best(self) -> Scored | None:
        """Return the search's best."""
        return self._search.best()

    def front(self) -> Sequence[Scored]:
        """Return the search's front."""
        return self._search.front()

    def status(self) -> Mapping[str, float]:
        """Return the search's status."""
        return self._search.status()
