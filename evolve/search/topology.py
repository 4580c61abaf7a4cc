"""Migration: which islands send their best where, and when."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Literal

from evolve.errors import ConfigurationError
from evolve.search.lots import lot

Topology = Callable[[int, int, int], Sequence[int]]
"""From (island, number of islands, number of the migration) to the islands it sends to, itself left out."""
TopologyName = Literal["ring", "full", "star", "random"]


def ring(island: int, islands: int, _migration: int) -> Sequence[int]:
    """Each sends to the next."""
    return [(island + 1) % islands] if islands > 1 else []


def full(island: int, islands: int, _migration: int) -> Sequence[int]:
    """Each sends to all others."""
    return [other for other in range(islands) if other != island]


def star(island: int, islands: int, _migration: int) -> Sequence[int]:
    """Island 0 sends to all others, and they to it."""
    return list(range(1, islands)) if island == 0 else [0]


def random(island: int, islands: int, migration: int) -> Sequence[int]:
    """Each sends to one other, another one in each migration."""
    return [(island + 1 + lot(islands - 1, island, migration)) % islands] if islands > 1 else []


_TOPOLOGIES: Mapping[TopologyName, Topology] = MappingProxyType(
    {"ring": ring, "full": full, "star": star, "random": random}
)


class Migration:
    """Copies of the best elites, sent now and then.

    Args:
        topology: where islands send: the next one (``ring``), all others (``full``), through island 0
            (``star``), or one that changes each time (``random``).
        interval: VALID programs of the run between two migrations.
        migrants: best elites that each island copies to each of its targets; 0 for none.
    """

    def __init__(self, *, topology: TopologyName, interval: int, migrants: int) -> None:
        if interval < 1:
            raise ConfigurationError(f"interval: expected at least 1 program, found {interval}.")
        if migrants < 0:
            raise ConfigurationError(f"migrants: expected at least 0, found {migrants}.")
        self._targets = _TOPOLOGIES[topology]
        self._interval = interval
        self.migrants = migrants

    def due(self, valid: int) -> bool:
        """Whether the ``valid``-th VALID program brings a migration."""
        return self.migrants > 0 and valid % self._interval == 0

    def targets(self, island: int, islands: int, valid: int) -> Sequence[int]:
        """Return the islands that ``island`` sends to in the migration after ``valid`` VALID programs."""
        return self._targets(island, islands, valid // self._interval)
