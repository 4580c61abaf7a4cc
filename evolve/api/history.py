"""The attempts of a run as a table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from evolve.api.table import Table
from evolve.controller.decisions import Ended, scored_of
from evolve.domain.objective import merit
from evolve.domain.problem import Problem
from evolve.domain.proposal import REPEATS, Attempt

COLUMNS = (
    "step", "parent", "island", "operator", "model", "outcome", "cause", "placed", "cell", "calls", "tokens",
    "cost_usd", "evaluation_s",
)  # fmt: skip
"""What every history has, before one column for each objective, and ``best``."""


def history_of(problem: Problem, attempts: Iterable[Attempt]) -> Table:
    """Return one row for each finished attempt.

    An objective's column holds its value in the judge's own units, None where the attempt made no valid program;
    ``best`` the value of the first objective of the best program so far, as programs were first judged.
    """
    names = [objective.name for objective in problem.objectives]
    columns: dict[str, list[Any]] = {name: [] for name in (*COLUMNS, *names, "best")}
    leader: tuple[float, ...] = ()
    best: float | None = None
    for attempt in attempts:
        scored = scored_of(problem, Ended.on_record(attempt))
        scores = problem.scores(scored.gains) if scored.valid else {}
        if scored.valid and attempt.selected.operator not in REPEATS and (not leader or merit(scored) > leader):
            leader, best = merit(scored), scores[names[0]]
        row = (*_fields(attempt), *(scores.get(name) for name in names), best)
        for values, value in zip(columns.values(), row, strict=True):
            values.append(value)
    return Table(columns)


def _fields(attempt: Attempt) -> tuple[Any, ...]:
    selected, finished, usage = attempt.selected, attempt.finished, attempt.usage
    return (
        selected.step,
        selected.choice.parent,
        selected.choice.island,
        selected.operator,
        selected.model,
        str(finished.outcome),
        finished.cause,
        bool(finished.placement),
        finished.cell,
        usage.calls,
        usage.tokens,
        usage.cost_usd,
        attempt.evaluation_s,
    )
