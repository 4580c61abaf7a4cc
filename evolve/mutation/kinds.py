"""Kinds of edit and how often each of them is tried."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

import numpy as np

from evolve.mutation.edits import Edit

B = TypeVar("B")


class Weighted(NamedTuple, Generic[B]):
    """A kind of edit and how often it is tried, relative to the others. It returns None where it finds no place."""

    kind: Callable[[B], Edit | None]
    weight: float


class Kinds(Generic[B]):
    """Draws kinds of edit by their weights; the edits are made on a bench of type ``B``."""

    def __init__(self, entries: Sequence[Weighted[B]]) -> None:
        self._kinds = tuple(entry.kind for entry in entries)
        weights = np.cumsum([entry.weight for entry in entries])
        self._bounds = weights / weights[-1]

    def draw(self, rng: np.random.Generator) -> Callable[[B], Edit | None]:
        """Return a kind of edit."""
        place = int(self._bounds.searchsorted(rng.random(), side="right"))
        return self._kinds[min(place, len(self._kinds) - 1)]
