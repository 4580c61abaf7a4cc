"""What to do otherwise when records cease to fall: a function of how long that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from evolve.errors import ConfigurationError

REFLECT = "distill"
SHIFT = "shift"


@dataclass(frozen=True, slots=True)
class Deed:
    """What an attempt does otherwise than usual.

    Args:
        wants: the operator that is asked for, empty for any. A run without it proposes as usual.
        backtrack: the parent is an earlier record of the island instead of one of its elites.
    """

    wants: str = ""
    backtrack: bool = False


USUAL = Deed()


class Relief(Protocol):
    """Says what the next attempt does. Keeps nothing."""

    def deed(self, stagnation: int, rng: np.random.Generator) -> Deed:
        """Return the deed of an attempt; ``stagnation`` counts attempts since the island's last record."""


class Ladder:
    """Rungs that are climbed while no record falls; a record leads back to the ground.

    From rung to rung more is given up: the words of the prompt (``reflect``: lessons are drawn from what
    was tried), the approach (``shift``: another one is asked for), the program (``backtrack``: an
    earlier record is the parent). Starting afresh, the last resort, is the islands' (``renewal``).

    Args:
        reflect_after, shift_after, backtrack_after: attempts without a record at which the rung begins; null
            for never. A rung lasts until the next one begins.
        share: chance that an attempt on a rung does what the rung says; the others go on as usual.
    """

    def __init__(
        self,
        *,
        reflect_after: int | None,
        shift_after: int | None,
        backtrack_after: int | None,
        share: float,
    ) -> None:
        if not 0 <= share <= 1:
            raise ConfigurationError(f"ladder.share is a chance, expected 0 to 1, found {share}.")
        rungs = (
            ("reflect_after", reflect_after, Deed(wants=REFLECT)),
            ("shift_after", shift_after, Deed(wants=SHIFT)),
            ("backtrack_after", backtrack_after, Deed(backtrack=True)),
        )
        self._rungs = [(after, deed) for _, after, deed in rungs if after is not None]
        for name, after, _ in rungs:
            if after is not None and after < 1:
                raise ConfigurationError(f"ladder.{name}: expected at least 1 attempt, found {after}.")
        if self._rungs != sorted(self._rungs, key=lambda rung: rung[0]):
            found = [after for after, _ in self._rungs]
            raise ConfigurationError(f"ladder: expected reflect, shift and backtrack in this order, found {found}.")
        self._share = share

    def rung(self, stagnation: int) -> Deed:
        """Return what the rung at this count is for."""
        reached = [deed for after, deed in self._rungs if stagnation >= after]
        return reached[-1] if reached else USUAL

    def deed(self, stagnation: int, rng: np.random.Generator) -> Deed:
        """Return the rung's deed for a share of the attempts."""
        rung = self.rung(stagnation)
        return rung if rung != USUAL and rng.random() < self._share else USUAL


class NowAndThen:
    """Asks for an operator once in so many attempts on average, stagnation or not.

    LEVI asks its strong model for another paradigm every 10 proposals.

    Args:
        operator: name of the operator.
        every: attempts for each time it is asked for.
    """

    def __init__(self, *, operator: str, every: float) -> None:
        if not every >= 1:
            raise ConfigurationError(f"every: expected at least 1 attempt, found {every}.")
        self._deed = Deed(wants=operator)
        self._chance = 1.0 / every

    def deed(self, stagnation: int, rng: np.random.Generator) -> Deed:
        """Ask for the operator, or for nothing."""
        return self._deed if rng.random() < self._chance else USUAL


def deed_of(reliefs: Sequence[Relief], stagnation: int, rng: np.random.Generator) -> Deed:
    """Return the first deed out of the usual."""
    for relief in reliefs:
        deed = relief.deed(stagnation, rng)
        if deed != USUAL:
            return deed
    return USUAL
