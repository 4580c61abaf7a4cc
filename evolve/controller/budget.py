"""How much a run may spend, and whether it has."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

from evolve.errors import ConfigurationError

_ROUNDING = 1e-9  # a sum of many small prices may fall short of the limit by this share


@dataclass(frozen=True, slots=True)
class Spent:
    """What a run has used so far, over all its sessions."""

    proposals: int = 0
    evaluations: int = 0
    cost_usd: float = 0.0
    elapsed_s: float = 0.0


@dataclass(frozen=True, slots=True)
class InFlight:
    """What was begun and not yet counted. ``paying`` is how many attempts are asking a model."""

    attempts: int = 0
    paying: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Limits of a run; None means no limit.

    Args:
        evaluations: programs whose evaluation ended, the seed included.
        proposals: attempts, the rejected ones included.
        wall_s: seconds some controller worked on the run.
        cost_usd: dollars for model calls.
    """

    evaluations: int | None
    proposals: int | None
    wall_s: float | None
    cost_usd: float | None

    def __post_init__(self) -> None:
        for name, limit in asdict(self).items():
            if limit is not None and not limit > 0:
                raise ConfigurationError(
                    f"budget.{name}: expected a number above 0, or null for no limit, found {limit!r}."
                )

    def exhausted(self, spent: Spent, in_flight: InFlight, mean_attempt_usd: float | None) -> str:
        """Return why no further attempt may start now, or an empty string.

        What is in flight counts as if it had already been spent, an attempt that asks a model at
        the mean price of those before it. While no price is known (None) one such attempt goes
        first.
        """
        if self.evaluations is not None and spent.evaluations + in_flight.attempts >= self.evaluations:
            return f"budget of {self.evaluations} evaluations used"
        if self.proposals is not None and spent.proposals + in_flight.attempts >= self.proposals:
            return f"budget of {self.proposals} proposals used"
        if self.wall_s is not None and spent.elapsed_s >= self.wall_s:
            return f"budget of {self.wall_s:g} s used"
        committed_usd = self._committed_usd(spent, in_flight, mean_attempt_usd)
        if self.cost_usd is not None and committed_usd >= self.cost_usd * (1 - _ROUNDING):
            return f"budget of ${self.cost_usd:g} used"
        return ""

    def doubled(self, spent: Spent) -> str:
        """Return a setting that lifts the limit which is used up (or most used), as ``budget.NAME=VALUE``."""
        limits = (
            ("evaluations", spent.evaluations, self.evaluations),
            ("proposals", spent.proposals, self.proposals),
            ("wall_s", math.ceil(spent.elapsed_s), self.wall_s),
            ("cost_usd", spent.cost_usd, self.cost_usd),
        )
        shares = [(used / limit, name, 2 * max(used, limit)) for name, used, limit in limits if limit is not None]
        _, name, larger = max(shares, default=(0.0, "wall_s", 600))
        return f"budget.{name}={larger:g}" if isinstance(larger, float) else f"budget.{name}={larger}"

    def _committed_usd(self, spent: Spent, in_flight: InFlight, mean_attempt_usd: float | None) -> float:
        if mean_attempt_usd is None:
            return math.inf if in_flight.paying else spent.cost_usd
        return spent.cost_usd + in_flight.paying * mean_attempt_usd

    def share_used(self, spent: Spent) -> float:
        """Return how much of the tightest limit is used, 0 to 1; 0 when there is none."""
        pairs = (
            (spent.evaluations, self.evaluations),
            (spent.proposals, self.proposals),
            (spent.elapsed_s, self.wall_s),
            (spent.cost_usd, self.cost_usd),
        )
        return min(1.0, max((used / limit for used, limit in pairs if limit), default=0.0))
