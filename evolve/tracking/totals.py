"""What attempts come to, one after another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from evolve.domain.evaluation import Outcome
from evolve.domain.objective import Objective
from evolve.domain.problem import SEALED
from evolve.domain.proposal import NO_USAGE, REPEATS, Attempt, Completed, Evaluated, Usage
from evolve.domain.questions import AttemptRow
from evolve.interfaces import Entry, Totals


def after_attempt(totals: Totals, attempt: Attempt, objectives: Sequence[Objective]) -> Totals:
    """Return the totals with a finished attempt of the history."""
    evaluation = attempt.evaluation
    first = attempt.selected.operator not in REPEATS and attempt.finished.outcome is Outcome.VALID
    values = evaluation.metrics if evaluation is not None and first else {}
    return _added(totals, attempt.usage, attempt.evaluation_s, evaluation is not None, values, objectives)


def after_row(totals: Totals, row: AttemptRow, entries: Sequence[Entry], objectives: Sequence[Objective]) -> Totals:
    """Return the totals with a finished attempt, from everything on record of it."""
    usage, seconds, judged = NO_USAGE, 0.0, False
    for entry in entries:
        match entry.record:
            case Completed(_, _, answer):
                tokens = usage.tokens + answer.prompt_tokens + answer.completion_tokens
                usage = Usage(usage.calls + 1, tokens, usage.cost_usd + answer.cost_usd)
            case Evaluated(_, evaluation):
                judged = True
                seconds += evaluation.seconds if evaluation.stage != SEALED else 0.0
    values = row.values if row.operator not in REPEATS else {}
    return _added(totals, usage, seconds, judged, values, objectives)


def _added(
    totals: Totals,
    usage: Usage,
    seconds: float,
    judged: bool,
    values: Mapping[str, float],
    objectives: Sequence[Objective],
) -> Totals:
    best = dict(totals.best)
    for objective in objectives:
        value = values.get(objective.name)
        if value is not None and _is_better(objective, value, best.get(objective.name)):
            best[objective.name] = value
    return Totals(
        attempts=totals.attempts + 1,
        evaluations=totals.evaluations + judged,
        calls=totals.calls + usage.calls,
        tokens=totals.tokens + usage.tokens,
        cost_usd=totals.cost_usd + usage.cost_usd,
        evaluation_s=totals.evaluation_s + seconds,
        best=best,
    )


def _is_better(objective: Objective, value: float, best: float | None) -> bool:
    return best is None or objective.gain(value) > objective.gain(best)
