"""Islands that begin anew: a new founder settles an island whose elites are forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from evolve.domain.evaluation import Scored
from evolve.errors import ConfigurationError
from evolve.search.lots import lot
from evolve.search.pareto import best_first


@dataclass(frozen=True, slots=True)
class Islander:
    """What is known of an island from outside.

    Args:
        best: the best program told on it; every island has one.
        stagnation: attempts on it since its last record, or its foundation.
    """

    best: Scored
    stagnation: int


@dataclass(frozen=True, slots=True)
class Founding:
    """An island is to be settled by a founder: one that there is, or the next number for a new one."""

    island: int
    founder: Scored


class Renewal(Protocol):
    """Says which islands begin anew. Keeps nothing, draws from nothing."""

    def due(self, attempts: int, idle: int, islands: Sequence[Islander]) -> Sequence[Founding]:
        """Return what is to be founded after an attempt.

        Args:
            attempts: of the run, failures included.
            idle: attempts since the run's last record.
            islands: in the order of their numbers.
        """


class WorseHalf:
    """Empties the worse half of the islands now and then; each restarts from the best of a random survivor.

    FunSearch (Romera-Paredes et al. 2024, Nature 625, Methods) does so every four hours.

    Args:
        every: attempts between two renewals.
    """

    def __init__(self, *, every: int) -> None:
        if every < 1:
            raise ConfigurationError(f"renewal.every: expected at least 1 attempt, found {every}.")
        self._every = every

    def due(self, attempts: int, idle: int, islands: Sequence[Islander]) -> Sequence[Founding]:
        """Return the worse half, the survivors' best as founders; of equals the earlier island survives."""
        if attempts % self._every:
            return []
        order = _best_islands_first(islands)
        survivors = order[: len(order) - len(order) // 2]
        return [
            Founding(number, islands[survivors[lot(len(survivors), attempts, number)]].best)
            for number in order[len(survivors) :]
        ]


class Spawn:
    """A new island, settled by the best program of all, whenever the run has stood still for long.

    When there are ``most`` islands the worst is retired: the new one takes its number.

    Args:
        patience: attempts without a record of the run before a new island, and between two of them.
        most: islands at once.
    """

    def __init__(self, *, patience: int, most: int) -> None:
        if patience < 1 or most < 1:
            raise ConfigurationError(f"renewal: expected patience and most of at least 1, found {patience}, {most}.")
        self._patience = patience
        self._most = most

    def due(self, attempts: int, idle: int, islands: Sequence[Islander]) -> Sequence[Founding]:
        """Return one island to settle, or none."""
        if not idle or idle % self._patience:
            return []
        order = _best_islands_first(islands)
        number = len(islands) if len(islands) < self._most else order[-1]
        return [Founding(number, islands[order[0]].best)]


class Restart:
    """An island that has stood still for long begins anew from the best program of all.

    Args:
        patience: attempts on the island without a record of its own.
    """

    def __init__(self, *, patience: int) -> None:
        if patience < 1:
            raise ConfigurationError(f"renewal.patience: expected at least 1 attempt, found {patience}.")
        self._patience = patience

    def due(self, attempts: int, idle: int, islands: Sequence[Islander]) -> Sequence[Founding]:
        """Return the islands whose patience has ended; the best one stays."""
        stuck = [number for number, island in enumerate(islands) if island.stagnation >= self._patience]
        if not stuck:
            return []
        best = _best_islands_first(islands)[0]
        return [Founding(number, islands[best].best) for number in stuck if number != best]


def _best_islands_first(islands: Sequence[Islander]) -> list[int]:
    ranks = {id(scored): rank for rank, scored in enumerate(best_first([island.best for island in islands]))}
    return sorted(range(len(islands)), key=lambda number: (ranks[id(islands[number].best)], number))
