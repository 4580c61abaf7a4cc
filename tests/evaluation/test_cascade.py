from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from evolve.domain.evaluation import Evaluation, Outcome
from evolve.domain.objective import Constraint
from evolve.domain.problem import Problem
from evolve.domain.program import AUTOMATIC
from evolve.evaluation.cascade import Cascade
from evolve.interfaces import Job, Verdict

FILES = {"program.py": "x = 1\n"}
YAML = """
statement: Anything.
objectives: [{name: cost, direction: minimize}]
features: [{name: program_lines, low: 0, high: 10, bins: 5}]
stages:
  - {name: quick, timeout_s: 1, gate: {metric: cost, factor_of_seed: 1.5}}
  - {name: full, timeout_s: 1}
"""


@pytest.fixture
def staged(tmp_path: Path) -> Problem:
    (tmp_path / "seed").mkdir()
    (tmp_path / "seed" / "program.py").write_text("x = 1\n")
    (tmp_path / "evaluate.py").write_text("def evaluate(candidate, stage, params): ...\n")
    (tmp_path / "problem.yaml").write_text(YAML)
    return Problem.load(tmp_path)


class Verdicts:
    """An executor that gives prepared verdicts by stage and remembers what it was asked."""

    width = 1

    def __init__(self, **by_stage: Verdict) -> None:
        self._by_stage = by_stage
        self.asked: list[str] = []

    async def start(self) -> None:
        """Nothing to start."""

    async def judge(self, job: Job) -> Verdict:
        self.asked.append(job.stage.name)
        return self._by_stage[job.stage.name]

    async def close(self) -> None:
        """Nothing to close."""


def valid(cost: float, **extra: float) -> Verdict:
    return Verdict(Outcome.VALID, metrics={"cost": cost, **extra}, feedback="fine")


async def judged(cascade: Cascade, done: Sequence[Evaluation] = ()) -> list[Evaluation]:
    return [evaluation async for evaluation in cascade.evaluate(FILES, done)]


def seed_scores(cost: float) -> list[Evaluation]:
    return [Evaluation("quick", Outcome.VALID, "h", metrics={"cost": cost})]


async def test_all_stages_run_and_programs_get_their_automatic_features(staged: Problem) -> None:
    evaluations = await judged(Cascade(staged, Verdicts(quick=valid(9.0), full=valid(2.0))))
    assert [(e.stage, e.outcome) for e in evaluations] == [("quick", Outcome.VALID), ("full", Outcome.VALID)]
    features = {name: value for name, value in evaluations[1].metrics.items() if name in AUTOMATIC}
    assert tuple(features) == AUTOMATIC
    assert (features["program_lines"], features["program_bytes"]) == (1.0, 6.0)
    assert evaluations[1].metrics == {**features, "cost": 2.0}


@pytest.mark.parametrize(("cost", "outcome"), [(3.0, Outcome.VALID), (3.01, Outcome.REJECTED)])
async def test_a_gate_is_relative_to_the_seed(staged: Problem, cost: float, outcome: Outcome) -> None:
    executor = Verdicts(quick=valid(cost), full=valid(1.0))
    cascade = Cascade(staged, executor)
    cascade.calibrate(seed_scores(2.0))
    evaluations = await judged(cascade)
    assert evaluations[0].outcome is outcome
    assert executor.asked == (["quick", "full"] if outcome is Outcome.VALID else ["quick"])
    assert evaluations[0].metrics["cost"] == cost


async def test_stages_that_are_on_record_are_not_judged_again(staged: Problem) -> None:
    executor = Verdicts(full=valid(1.0))
    evaluations = await judged(Cascade(staged, executor), seed_scores(2.0))
    assert executor.asked == ["full"]
    assert [e.stage for e in evaluations] == ["full"]


@pytest.mark.parametrize("outcome", [Outcome.INVALID, Outcome.CRASHED, Outcome.TIMED_OUT, Outcome.INFRASTRUCTURE])
async def test_a_failure_ends_the_cascade_without_numbers(staged: Problem, outcome: Outcome) -> None:
    failed = Verdict(outcome, metrics={"cost": 0.0}, feedback="no", log="printed this", per_instance={"a": 1.0})
    executor = Verdicts(quick=failed, full=valid(1.0))
    (evaluation,) = await judged(Cascade(staged, executor))
    assert evaluation.outcome is outcome
    assert (evaluation.metrics, evaluation.per_instance) == ({}, {})
    assert evaluation.artifacts["output"] == b"printed this"
    assert executor.asked == ["quick"]


async def test_a_metric_that_a_constraint_needs_must_be_reported(staged: Problem) -> None:
    bounded = replace(staged, constraints=(Constraint("speed", at_least=1.0),))
    (evaluation,) = await judged(Cascade(bounded, Verdicts(quick=valid(9.0))))
    assert (evaluation.outcome, evaluation.metrics) == (Outcome.INVALID, {})
    assert "'speed', declared as constraint" in evaluation.feedback


@pytest.mark.parametrize("metrics", [{}, {"price": 1.0}, {"cost": float("nan")}, {"cost": float("inf")}])
async def test_a_missing_or_unusable_objective_is_invalid_and_named(staged: Problem, metrics: dict[str, float]) -> None:
    (evaluation,) = await judged(Cascade(staged, Verdicts(quick=Verdict(Outcome.VALID, metrics=metrics))))
    assert evaluation.outcome is Outcome.INVALID
    assert "'cost'" in evaluation.feedback
    assert evaluation.metrics == {}
