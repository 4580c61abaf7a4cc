"""What coding agents use of a run's budget, while their attempts are under way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from evolve.controller.budget import Budget, InFlight, Spent
from evolve.domain.proposal import NO_USAGE, Usage

_NO_LIMIT = float("inf")


class Ledger:
    """Decides whether an agent may have one thing more. What it grants counts at once, so no race gets past it.

    Args:
        budget: of the run.
        spent: what finished attempts and agents have used.
        in_flight: what is begun; the final evaluation of every open attempt is held back for it.
        elapsed_s: how long the run has been worked on.
        stopping: why the run begins nothing new, or an empty string.
        count: told of each evaluation, with its seconds.
    """

    def __init__(
        self,
        budget: Budget,
        *,
        spent: Callable[[], Spent],
        in_flight: Callable[[], InFlight],
        elapsed_s: Callable[[], float],
        stopping: Callable[[], str],
        count: Callable[[float], None],
    ) -> None:
        self.evaluating = 0
        self._budget = budget
        self._spent, self._in_flight, self._elapsed_s, self._stopping = spent, in_flight, elapsed_s, stopping
        self._count = count
        self._used: dict[int, Usage] = {}

    # ── evaluations ───────────────────────────────────────────────────────────────────────────
    def begin_evaluation(self) -> str:
        """Grant an evaluation; or return why there is none."""
        limit, spent = self._budget.evaluations, replace(self._spent(), wall_s=self._elapsed_s())
        if self._stopping():
            return f"the run is ending ({self._stopping()})"
        if limit is not None and spent.evaluations + self._in_flight().committed >= limit:
            return f"the run's budget of {limit} evaluations is used"
        for used, most, what in (
            (spent.wall_s, self._budget.wall_s, "seconds"),
            (spent.gpu_s, self._budget.gpu_s, "GPU-seconds"),
        ):
            if most is not None and used >= most:
                return f"the run's budget of {most:g} {what} is used"
        self.evaluating += 1
        return ""

    def end_evaluation(self, seconds: float) -> None:
        """Count an evaluation that was granted, however it ended."""
        self.evaluating -= 1
        self._count(seconds)

    # ── models and time ───────────────────────────────────────────────────────────────────────
    def refuses_call(self, step: int, usage: Usage) -> str:
        """Return why the session of an attempt may not have used this much, or an empty string."""
        spent, budget = self._spent(), self._budget
        others = [used for other, used in self._used.items() if other != step]
        for limit, used, what in (
            (budget.cost_usd, spent.cost_usd + sum(u.cost_usd for u in others) + usage.cost_usd, "dollars"),
            (budget.calls, spent.calls + sum(u.calls for u in others) + usage.calls, "model calls"),
            (budget.tokens, spent.tokens + sum(u.tokens for u in others) + usage.tokens, "tokens"),
        ):
            if limit is not None and used > limit:
                return f"the run's budget of {limit:g} {what} does not allow for it"
        self._used[step] = usage
        return ""

    def used(self, step: int, usage: Usage) -> None:
        """Note what the session of an attempt has used so far."""
        self._used[step] = usage

    def forget(self, step: int) -> None:
        """Leave an attempt out from now on, as it is counted with the finished ones."""
        self._used.pop(step, NO_USAGE)

    def wall_left_s(self) -> float:
        """Return how many seconds the run has left."""
        return _NO_LIMIT if self._budget.wall_s is None else max(0.0, self._budget.wall_s - self._elapsed_s())
