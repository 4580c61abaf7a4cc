"""NSGA-II: a population kept by non-dominated sorting and crowding (Deb et al. 2002)."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from evolve.domain.evaluation import Scored
from evolve.domain.objective import Feature, merit
from evolve.domain.proposal import Choice, Placement
from evolve.errors import ConfigurationError, SeedNotValid
from evolve.search.standing import NOTHING_TOLD, Accountable
from evolve.search.tradeoffs import complements, draw_others, draw_tradeoff, quality

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
POPULATION = "population"


def front_numbers(gains: FloatArray, violations: FloatArray) -> IntArray:
    """Return the number of the non-dominated front that each program is in, 0 for the first, shape (n,).

    A program dominates those that break the constraints more; among those that break them as much
    dominance of gains, shape (n, objectives), decides.
    """
    no_worse = (gains[:, None, :] >= gains[None, :, :]).all(axis=2)
    level = violations[:, None] == violations[None, :]
    dominates = (violations[:, None] < violations[None, :]) | (level & no_worse & ~no_worse.T)
    numbers = np.zeros(len(gains), dtype=np.intp)
    above = dominates.sum(axis=0)
    number = 0
    while (current := np.flatnonzero(above == 0)).size:
        numbers[current] = number
        above -= dominates[current].sum(axis=0)
        above[current] = -1
        number += 1
    return numbers


def crowding(gains: FloatArray) -> FloatArray:
    """Return the crowding distance of the programs of one front, shape (n,); infinite for the ends of an objective.

    An objective in which all are equal says nothing.
    """
    scaled, count = quality(gains), len(gains)
    distance = np.zeros(count)
    for column in scaled.T:
        order = np.argsort(-column, kind="stable")
        if column[order[0]] == column[order[-1]]:
            continue
        distance[order[[0, -1]]] = np.inf
        distance[order[1:-1]] += column[order[:-2]] - column[order[2:]]
    return distance


class Population:
    """At most ``size`` VALID programs with different gains, sorted by merit.

    Full, it gives up the most crowded program of its last front, the latest of equals.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self.members: list[Scored] = []
        self._merits: list[tuple[float, ...]] = []  # negated: ascending where members are best first
        self._fitness: FloatArray | None = None

    def add(self, scored: Scored) -> Placement:
        """Offer a VALID program; one with the gains of a member is refused."""
        key = _ascending(scored)
        at = bisect_left(self._merits, key)
        if at < len(self._merits) and self._merits[at] == key:
            return Placement.NOT_PLACED
        self.members.insert(at, scored)
        self._merits.insert(at, key)
        if len(self.members) <= self._size:
            self._fitness = None
            return Placement.NEW
        leaving = self._most_dispensable()
        gone = self.members.pop(leaving)
        del self._merits[leaving]
        if gone is scored:
            return Placement.NOT_PLACED
        self._fitness = None
        return Placement.IMPROVED

    def correct(self, scored: Scored) -> None:
        """Take in that a member's gains are known better now; it leaves if another has the same."""
        for at, member in enumerate(self.members):
            if member.step == scored.step:
                del self.members[at], self._merits[at]
                self.add(scored)
                self._fitness = None
                return

    def gains(self) -> FloatArray:
        """Return the gains of the members, shape (members, objectives)."""
        return np.array([member.gains for member in self.members])

    def least_violating(self) -> int:
        """Return how many members, from the first on, break the constraints as little as the best."""
        return sum(1 for merits in self._merits if merits[0] == self._merits[0][0])

    def fitness(self) -> FloatArray:
        """Return what a tournament compares, lower is better: front number and crowding, shape (members, 2)."""
        if self._fitness is None:
            numbers = self._numbers()
            self._fitness = np.stack([numbers, np.zeros(len(numbers))], axis=1)
            gains = self.gains()
            for number in range(int(numbers.max()) + 1):
                front = np.flatnonzero(numbers == number)
                self._fitness[front, 1] = -crowding(gains[front])
        return self._fitness

    def _numbers(self) -> IntArray:
        if self._is_ladder():
            return np.arange(len(self.members))
        return front_numbers(self.gains(), np.array([member.violation for member in self.members]))

    def _is_ladder(self) -> bool:
        """Whether each member is a front of its own, as with a single objective: no two have the same merit."""
        return len(self.members[0].gains) == 1

    def _most_dispensable(self) -> int:
        if self._is_ladder():
            return len(self.members) - 1
        numbers = self._numbers()
        last = np.flatnonzero(numbers == numbers.max())
        distances = crowding(self.gains()[last])
        crowded = last[(distances == distances.min()) & (last > 0)]  # the best never leaves
        return int(max(crowded, key=lambda index: self.members[index].step))


