"""Which operator makes the next proposal, and with which model: by improvement per dollar.

An arm is an operator with a model. What an attempt earns is its grade's reward: nothing when the
answer was unusable or the child no better than its parent, else the child's rank among recent
children. What it costs is the money for its model calls, plus its evaluation time at a price, so
that attempts without a model are cheap but not free.

Arms are drawn by discounted Thompson sampling (Raj and Kalyani 2017, "Taming non-stationary
bandits"): each arm's mean reward is drawn from a Beta distribution over what it earned lately, and
the arm with the most reward per expected dollar is chosen. Sampling spreads attempts that are in
flight at once over arms that may be the best, where an upper confidence bound sends them all to
one. Two things keep it from certainty that it has no right to: what is known fades with a half-life,
and a share of the draws follows the configured weights. That share is 1 at the start, so a run
begins as the fixed mix, and never falls below ``explore``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evolve.domain.evaluation import Scored
from evolve.domain.program import Program
from evolve.errors import ConfigurationError
from evolve.interfaces import Arm, Operator
from evolve.mutation.arms import Share, drawn
from evolve.mutation.credit import Grade, Grader
from evolve.mutation.mix import OperatorMix

_PRIOR_ATTEMPTS = 4.0
_PRIOR_REWARD = 0.1
_SHORTEST_S = 1.0
_SETTLED = 256
"""Attempts between two corrections of rounding and growth in the discounted sums."""

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ArmStatus:
    """An arm for people: its recent attempts (old ones count less) and their means."""

    arm: Arm
    attempts: float
    usable: float
    reward: float
    cost_usd: float


class OperatorBandit:
    """Operators and models by improvement per dollar; implements Chooser.

    Models of the strong tier are asked by the operators that want them. When no objective has
    reached a new record for ``patience`` attempts, other operators ask them too, in a share of the
    draws that grows to ``stuck_share`` over another ``patience`` attempts.

    Args:
        mix: the arms, and the configured shares to start from.
        usd_per_evaluation_second: the price of evaluation time. An attempt costs that of a second at
            least, since it occupies a place in the queue.
        half_life: attempts after which an observation counts half.
        explore: least share of the draws that follow the configured weights.
        warmup: attempts after which half of the draws follow what was learned.
        cost_power: 1 for improvement per dollar, 0 for improvement whatever it costs.
        patience: attempts without a record before strong models are tried; 0 for never.
        stuck_share: largest share of the draws that go to strong models then.
    """

    def __init__(
        self,
        mix: OperatorMix,
        *,
        usd_per_evaluation_second: float = 0.001,
        half_life: float = 300,
        explore: float = 0.05,
        warmup: float = 20,
        cost_power: float = 1.0,
        patience: int = 50,
        stuck_share: float = 0.3,
    ) -> None:
        _check(usd_per_evaluation_second, half_life, {"explore": explore, "stuck_share": stuck_share})
        self._mix = mix
        self._usd_per_s = usd_per_evaluation_second
        self._decay = 0.5 ** (1.0 / half_life)
        self._explore = explore
        self._warmup = warmup
        self._cost_power = cost_power
        self._patience = patience
        self._stuck_share = stuck_share
        self._grader = Grader()
        self._attempts = 0
        self._since_record = 0
        self._evidence = _Evidence([*mix.arms.usual, *mix.arms.unusual], usd_per_evaluation_second * _SHORTEST_S)
        self._usual = _Pool(mix.arms.usual, self._evidence)
        self._unusual = _Pool(mix.arms.unusual, self._evidence)

    @property
    def names(self) -> Collection[str]:
        """Names of the operators that can propose in this run."""
        return self._mix.names

    def choose(self, rng: np.random.Generator) -> Arm:
        """Draw an arm."""
        stuck = self.stagnation * self._stuck_share
        pool = self._unusual if self._unusual.shares and rng.random() < stuck else self._usual
        by_weights = max(self._explore, self._warmup / (self._warmup + self._attempts) if self._warmup else 0.0)
        if len(pool.shares) == 1 or rng.random() < by_weights:
            return drawn(pool.shares, rng)
        return pool.sampled(rng, self._cost_power)

    def observe(self, scored: Scored, program: Program | None) -> None:
        """Learn from an attempt, and show it to every operator."""
        self._mix.observe(scored, program)
        grade = self._grader.grade(scored)
        if grade is None:
            return
        index = self._evidence.index.get(Arm(scored.operator, scored.model))
        if grade.record:
            self._since_record = 0
        elif index is not None:
            self._since_record += 1
        if index is not None:
            cost_usd = scored.cost_usd + max(scored.seconds, _SHORTEST_S) * self._usd_per_s
            self._evidence.add(index, grade, cost_usd, self._decay)
            self._attempts += 1

    @property
    def stagnation(self) -> float:
        """0 while records fall, up to 1 when none has fallen for twice the patience."""
        if not self._patience:
            return 0.0
        return min(1.0, max(0.0, self._since_record / self._patience - 1.0))

    def status(self) -> Sequence[ArmStatus]:
        """Return what is known of each arm, in a stable order."""
        return self._evidence.status()

    def arm(self, name: str, rng: np.random.Generator) -> Arm:
        """Return the operator of this name with a model of its tier. Raises ConfigurationError."""
        return self._mix.arm(name, rng)

    def named(self, name: str) -> Operator:
        """Return the operator of this name, for redoing an attempt whose operator is on record."""
        return self._mix.named(name)

    def asks_model(self, name: str) -> bool:
        """Whether the operator of this name pays for model calls."""
        return self._mix.asks_model(name)


class _Evidence:
    """Discounted sums per arm: attempts, usable ones, rewards, dollars.

    New observations grow in weight instead of old ones shrinking, so that one is added in constant
    time; now and then everything is scaled back.
    """

    def __init__(self, shares: Sequence[Share], floor_usd: float) -> None:
        self.arms = list(dict.fromkeys(share.arm for share in shares))
        self.index: Mapping[Arm, int] = {arm: place for place, arm in enumerate(self.arms)}
        asks = [bool(arm.model) for arm in self.arms]
        self._kinds = np.array(
            [asks, np.logical_not(asks)], dtype=float
        )  # (kinds, arms), 1 where the arm is of the kind
        self._sums = np.zeros((4, len(self.arms)))
        self._weight = 1.0
        self._since_settled = 0
        self._floor_usd = floor_usd

    def add(self, place: int, grade: Grade, cost_usd: float, decay: float) -> None:
        self._weight /= decay
        self._sums[:, place] += np.array([1.0, grade.usable, grade.reward, cost_usd]) * self._weight
        self._since_settled += 1
        if self._since_settled >= _SETTLED or self._weight > 1e100:
            self._sums /= self._weight
            self._weight, self._since_settled = 1.0, 0

    def beliefs(self) -> tuple[Vector, Vector, Vector]:
        """Return the parameters of each arm's Beta distribution, and its expected cost in dollars.

        The prior mean is what all arms together earn per usable attempt, times the arm's own share of
        usable ones: that share is known long before enough children have been better than their parents.
        """
        attempts, usable, reward, cost = self._sums / self._weight
        tried, used, earned, _ = (self._sums.sum(axis=1) / self._weight).tolist()
        per_usable = (earned + _PRIOR_REWARD * _PRIOR_ATTEMPTS) / (used + _PRIOR_ATTEMPTS)
        usable_share = (used + _PRIOR_ATTEMPTS) / (tried + _PRIOR_ATTEMPTS)
        own_share = (usable + _PRIOR_ATTEMPTS * usable_share) / (attempts + _PRIOR_ATTEMPTS)
        prior = _PRIOR_ATTEMPTS * per_usable * own_share
        wins = prior + reward
        losses = (_PRIOR_ATTEMPTS - prior) + (attempts - reward)
        return wins, np.maximum(losses, 1e-6), self._costs(attempts, cost)

    def _costs(self, attempts: Vector, cost: Vector) -> Vector:
        """An arm that was never tried is thought to cost what others of its kind do."""
        usual = (self._kinds @ cost + self._floor_usd) / (self._kinds @ attempts + 1.0)
        expected: Vector = np.maximum((cost + usual @ self._kinds) / (attempts + 1.0), self._floor_usd)
        return expected

    def status(self) -> list[ArmStatus]:
        attempts, usable, reward, cost = (self._sums / self._weight).tolist()
        found = []
        for place, arm in enumerate(self.arms):
            count = attempts[place] or 1.0
            means = (usable[place] / count, reward[place] / count, cost[place] / count)
            found.append(ArmStatus(arm, attempts[place], *means))
        return found


class _Pool:
    """The arms of one draw."""

    def __init__(self, shares: Sequence[Share], evidence: _Evidence) -> None:
        self.shares = shares
        self._evidence = evidence
        self._places = np.array([evidence.index[share.arm] for share in shares], dtype=np.intp)

    def sampled(self, rng: np.random.Generator, cost_power: float) -> Arm:
        wins, losses, cost_usd = self._evidence.beliefs()
        sampled = rng.beta(wins[self._places], losses[self._places])
        value = sampled / (cost_usd[self._places] if cost_power == 1 else cost_usd[self._places] ** cost_power)
        return self.shares[int(value.argmax())].arm


def _check(usd_per_evaluation_second: float, half_life: float, shares: Mapping[str, float]) -> None:
    if not usd_per_evaluation_second > 0:
        raise ConfigurationError(
            f"usd_per_evaluation_second: expected a number above 0, found {usd_per_evaluation_second}; "
            "arms that cost nothing would take every proposal."
        )
    if not half_life > 0:
        raise ConfigurationError(f"half_life: expected a number above 0, found {half_life}.")
    for name, share in shares.items():
        if not 0 <= share <= 1:
            raise ConfigurationError(f"{name}: expected a number from 0 to 1, found {share}.")
