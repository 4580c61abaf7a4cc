"""Stages of rising cost: a program is judged on the next one only if it earned it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from evolve.domain.evaluation import Evaluation, Outcome, missing_metrics
from evolve.domain.problem import Beside, Problem, Stage
from evolve.domain.program import automatic_features, fingerprint
from evolve.interfaces import Bar, Executor, Job, Verdict

Standard = Mapping[str, Mapping[str, float]]
"""What a program scored: stage -> metric -> value."""
Known = Callable[[str, str], Awaitable[Evaluation | None]]
"""Returns an earlier evaluation by stage and fingerprint of the files, if it would be the same again."""


async def nothing_known(stage: str, fingerprint: str) -> None:
    """A Known that has everything judged anew."""


class Cascade:
    """Judges programs stage by stage.

    Args:
        problem: what is judged, and its stages, cheap first.
        executor: where the judging happens.
        known: evaluations on record that need not be made again.
    """

    def __init__(self, problem: Problem, executor: Executor, known: Known = nothing_known) -> None:
        self._problem = problem
        self._executor = executor
        self._known = known
        self._judge_hash = problem.judge_hash()
        self._seed: Standard = {}

    def calibrate(self, seed_evaluations: Sequence[Evaluation]) -> None:
        """Remember what the seed scored: gates and bars are relative to it. Until then there are none."""
        self._seed = standard(seed_evaluations)

    async def evaluate(
        self, files: Mapping[str, str], done: Sequence[Evaluation] = (), best: Standard | None = None
    ) -> AsyncIterator[Evaluation]:
        """Yield the verdict of each stage that is not in ``done``, until one ends the cascade.

        ``best`` is what gates and bars beside the best are relative to; the seed where it says nothing.
        A verdict on record is taken over: ``reused``, in no time, and held against the gates of today.
        """
        finished = {evaluation.stage: evaluation for evaluation in done}
        mark = fingerprint(files)
        for stage in self._problem.stages:
            evaluation = finished.get(stage.name)
            if evaluation is None:
                known = await self._known(stage.name, mark)
                if known is not None:
                    evaluation = replace(known, repeat=0, seconds=0.0, reused=True)
                else:
                    evaluation = await self.judge(files, stage, best)
                evaluation = self._gated(stage, evaluation, best)
                yield evaluation
            if evaluation.outcome is not Outcome.VALID:
                return

    async def judge(self, files: Mapping[str, str], stage: Stage, best: Standard | None = None) -> Evaluation:
        """Judge a program on one stage, whatever the gates and the record say."""
        rule = stage.interim
        beside = self._standard(rule.beside, stage.name, rule.metric, best) if rule is not None else None
        if rule is None or beside is None:
            return self._evaluation(stage, files, await self._executor.judge(Job(self._problem, stage, files)))
        bar = Bar(rule.metric, rule.direction, rule.limit(beside.value))
        verdict = await self._executor.judge(Job(self._problem, stage, files, bar))
        if verdict.outcome is Outcome.REJECTED:
            value = verdict.metrics[bar.metric]
            why = f"Stopped during stage {stage.name!r}: {bar.metric} would at best be {value!r}, beside {beside}."
            verdict = replace(verdict, feedback=f"{why} {verdict.feedback}".strip())
        return self._evaluation(stage, files, verdict)

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
            metrics=metrics if outcome in (Outcome.VALID, Outcome.REJECTED) else {},
            feedback=feedback,
            artifacts=artifacts,
            per_instance=verdict.per_instance if outcome is Outcome.VALID else {},
            seconds=verdict.seconds,
        )

    def _gated(self, stage: Stage, evaluation: Evaluation, best: Standard | None) -> Evaluation:
        gate = stage.gate
        if gate is None or evaluation.outcome is not Outcome.VALID:
            return evaluation
        beside = self._standard(gate.beside, stage.name, gate.metric, best)
        value = evaluation.metrics[gate.metric]
        if beside is None or gate.passes(value, beside.value):
            return evaluation
        why = f"Stopped after stage {stage.name!r}: {gate.metric} {value!r} beside {beside}."
        return replace(evaluation, outcome=Outcome.REJECTED, feedback=f"{why} {evaluation.feedback}".strip())

    def _standard(self, beside: Beside, stage: str, metric: str, best: Standard | None) -> _Score | None:
        """Return the score that a program is measured by, or None while there is none."""
        for whose, scores in ((Beside.BEST, best), (Beside.SEED, self._seed)):
            value = (scores or {}).get(stage, {}).get(metric)
            if value is not None and (whose is beside or whose is Beside.SEED):
                return _Score(whose, value)
        return None


def standard(evaluations: Iterable[Evaluation]) -> Standard:
    """Return what a program scored on the stages that it passed; of several evaluations, the first."""
    scores: dict[str, Mapping[str, float]] = {}
    for evaluation in evaluations:
        if evaluation.outcome is Outcome.VALID:
            scores.setdefault(evaluation.stage, evaluation.metrics)
    return scores


@dataclass(frozen=True, slots=True)
class _Score:
    """Whose score, and what it is."""

    whose: Beside
    value: float

    def __str__(self) -> str:
        return f"the {self.whose}'s {self.value!r}"
