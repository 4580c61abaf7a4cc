"""Stages of rising cost: a program is judged on the next one only if it earned it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence

from evolve.domain.evaluation import Evaluation, Outcome, missing_metrics
from evolve.domain.problem import Problem, Stage
from evolve.domain.program import automatic_features
from evolve.interfaces import Executor, Job, Verdict


class Cascade:
    """Judges programs stage by stage.

    Args:
        problem: what is judged, and its stages, cheap first.
        executor: where the judging happens.
    """

    def __init__(self, problem: Problem, executor: Executor) -> None:
        self._problem = problem
        self._executor = executor
        self._judge_hash = problem.judge_hash()
        self._seed: dict[str, Mapping[str, float]] = {}

    def calibrate(self, seed_evaluations: Sequence[Evaluation]) -> None:
        """Remember what the seed scored: gates are relative to it. Until then every gate is open."""
        self._seed = {evaluation.stage: evaluation.metrics for evaluation in seed_evaluations}

    async def evaluate(self, files: Mapping[str, str], done: Sequence[Evaluation] = ()) -> AsyncIterator[Evaluation]:
        """Yield the verdict of each stage that is not in ``done``, until one ends the cascade."""
        finished = {evaluation.stage: evaluation for evaluation in done}
        for stage in self._problem.stages:
            evaluation = finished.get(stage.name)
            if evaluation is None:
                evaluation = await self.judge(files, stage)
                evaluation = self._gated(stage, evaluation)
                yield evaluation
            if evaluation.outcome is not Outcome.VALID:
                return

    async def judge(self, files: Mapping[str, str], stage: Stage) -> Evaluation:
        """Judge a program on one stage, whatever the gates say."""
        return self._evaluation(stage, files, await self._executor.judge(Job(self._problem, stage, files)))

    def _evaluation(self, stage: Stage, files: Mapping[str, str], verdict: Verdict) -> Evaluation:
        outcome, feedback, metrics = verdict.outcome, verdict.feedback, dict(verdict.metrics)
        if outcome is Outcome.VALID:
            metrics = {**automatic_features(files, self._problem.language), **metrics}
            problem = self._problem
            missing = missing_metrics(metrics, problem.objectives, problem.features, problem.constraints)
            if missing:
                outcome, feedback, metrics = Outcome.INVALID, f"{missing} {feedback}".strip(), {}
        artifacts = dict(verdict.artifacts)
        if verdict.log and outcome is not Outcome.VALID:
            artifacts["output"] = verdict.log.encode("utf-8", "replace")
        return Evaluation(
            stage=stage.name,
            outcome=outcome,
            judge_hash=self._judge_hash,
            metrics=metrics if outcome is Outcome.VALID else {},
            feedback=feedback,
            artifacts=artifacts,
            per_instance=verdict.per_instance if outcome is Outcome.VALID else {},
            seconds=verdict.seconds,
        )

    def _gated(self, stage: Stage, evaluation: Evaluation) -> Evaluation:
        gate, seed = stage.gate, self._seed.get(stage.name)
        if gate is None or seed is None or evaluation.outcome is not Outcome.VALID:
            return evaluation
        value = evaluation.metrics[gate.metric]
        if gate.passes(value, seed[gate.metric]):
            return evaluation
        why = f"Stopped after stage {stage.name!r}: {gate.metric} {value!r} beside the seed's {seed[gate.metric]!r}."
        return Evaluation(
            stage=evaluation.stage,
            outcome=Outcome.REJECTED,
            judge_hash=evaluation.judge_hash,
            metrics=evaluation.metrics,
            feedback=f"{why} {evaluation.feedback}".strip(),
            artifacts=evaluation.artifacts,
            per_instance=evaluation.per_instance,
            seconds=evaluation.seconds,
        )
