"""From chances to a choice: which elite is the parent, and which others are shown beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from evolve.errors import ConfigurationError
from evolve.search.parents import FloatArray


class Shown(NamedTuple):
    """Steps of a parent and its inspirations."""

    parent: int
    inspirations: tuple[int, ...]


class Past(NamedTuple):
    """What came before on an island, by steps.

    Args:
        records: the programs that were the best before, the latest first.
        worse: returns the latest children of an elite that it dominates.
        apart: returns, of the best and the records, those that neither dominate an elite nor are dominated by it:
            none with one objective.
    """

    records: Sequence[int]
    worse: Callable[[int], Sequence[int]]
    apart: Callable[[int], Sequence[int]]


class Showing(Protocol):
    """Draws what an operator is shown."""

    def choose(self, ranked: Sequence[int], cumulative: FloatArray, past: Past, rng: np.random.Generator) -> Shown:
        """Return the steps of a parent and its inspirations.

        Args:
            ranked: steps of the elites, best first, all different, at least one.
            cumulative: running sums of their chances to be the parent.
            past: what came before.
        """

    def beside(self, ranked: Sequence[int], parent: int, rng: np.random.Generator) -> Shown:
        """Return the steps of inspirations for a parent that need not be among ``ranked``."""


class Inspired:
    """The parent by its chance; beside it some of the best and some drawn evenly, best first.

    Args:
        count: inspirations.
        top: how many of them are the island's best.
    """

    def __init__(self, *, count: int, top: int) -> None:
        for name, value in (("count", count), ("top", top)):
            if value < 0:
                raise ConfigurationError(f"showing.{name} must be at least 0, found {value}.")
        self._count = count
        self._top = top

    def choose(self, ranked: Sequence[int], cumulative: FloatArray, past: Past, rng: np.random.Generator) -> Shown:
        """Return a parent and its inspirations."""
        place = drawn_place(cumulative, rng)
        return Shown(ranked[place], choose_inspirations(ranked, place, rng, count=self._count, top=self._top))

    def beside(self, ranked: Sequence[int], parent: int, rng: np.random.Generator) -> Shown:
        """Return inspirations for any parent."""
        steps = [parent, *(step for step in ranked if step != parent)]
        return Shown(parent, choose_inspirations(steps, 0, rng, count=self._count, top=self._top))


class Trajectory:
    """The parent by its chance; beside it how the best came about: the best, then those that were it before.

    What changed between them is what helped, and may help again; after the ascending trajectories of OPRO
    (Yang et al., arXiv:2309.03409).

    Args:
        count: inspirations.
    """

    def __init__(self, *, count: int) -> None:
        if count < 0:
            raise ConfigurationError(f"showing.count must be at least 0, found {count}.")
        self._count = count

    def choose(self, ranked: Sequence[int], cumulative: FloatArray, past: Past, rng: np.random.Generator) -> Shown:
        """Return a parent and its inspirations."""
        parent = ranked[drawn_place(cumulative, rng)]
        others = [step for step in (ranked[0], *past.records) if step != parent]
        return Shown(parent, tuple(others[: self._count]))

    def beside(self, ranked: Sequence[int], parent: int, rng: np.random.Generator) -> Shown:
        """Return the best of the others for any parent."""
        return Shown(parent, tuple([step for step in ranked if step != parent][: self._count]))


class Contrast:
    """The parent by its chance; beside it nothing that dominates it: a mutator that sees it goes back there, and
    then exploring other parents is in vain.

    Beside the best stand the records before it, as in a Trajectory; beside other parents the best and the
    records that stand for other trade-offs between objectives. Beside any parent stand children of it that fell
    short, of which the opposite may help.

    Args:
        records: at most so many of the best and earlier records.
        worse: children, drawn from the latest.
    """

    def __init__(self, *, records: int, worse: int) -> None:
        for name, value in (("records", records), ("worse", worse)):
            if value < 0:
                raise ConfigurationError(f"showing.{name} must be at least 0, found {value}.")
        self._records, self._worse = records, worse

    def choose(self, ranked: Sequence[int], cumulative: FloatArray, past: Past, rng: np.random.Generator) -> Shown:
        """Return a parent and its inspirations."""
        parent = ranked[drawn_place(cumulative, rng)]
        records = (past.records if parent == ranked[0] else past.apart(parent))[: self._records]
        worse = past.worse(parent)
        drawn = [worse[index] for index in _draw(len(worse), min(self._worse, len(worse)), rng)]
        return Shown(parent, (*records, *(step for step in drawn if step not in records)))

    def beside(self, ranked: Sequence[int], parent: int, rng: np.random.Generator) -> Shown:
        """Return the parent alone."""
        return Shown(parent, ())


class BestShot:
    """Several programs by their chances: the best is the parent, the others rise towards it.

    Best-shot prompting of FunSearch (Romera-Paredes et al. 2024, Nature 625, Methods): a prompt shows k
    programs in ascending order of score, for the model to go on with a better one.

    Args:
        programs: k, the parent included.
    """

    def __init__(self, *, programs: int) -> None:
        if programs < 1:
            raise ConfigurationError(f"showing.programs must be at least 1, found {programs}.")
        self._programs = programs

    def choose(self, ranked: Sequence[int], cumulative: FloatArray, past: Past, rng: np.random.Generator) -> Shown:
        """Return the best of up to k different programs, and the others, worst first."""
        chances = np.diff(cumulative, prepend=0.0)
        count = min(self._programs, int((chances > 0).sum()))
        places = rng.choice(len(ranked), size=count, replace=False, p=chances / chances.sum())
        best, *others = sorted(places.tolist())
        return Shown(ranked[best], tuple([ranked[place] for place in reversed(others)]))

    def beside(self, ranked: Sequence[int], parent: int, rng: np.random.Generator) -> Shown:
        """Return k - 1 elites drawn evenly, worst first."""
        steps = [parent, *(step for step in ranked if step != parent)]
        others = choose_inspirations(steps, 0, rng, count=self._programs - 1, top=0)
        return Shown(parent, others[::-1])


def drawn_place(cumulative: FloatArray, rng: np.random.Generator) -> int:
    """Draw a position by chances given as running sums."""
    drawn = int(cumulative.searchsorted(rng.random() * cumulative[-1], side="right"))
    return min(drawn, len(cumulative) - 1)  # the product can round up to the last sum


def choose_inspirations(
    ranked: Sequence[int], parent: int, rng: np.random.Generator, *, count: int, top: int
) -> tuple[int, ...]:
    """Return up to ``count`` steps other than the parent's, best first.

    The first ``top`` are the best others, the rest are drawn from all that remain.

    Args:
        ranked: steps of the elites, best first, all different.
        parent: position of the parent in ``ranked``.
    """
    others = len(ranked) - 1
    best = min(top, count, others)
    rest = others - best
    drawn = _draw(rest, min(count - best, rest), rng)
    positions = [*range(best), *(best + index for index in drawn)]
    return tuple([ranked[position + (position >= parent)] for position in positions])


def _draw(size: int, count: int, rng: np.random.Generator) -> list[int]:
    """Return ``count`` different numbers below ``size``, ascending (Floyd's sampling: ``count`` draws)."""
    chosen: set[int] = set()
    for last in range(size - count, size):
        index = int(rng.random() * (last + 1))
        chosen.add(last if index in chosen else index)
    return sorted(chosen)
