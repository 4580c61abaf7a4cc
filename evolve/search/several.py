"""Several archives as one: each keeps what it is for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from evolve.domain.evaluation import Scored
from evolve.domain.objective import Feature
from evolve.domain.proposal import Placement
from evolve.errors import ConfigurationError
from evolve.interfaces import Archive


class _Factory(Protocol):
    def __call__(self, *, features: Sequence[Feature]) -> Archive: ...


class SeveralArchives:
    """A program is a member while one of the archives holds it.

    The cell is that of the first archive that gives it a place.

    Args:
        features: axes, for each of them.
        archives: makers of the archives by name, in the order in which they name cells.
    """

    def __init__(self, *, features: Sequence[Feature], archives: Mapping[str, _Factory]) -> None:
        if not archives:
            raise ConfigurationError("archive.archives: expected at least one, found none.")
        self._archives = [make(features=features) for make in archives.values()]
        self._members: list[Scored] = []

    def __len__(self) -> int:
        """Number of members."""
        return len(self._members)

    def add(self, scored: Scored) -> tuple[Placement, str]:
        """Offer a VALID program to each; IMPROVED when a member is one no longer."""
        placed = [archive.add(scored) for archive in self._archives]
        cells = [cell for placement, cell in placed if placement]
        if not cells:
            return Placement.NOT_PLACED, ""
        found = self._found()
        displaced = any(member.step not in found for member in self._members)
        self._members = list(found.values())
        return (Placement.IMPROVED if displaced else Placement.NEW), cells[0]

    def rival(self, scored: Scored) -> Scored | None:
        """Return whom a VALID program would displace in the first archive where it would, or None."""
        return next((rival for archive in self._archives if (rival := archive.rival(scored)) is not None), None)

    def correct(self, scored: Scored) -> None:
        """Take in that a member's gains are known better now."""
        for archive in self._archives:
            archive.correct(scored)
        self._members = list(self._found().values())

    def _found(self) -> dict[int, Scored]:
        return {elite.step: elite for archive in self._archives for elite in archive.elites()}

    def elites(self) -> Sequence[Scored]:
        """Return the members in the order of the archives that hold them."""
        return list(self._members)
