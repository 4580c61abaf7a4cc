"""How far a run is, for a script that watches it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from evolve.controller.loop import Loop
from evolve.domain.problem import Problem


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is.

    Args:
        run: its id.
        proposals, evaluations, calls, tokens: how many so far, over all sessions.
        cost_usd: dollars for model calls.
        wall_s: seconds some controller has worked on it.
        in_flight: attempts that are begun and not finished.
        step, scores: the best program so far, and its objectives in the judge's own units; None and empty before
            there is one.
        away: why the store is away and the run waits; empty while it is not.
    """

    run: str
    proposals: int
    evaluations: int
    calls: int
    tokens: int
    cost_usd: float
    wall_s: float
    in_flight: int
    step: int | None
    scores: Mapping[str, float]
    away: str


def snapshot(run: str, problem: Problem, loop: Loop) -> Progress:
    """Return how far a loop is."""
    spent, best = loop.progress.spent, loop.progress.best
    return Progress(
        run=run,
        proposals=spent.proposals,
        evaluations=spent.evaluations,
        calls=spent.calls,
        tokens=spent.tokens,
        cost_usd=spent.cost_usd,
        wall_s=loop.elapsed_s(),
        in_flight=loop.in_flight().attempts,
        step=best.step if best is not None else None,
        scores=problem.scores(best.gains) if best is not None else {},
        away=loop.away,
    )
