"""How much scores of one program differ, and what a difference of two means is evidence of."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

_NEAR_ENOUGH = 3
"""Degrees of freedom below which a pooled deviation says nothing."""
_CLEARLY = 3.0
"""Nats by which the relative model must fit better; the likelihoods are of equal size, so this is odds of 20."""


@dataclass(slots=True)
class Measured:
    """The mean of a program's repeats; ``count`` is 0 while there is none."""

    count: int = 0
    mean: tuple[float, ...] = ()

    def add(self, gains: Sequence[float]) -> None:
        """Take in a repeat."""
        self.count += 1
        before = self.mean or tuple(gains)
        self.mean = tuple(old + (new - old) / self.count for old, new in zip(before, gains, strict=True))


class Noise:
    """Within-program standard deviations, pooled over programs, one per objective.

    Two models are kept: a deviation that is the same for every program, and one that is the same share
    of every program's mean, as times of a busy machine have it. The absolute one holds until the
    relative one is clearly the more likely. Memory does not grow.
    """

    def __init__(self) -> None:
        self.freedom = 0
        self._absolute: list[float] = []  # sums of squares, by objective
        self._relative: list[float] = []
        self._levels: list[float] = []  # sums of log |mean|; -inf where a mean was 0

    @property
    def known(self) -> bool:
        """Whether there were repeats enough to go by, and they differed."""
        return self.freedom >= _NEAR_ENOUGH and any(self._absolute)

    def note(self, before: Measured, gains: Sequence[float]) -> None:
        """Learn from one more repeat of a program, given those before it, of which there is at least one."""
        if not self._absolute:
            self._absolute, self._relative, self._levels = ([0.0] * len(gains) for _ in range(3))
        weight = before.count / (before.count + 1)  # Welford: the squares add up to those about the final mean
        for index, (mean, gain) in enumerate(zip(before.mean, gains, strict=True)):
            self._absolute[index] += weight * (gain - mean) ** 2
            if mean:
                self._relative[index] += weight * ((gain - mean) / mean) ** 2
                self._levels[index] += math.log(abs(mean))
            else:
                self._levels[index] = -math.inf
        self.freedom += 1

    def sd(self, index: int, level: float) -> float:
        """Return the standard deviation of one score of a program whose mean is ``level``; 0 while unknown."""
        if not self.freedom:
            return 0.0
        if self.is_relative(index):
            return math.sqrt(self._relative[index] / self.freedom) * abs(level)
        return math.sqrt(self._absolute[index] / self.freedom)

    def cautious_sd(self, index: int, level: float) -> float:
        """Return ``sd`` widened for what few repeats leave open: the deviation of Student's t."""
        doubt = self.freedom / (self.freedom - 2) if self.freedom > 2 else math.inf
        sd = self.sd(index, level)
        return sd * math.sqrt(doubt) if sd else 0.0

    def sd_error(self, index: int, level: float) -> float:
        """Return the standard error of ``sd``."""
        return self.sd(index, level) / math.sqrt(2 * self.freedom) if self.freedom else 0.0

    def is_relative(self, index: int) -> bool:
        """Whether deviations are in proportion to the mean, by likelihood under a normal law."""
        absolute, relative = self._absolute[index], self._relative[index]
        if self.freedom <= 2 * _NEAR_ENOUGH or not absolute or not relative or math.isinf(self._levels[index]):
            return False
        gained = 0.5 * self.freedom * (math.log(absolute) - math.log(relative)) - self._levels[index]
        return gained > _CLEARLY


def log_evidence(difference: float, variance: float, scale: float) -> float:
    """Return the log of the evidence that a true difference is above 0, given one of this variance.

    The likelihood ratio of "above 0, half-normal of this scale" to "0". Under the hypothesis that there
    is no improvement it exceeds 1/a at any time with a chance of at most a, however often it is looked
    at (Ville's inequality; Robbins 1970, Statistical methods related to the law of the iterated
    logarithm).
    """
    both = variance + scale * scale
    exponent = difference * scale / math.sqrt(variance * both)
    return math.log(2) + 0.5 * math.log(variance / both) + 0.5 * exponent**2 + _log_normal_cdf(exponent)


def _log_normal_cdf(z: float) -> float:
    if z > -30:
        return math.log(math.erfc(-z / math.sqrt(2)) / 2)
    return -0.5 * z * z - math.log(-z * math.sqrt(2 * math.pi)) - 1 / (z * z)  # beyond what erfc can tell from 0


def log_doubt(difference: float, variance: float, worth: float) -> float:
    """Return the log of the likelihood ratio of "better by ``worth``" to "no better" (Wald 1945)."""
    return worth * (difference - worth / 2) / variance
