"""A program on trial: what its repeats say, what it may be worth, and when they are evidence enough."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from enum import Enum, auto

from evolve.domain.evaluation import Scored
from evolve.search.noise import Measured, Noise, log_doubt, log_evidence

CALIBRATION = 4
"""Repeats of the seed once scores turn out to be noisy: what the first trials go by."""
LOOKS = 3
"""Repeats of challenger and incumbent together, failed ones included, for each that a challenger may have."""
_GIVEN_UP = math.log(0.2)
"""A trial misses one improvement in five of the size that it is meant to find."""


class Verdict(Enum):
    """What the repeats of two programs say."""

    OPEN = auto()
    BETTER = auto()
    NO_BETTER = auto()
    CHEATED = auto()


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a first gain is likely to be, under a normal law. No evidence: the score that drew attention is in it."""

    mean: float
    variance: float

    def after(self, gain: float, variance: float) -> Estimate:
        """Return what it is after one more score, of this variance."""
        weight = self.variance / (self.variance + variance) if variance else 1.0
        return Estimate(self.mean + weight * (gain - self.mean), (1.0 - weight) * self.variance)

    def of_child(self, spread: float) -> Estimate:
        """Return what a child is likely to be that differs from this parent by so much, as a standard deviation."""
        return Estimate(self.mean, self.variance + spread * spread)


@dataclass(slots=True)
class Trial:
    """A program on hold.

    Args:
        claim: it, with the gains by which it is still a challenger.
        estimate: what it is likely to be worth, its first score included.
        threshold: log of the evidence that it takes.
        surprising: whether its score is too good to believe.
        limit: what its first gain may be taken for, having been found no better than others.
    """

    scored: Scored
    claim: Scored
    estimate: Estimate
    threshold: float = 0.0
    surprising: bool = False
    measured: Measured = field(default_factory=Measured)
    limit: float = math.inf
    looks: int = 0
    failed: bool = False

    def believed(self) -> Scored:
        """Return the program with the gains that its repeats allow, its first score while there are none."""
        gains = self.measured.mean or self.scored.gains
        return replace(self.scored, gains=(min(gains[0], self.limit), *gains[1:]))

    def yield_to(self, opponent: Scored) -> None:
        """Go on as a challenger of others only, being no better than this one in the first objective."""
        self.limit = math.nextafter(opponent.gains[0], -math.inf)
        self.claim = self.believed()


class Weighing:
    """Weighs repeats of a challenger against those of the program it challenges.

    Args:
        noise: what is known of it, by others.
        worth: the improvement that a trial is meant to find, in standard deviations of one score.
        most: repeats that a challenger may have before it is taken for no better.
    """

    def __init__(self, noise: Noise, *, worth: float, most: int) -> None:
        self._noise, self._worth, self._most = noise, worth, most

    def verdict(self, trial: Trial, theirs: Measured) -> Verdict:
        """Return what the repeats say on a noisy problem."""
        ours = trial.measured
        if trial.failed:
            return Verdict.CHEATED if trial.surprising else Verdict.NO_BETTER
        if ours.count and theirs.count and self._noise.freedom >= CALIBRATION:
            evidence, doubt, behind = self._compared(ours, theirs)
            if evidence >= trial.threshold:
                return Verdict.BETTER
            if doubt <= _GIVEN_UP:
                return Verdict.CHEATED if trial.surprising and behind else Verdict.NO_BETTER
        return Verdict.NO_BETTER if self.is_exhausted(trial) else Verdict.OPEN

    def is_exhausted(self, trial: Trial) -> bool:
        """Whether a challenger had all the repeats it may have."""
        return trial.measured.count >= self._most or trial.looks >= LOOKS * self._most

    def _compared(self, ours: Measured, theirs: Measured) -> tuple[float, float, bool]:
        """Return the log evidence that we are better, that of being better by what is worth it, and whether
        we are behind; in the first objective that is noisy or differs."""
        for index, (mine, other) in enumerate(zip(ours.mean, theirs.mean, strict=True)):
            mine_sd, other_sd = self._noise.cautious_sd(index, mine), self._noise.cautious_sd(index, other)
            variance = mine_sd**2 / ours.count + other_sd**2 / theirs.count
            if variance:
                scale = self._worth * max(mine_sd, other_sd)
                ahead = mine - other
                return log_evidence(ahead, variance, scale), log_doubt(ahead, variance, scale), ahead <= 0
            if mine != other:
                return (math.inf, math.inf, False) if mine > other else (-math.inf, -math.inf, True)
        return -math.inf, -math.inf, True
