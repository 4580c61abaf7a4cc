from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from evolve.domain.evaluation import Evaluation, Outcome
from evolve.domain.objective import Constraint, Direction
from evolve.domain.problem import Problem
from evolve.domain.program import AUTOMATIC, fingerprint
from evolve.evaluation.cascade import Cascade
from evolve.interfaces import Bar, Job, Verdict

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
        self.jobs: list[Job] = []

    async def start(self) -> None:
        """Nothing to start."""

    async def judge(self, job: Job) -> Verdict:
        self.asked.append(job.stage.name)
        self.jobs.append(job)
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


# ── bars ──────────────────────────────────────────────────────────────────────────────────────
INTERIM = YAML.replace(
    "- {name: full, timeout_s: 1}", "- {name: full, timeout_s: 1, interim: {metric: cost, slack: 0.25, beside: %s}}"
)
BEST = {"quick": {"cost": 1.0}, "full": {"cost": 4.0}}


def with_interim(problem: Problem, beside: str) -> Problem:
    (problem.folder / "problem.yaml").write_text(INTERIM % beside)
    return Problem.load(problem.folder)


@pytest.mark.parametrize(("beside", "limit"), [("best", 5.0), ("seed", 10.0)])
async def test_a_stage_gets_its_bar_from_the_best_or_the_seed(staged: Problem, beside: str, limit: float) -> None:
    executor = Verdicts(quick=valid(1.0), full=valid(2.0))
    cascade = Cascade(with_interim(staged, beside), executor)
    cascade.calibrate([Evaluation("full", Outcome.VALID, "h", metrics={"cost": 8.0})])
    assert [e.outcome async for e in cascade.evaluate(FILES, best=BEST)] == [Outcome.VALID] * 2
    assert [job.bar for job in executor.jobs] == [None, Bar("cost", Direction.MINIMIZE, limit)]


async def test_a_bar_beside_the_best_falls_back_on_the_seed_and_the_seed_on_none(staged: Problem) -> None:
    executor = Verdicts(quick=valid(1.0), full=valid(2.0))
    cascade = Cascade(with_interim(staged, "best"), executor)
    await judged(cascade)
    cascade.calibrate([Evaluation("full", Outcome.VALID, "h", metrics={"cost": 8.0})])
    await judged(cascade)
    bars = [job.bar for job in executor.jobs if job.stage.name == "full"]
    assert bars == [None, Bar("cost", Direction.MINIMIZE, 10.0)]


async def test_what_was_stopped_says_at_which_value_beside_which_score(staged: Problem) -> None:
    stopped = Verdict(Outcome.REJECTED, metrics={"cost": 7.5}, seconds=0.5)
    cascade = Cascade(with_interim(staged, "best"), Verdicts(quick=valid(1.0), full=stopped))
    evaluation = [e async for e in cascade.evaluate(FILES, best=BEST)][-1]
    assert (evaluation.outcome, evaluation.metrics, evaluation.seconds) == (Outcome.REJECTED, {"cost": 7.5}, 0.5)
    assert "cost would at best be 7.5, beside the best's 4.0" in evaluation.feedback


@pytest.mark.parametrize(("cost", "outcome"), [(2.0, Outcome.VALID), (2.01, Outcome.REJECTED)])
async def test_a_gate_may_be_relative_to_the_best(staged: Problem, cost: float, outcome: Outcome) -> None:
    (staged.folder / "problem.yaml").write_text(YAML.replace("factor_of_seed: 1.5", "factor_of_best: 2"))
    cascade = Cascade(Problem.load(staged.folder), Verdicts(quick=valid(cost), full=valid(1.0)))
    cascade.calibrate(seed_scores(100.0))
    first, *_ = [e async for e in cascade.evaluate(FILES, best=BEST)]
    assert first.outcome is outcome
    assert ("beside the best's 1.0" in first.feedback) == (outcome is Outcome.REJECTED)


# ── the record ────────────────────────────────────────────────────────────────────────────────
async def test_what_is_known_is_taken_over_and_held_against_today_s_gate(staged: Problem) -> None:
    on_record = Evaluation("quick", Outcome.VALID, "h", repeat=2, metrics={"cost": 3.0}, feedback="fine", seconds=9.0)
    asked: list[tuple[str, str]] = []

    async def known(stage: str, mark: str) -> Evaluation | None:
        asked.append((stage, mark))
        return on_record if stage == "quick" else None

    executor = Verdicts(full=valid(1.0))
    cascade = Cascade(staged, executor, known)
    first, second = await judged(cascade)
    assert first == replace(on_record, repeat=0, seconds=0.0, reused=True)
    assert not second.reused
    assert asked == [("quick", fingerprint(FILES)), ("full", fingerprint(FILES))]
    cascade.calibrate(seed_scores(1.0))
    (stopped,) = await judged(cascade)
    assert (stopped.outcome, stopped.reused) == (Outcome.REJECTED, True)
    assert executor.asked == ["full"]


async def test_judging_on_demand_never_asks_the_record(staged: Problem) -> None:
    async def known(stage: str, mark: str) -> Evaluation | None:
        raise AssertionError("asked")

    evaluation = await Cascade(staged, Verdicts(full=valid(1.0)), known).judge(FILES, staged.stages[1])
    assert (evaluation.outcome, evaluation.reused) == (Outcome.VALID, False)