def _ascending(scored: Scored) -> tuple[float, ...]:
    return tuple([-value for value in merit(scored)])


class Nsga2Search(Accountable):
    """NSGA-II in steady state: each VALID program competes for a place as it is told.

    A share of the parents are best for a trade-off drawn at random, so that all parts of the front breed; the
    others win a binary tournament by front and crowding. Beside the parent stand members of the
    front that are ahead of it where it is behind. Programs that break the constraints less come
    first throughout. There is one island.

    Args:
        features: not used; diversity comes from the objectives.
        population: number of programs that are kept.
        tradeoffs: chance that the parent is chosen for a trade-off.
        inspirations: programs shown beside the parent.
    """

    def __init__(self, *, features: Sequence[Feature], population: int, tradeoffs: float, inspirations: int) -> None:
        super().__init__()
        if population < 2:
            raise ConfigurationError(f"search.population must be at least 2, found {population}.")
        if not 0 <= tradeoffs <= 1:
            raise ConfigurationError(f"search.tradeoffs is a chance, expected 0 to 1, found {tradeoffs}.")
        if inspirations < 0:
            raise ConfigurationError(f"search.inspirations must be at least 0, found {inspirations}.")
        self._population = Population(population)
        self._tradeoffs = tradeoffs
        self._inspirations = inspirations

    def ask(self, rng: np.random.Generator) -> Choice:
        """Choose a parent and its inspirations. Raises SeedNotValid before a VALID program was told."""
        if not self._standing.valid:
            raise SeedNotValid(NOTHING_TOLD)
        by_tradeoff = rng.random() < self._tradeoffs
        parent = self._for_a_tradeoff(rng) if by_tradeoff else self._by_tournament(rng)
        members = self._population.members
        others = draw_others(self._usefulness(parent), parent, self._inspirations, rng)
        return Choice(members[parent].step, tuple([members[other].step for other in others]), island=0)

    def tell(self, scored: Scored) -> tuple[Placement, str]:
        """Learn how an attempt ended; return its place in the population."""
        if not self._standing.note(scored):
            return Placement.NOT_PLACED, ""
        placement = self._population.add(scored)
        return placement, POPULATION if placement else ""

    def rival(self, scored: Scored) -> Scored | None:
        """Return None: who leaves the population is decided by crowding, not by a contest of two."""
        return None

    def correct(self, scored: Scored) -> None:
        """Take in that the gains of a program that was told are known better now."""
        self._standing.front.correct(scored)
        self._population.correct(scored)

    def status(self) -> Mapping[str, float]:
        """Return counts of attempts and of the population."""
        return {**self._standing.status(), "islands": 1, "cells": len(self._population.members)}

    def _for_a_tradeoff(self, rng: np.random.Generator) -> int:
        return draw_tradeoff(self._population.gains()[: self._population.least_violating()], rng)

    def _by_tournament(self, rng: np.random.Generator) -> int:
        fitness = self._population.fitness()
        left, right = (int(rng.random() * len(fitness)) for _ in range(2))
        return left if tuple(fitness[left]) <= tuple(fitness[right]) else right

    def _usefulness(self, parent: int) -> FloatArray:
        """Return how far each member of the first front is ahead of the parent where it is ahead; 0 for others."""
        ahead = complements(quality(self._population.gains()), parent)
        return np.where(self._population.fitness()[:, 0] == 0, ahead, 0.0)
