"""Which island, or trajectory, gets the next attempt."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from evolve.domain.evaluation import Scored
from evolve.errors import ConfigurationError
from evolve.search.parents import softmax

_SETTLED = 256
"""Attempts between two corrections of rounding and growth in the discounted sums."""
_PRIOR_ATTEMPTS = 4.0


class Allocation(Protocol):
    """Shares attempts out among islands. A fold over ``observe`` and ``found``; each search has its own."""

    def found(self, island: int) -> None:
        """Learn that an island begins, or begins anew; numbers are 0, 1, 2, ... without gaps."""

    def observe(self, island: int, improvement: float, scored: Scored) -> None:
        """Learn what an attempt did for its island's best.

        Args:
            improvement: share of all that the run has improved so far, 0 to 1.
            scored: the attempt, for its cost.
        """

    def draw(self, rng: np.random.Generator) -> int:
        """Return an island."""


class EvenAllocation:
    """Every island is as likely."""

    def __init__(self) -> None:
        self._islands = 0

    def found(self, island: int) -> None:
        """Count the island."""
        self._islands = max(self._islands, island + 1)

    def observe(self, island: int, improvement: float, scored: Scored) -> None:
        """Learn nothing."""

    def draw(self, rng: np.random.Generator) -> int:
        """Return any island."""
        return int(rng.random() * self._islands)


class UcbAllocation:
    """Improvement per cost lately, with a bonus for islands hardly tried.

    After AdaEvolve (arXiv:2602.20133) and BaSE (arXiv:2605.29268): the value of island k is
    r_k / max(r) + exploration * sqrt(ln(1 + N) / (1 + n_k)), where r_k is its discounted improvement over its
    discounted cost and n_k its discounted attempts, N their sum. They give the next attempt to the
    greatest value; here islands are drawn by the softmax of value / temperature, since attempts that are begun
    before others have ended would all go to one island.

    Args:
        exploration: weight of the bonus.
        temperature: small ones come near the greatest value alone.
        half_life: attempts of the run after which a result counts half.
        usd_per_second: price of evaluation time beside that of model calls; null: every attempt costs the same.
    """

    def __init__(
        self, *, exploration: float, temperature: float, half_life: float, usd_per_second: float | None
    ) -> None:
        for name, value in (("temperature", temperature), ("half_life", half_life)):
            if not value > 0:
                raise ConfigurationError(f"allocation.{name}: expected a number above 0, found {value}.")
        for name, least in (("exploration", exploration), ("usd_per_second", usd_per_second or 0.0)):
            if not least >= 0:
                raise ConfigurationError(f"allocation.{name}: expected at least 0, found {least}.")
        self._exploration, self._temperature = exploration, temperature
        self._decay = 0.5 ** (1.0 / half_life)
        self._usd_per_second = usd_per_second
        self._sums: NDArray[np.float64] = np.zeros((3, 0))  # rows: attempts, improvement, cost; a column an island
        self._weight = 1.0
        self._since_settled = 0
        self._cumulative: NDArray[np.float64] | None = None

    def found(self, island: int) -> None:
        """Forget what was known of an island of this number."""
        if island == self._sums.shape[1]:
            self._sums = np.hstack([self._sums, np.zeros((3, 1))])
        self._sums[:, island] = 0.0
        self._cumulative = None

    def observe(self, island: int, improvement: float, scored: Scored) -> None:
        """Note improvement and cost; new results grow in weight instead of old ones shrinking."""
        self._weight /= self._decay
        weight, sums = self._weight, self._sums
        sums[0, island] += weight
        sums[1, island] += improvement * weight
        sums[2, island] += self._cost(scored) * weight
        self._cumulative = None
        self._since_settled += 1
        if self._since_settled >= _SETTLED or self._weight > 1e100:
            self._sums /= self._weight
            self._weight, self._since_settled = 1.0, 0

    def draw(self, rng: np.random.Generator) -> int:
        """Draw an island by the softmax of the values."""
        if self._cumulative is None:
            self._cumulative = self.chances().cumsum()
        drawn = int(self._cumulative.searchsorted(rng.random() * self._cumulative[-1], side="right"))
        return min(drawn, len(self._cumulative) - 1)

    def chances(self) -> NDArray[np.float64]:
        """Return the chance of each island. One hardly tried is thought to earn what all do on average."""
        attempts, improvement, cost = self._sums / self._weight
        usual_cost = (float(cost.sum()) or 1.0) / (float(attempts.sum()) or 1.0)
        usual_gain = float(improvement.sum()) / (float(attempts.sum()) or 1.0)
        rates = (improvement + _PRIOR_ATTEMPTS * usual_gain) / (cost + _PRIOR_ATTEMPTS * usual_cost)
        means = rates / rates.max() if rates.max() > 0 else np.zeros_like(rates)
        bonus = np.sqrt(np.log1p(attempts.sum()) / (1.0 + attempts))
        return softmax((means + self._exploration * bonus) / self._temperature)

    def _cost(self, scored: Scored) -> float:
        if self._usd_per_second is None:
            return 1.0
        return scored.cost_usd + scored.seconds * self._usd_per_second
