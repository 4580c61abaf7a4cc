"""How much a run may spend, and whether it has."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from evolve.errors import ConfigurationError

_ROUNDING = 1e-9  # a sum of many small prices may fall short of the limit by this share


@dataclass(frozen=True, slots=True)
class Spent:
    """What a run has used so far, over all its sessions. Names are those of the limits in Budget."""

    proposals: int = 0
    evaluations: int = 0
    cost_usd: float = 0.0
    wall_s: float = 0.0
    calls: int = 0
    tokens: int = 0
    gpu_s: float = 0.0


@dataclass(frozen=True, slots=True)
class InFlight:
    """What was begun and not yet counted.

    ``paying`` is how many attempts are asking a model, ``evaluations`` how many coding agents have made.
    """

    attempts: int = 0
    paying: int = 0
    evaluations: int = 0

    @property
    def committed(self) -> int:
        """How many evaluations that will be, at most."""
        return self.attempts + self.evaluations


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Limits of a run; None means no limit.

    Args:
        evaluations: programs whose evaluation ended, the seed and those of coding agents' sessions included.
        proposals: attempts, the rejected ones included.
        wall_s: seconds some controller worked on the run.
        cost_usd: dollars for model calls.
        calls: model calls; one that was sent several times counts once.
        tokens: of prompts and answers, as the providers count them.
        gpu_s: seconds of evaluation, times the GPUs that the problem asks for.
    """

    evaluations: int | None
    proposals: int | None
    wall_s: float | None
    cost_usd: float | None
    calls: int | None
    tokens: int | None
    gpu_s: float | None

    def __post_init__(self) -> None:
        for name, limit in asdict(self).items():
            if limit is not None and not limit > 0:
                raise ConfigurationError(
                    f"budget.{name}: expected a number above 0, or null for no limit, found {limit!r}."
                )

    def exhausted(self, spent: Spent, in_flight: InFlight, asked: int) -> str:
        """Return why no further attempt may start now, or an empty string.

        What is in flight counts as if it had already been spent, at the mean of those before it; ``asked``
        is how many attempts with a model have ended. While there is none, and its use is limited, one such
        attempt goes first.
        """
        for limit, committed, words in self._commitments(spent, in_flight, asked):
            if limit is not None and committed >= limit * (1 - _ROUNDING):
                return f"budget of {words} used"
        return ""

    def _commitments(self, spent: Spent, in_flight: InFlight, asked: int) -> Iterator[tuple[float | None, float, str]]:
        """Yield limit, what is spent or in flight, and the limit in words."""

        def with_paying(used: float) -> float:
            if not asked:
                return math.inf if in_flight.paying else used
            return used + in_flight.paying * used / asked

        gpu_s_each = spent.gpu_s / spent.evaluations if spent.evaluations else 0.0
        yield self.evaluations, spent.evaluations + in_flight.committed, f"{self.evaluations} evaluations"
        yield self.proposals, spent.proposals + in_flight.attempts, f"{self.proposals} proposals"
        yield self.wall_s, spent.wall_s, f"{self.wall_s or 0:g} s"
        yield self.cost_usd, with_paying(spent.cost_usd), f"${self.cost_usd or 0:g}"
        yield self.calls, with_paying(spent.calls), f"{self.calls} model calls"
        yield self.tokens, with_paying(spent.tokens), f"{self.tokens} tokens"
        yield self.gpu_s, spent.gpu_s + in_flight.attempts * gpu_s_each, f"{self.gpu_s or 0:g} GPU-seconds"

    def doubled(self, spent: Spent) -> str:
        """Return a setting that lifts the limit which is used up (or most used), as ``budget.NAME=VALUE``."""
        shares = [(used / limit, name, 2 * max(used, limit)) for name, used, limit in self._limits(spent)]
        _, name, larger = max(shares, default=(0.0, "wall_s", 600))
        return f"budget.{name}={math.ceil(larger) if larger > 100 else larger:.10g}"

    def share_used(self, spent: Spent) -> float:
        """Return how much of the tightest limit is used, 0 to 1; 0 when there is none."""
        return min(1.0, max((used / limit for _, used, limit in self._limits(spent)), default=0.0))

    def _limits(self, spent: Spent) -> Iterator[tuple[str, float, float]]:
        """Yield name, what is spent, and the limit, of those there are."""
        used = asdict(spent)
        yield from ((name, used[name], limit) for name, limit in asdict(self).items() if limit is not None)
