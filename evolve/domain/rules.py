"""What a person makes of the search's view: vetoed programs, and objectives as one weighted number."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace

from evolve.domain.evaluation import Outcome, Scored
from evolve.domain.steering import INJECT

_LARGEST = sys.float_info.max


@dataclass(frozen=True, slots=True)
class Rules:
    """Under what rules the search is told of attempts.

    Args:
        weights: one per objective; None for selection by all objectives.
        vetoed: steps of programs that are not to be used.
        tainted: those of them whose descendants are not to be used either.
    """

    weights: tuple[float, ...] | None = None
    vetoed: frozenset[int] = frozenset()
    tainted: frozenset[int] = frozenset()

    def without(self, step: int, descendants: bool) -> Rules:
        """Return the rules with one more veto."""
        tainted = self.tainted | {step} if descendants else self.tainted
        return replace(self, vetoed=self.vetoed | {step}, tainted=tainted)


def weighted(gains: Sequence[float], weights: Sequence[float]) -> float:
    """Return the weighted sum of gains; what no number can hold becomes the largest there is."""
    total = 0.0
    for gain, weight in zip(gains, weights, strict=True):
        total = _held(total + _held(gain * weight))
    return total


class Lens:
    """Shows attempts as the rules want them seen. A fold: a child is seen after the program it was edited from."""

    def __init__(self, rules: Rules) -> None:
        self._weights = rules.weights
        self._banned = set(rules.vetoed)
        self._tainted = set(rules.tainted)

    def seen(self, scored: Scored) -> Scored:
        """Return what the search is told: a vetoed program as a failure, gains as one number under weights."""
        if scored.parents and scored.parents[0] in self._tainted and scored.operator != INJECT:
            self._tainted.add(scored.step)
            self._banned.add(scored.step)
        if self.bans(scored.step) or (scored.rescored is not None and self.bans(scored.rescored)):
            return _failed(scored)
        if self._weights is None or not scored.valid:
            return scored
        return replace(scored, gains=(weighted(scored.gains, self._weights),))

    def bans(self, step: int) -> bool:
        """Whether a program is vetoed, itself or for its ancestry."""
        return step in self._banned


def _failed(scored: Scored) -> Scored:
    outcome = Outcome.INVALID if scored.valid else scored.outcome
    nothing = replace(scored, outcome=outcome, gains=(), features=(), per_instance={}, shape=())
    return replace(nothing, violation=0.0, rescored=None)


def _held(value: float) -> float:
    return min(max(value, -_LARGEST), _LARGEST)
