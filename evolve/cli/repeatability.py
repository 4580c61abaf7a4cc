"""How much the scores of one program differ: the seed against itself, in two sandboxes that share no process."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

from evolve import configuration, wiring
from evolve.cli.options import spread_data
from evolve.domain.evaluation import Evaluation, Outcome
from evolve.domain.problem import Problem, Stage
from evolve.domain.spread import Spread, student_t
from evolve.evaluation.cascade import Cascade

_ENOUGH_IF_EQUAL = 3
_WORTH_SHOWING = 0.01


@dataclass(frozen=True, slots=True)
class Repeated:
    """The verdicts of one stage on the seed, from the two sandboxes in turn, the first one beginning."""

    stage: Stage
    verdicts: tuple[Evaluation, ...]

    def values(self, metric: str) -> list[float]:
        """Return what was measured, in order; of verdicts that are VALID."""
        return [e.metrics[metric] for e in self.verdicts if metric in e.metrics]

    def sandboxes_agree(self, metric: str) -> bool:
        """Whether the sandboxes differ by no more than repeats in one of them do (95 %, Welch's t test)."""
        one, other = (Spread.of(self.values(metric)[turn::2]) for turn in (0, 1))
        variances = [s.sd**2 / s.count for s in (one, other)]
        if not any(variances):
            return one.mean == other.mean
        parts = sum(v**2 / (s.count - 1) for v, s in zip(variances, (one, other), strict=True) if s.count > 1)
        freedom = max(1, int(sum(variances) ** 2 / parts))
        return abs(one.mean - other.mean) <= student_t(freedom) * math.sqrt(sum(variances))


async def repeat_seed(problem: Problem, config: configuration.Config, repeats: int) -> list[Repeated]:
    """Judge the seed on every stage, one evaluation at a time so that they do not disturb each other.

    Ends a stage after three that are equal, and after the first that is not VALID.
    """
    alone = {**config, "executor": {**config["executor"], "width": 1, "spares": 0}}
    stages = (*problem.stages, problem.sealed) if problem.sealed else problem.stages
    async with AsyncExitStack() as resources:
        cascades = []
        for _ in range(2):
            executor = wiring.build_executor(alone, problem)
            await executor.start()
            resources.push_async_callback(executor.close)
            cascades.append(Cascade(problem, executor))
        return [Repeated(stage, await _verdicts(problem, cascades, stage, repeats)) for stage in stages]


async def _verdicts(
    problem: Problem, cascades: Sequence[Cascade], stage: Stage, repeats: int
) -> tuple[Evaluation, ...]:
    files = problem.seed().files
    verdicts: list[Evaluation] = []
    for number in range(repeats):
        verdicts.append(await cascades[number % len(cascades)].judge(files, stage))
        if verdicts[-1].outcome is not Outcome.VALID:
            break
        seen = {problem.vector(verdict.metrics) for verdict in verdicts}
        if len(seen) == 1 and len(verdicts) >= _ENOUGH_IF_EQUAL:
            break
    return tuple(verdicts)


def noise_rows(problem: Problem, repeated: Sequence[Repeated]) -> list[dict[str, object]]:
    """Return what is known of the noise of each objective at each stage; nothing of stages that failed."""
    rows = []
    for stage in repeated:
        for objective in problem.objectives:
            values = stage.values(objective.name)
            if len(values) < 2:
                continue
            spread = Spread.of(values)
            needed = spread.repeats_for(_WORTH_SHOWING * spread.mean)
            rows.append(
                {
                    "stage": stage.stage.name,
                    "objective": objective.name,
                    **spread_data(spread),
                    "relative_sd": _finite(spread.relative_sd),
                    "one_evaluation_shows": spread.detectable() if spread.sd else 0.0,
                    "repeats_for_1_percent": _finite(needed),
                    "sandboxes_agree": stage.sandboxes_agree(objective.name),
                }
            )
    return rows


def noise_line(row: dict[str, object]) -> str:
    """Say in a sentence what a row of ``noise_rows`` means."""
    where = f"{row['objective']} at stage {row['stage']}"
    if not row["sd"]:
        return f"{where}: no noise, {row['evaluations']} evaluations are equal."
    share = row["relative_sd"]
    relative = f" ({share:.2%})" if share is not None else ""
    needed = row["repeats_for_1_percent"]
    return (
        f"{where}: sd {row['sd']:.3g}{relative} over {row['evaluations']} evaluations; one evaluation of each shows "
        f"a difference of {row['one_evaluation_shows']:.3g}, one of 1 % takes {needed or 'any number of'} of each."
    )


def disagreements(rows: Sequence[dict[str, object]]) -> list[str]:
    """Return a finding for each objective on which two sandboxes differ by more than noise."""
    return [
        f"{row['objective']} at stage {row['stage']} differs from sandbox to sandbox by more than repeats do."
        for row in rows
        if not row["sandboxes_agree"]
    ]


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
