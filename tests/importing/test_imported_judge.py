"""What the judge of an imported problem makes of answers that no honest runner gives."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from evaluators import CandidateRefused, Score
from evolve.domain.objective import Direction
from evolve.importing.kinds import recognise
from evolve.importing.writing import write_problem

TASKS = Path(__file__).parent / "tasks"
HONEST: dict[str, Any] = {"metrics": {"error": 0.5}, "words": {}, "notes": [], "error": ""}


class Answering:
    """A candidate whose every call returns the same value."""

    files: Mapping[str, str] = {}

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def other(self, files: Mapping[str, str], entry: str | None = None) -> Answering:
        assert entry in files
        return self

    def call(self, function: str, *args: Any, timeout_s: float | None = None, **kwargs: Any) -> Any:
        return self.answer


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    objectives = {"error": Direction.MINIMIZE}
    problem = write_problem(recognise(TASKS / "single.py"), tmp_path_factory.mktemp("judge") / "single", objectives)
    spec = importlib.util.spec_from_file_location("judge_of_imported", problem.folder / "evaluate.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_an_honest_answer_is_a_score(judge: ModuleType) -> None:
    score: Score = judge.evaluate(Answering(HONEST), "full", {})
    assert (score.valid, dict(score.metrics)) == (True, {"error": 0.5})


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        {"error": 0.5},
        {**HONEST, "more": 1},
        {**HONEST, "metrics": [0.5]},
        {**HONEST, "metrics": {"error": "0.5"}},
        {**HONEST, "metrics": {"error": True}},
        {**HONEST, "metrics": {"error": {"deep": 1.0}}},
        {**HONEST, "words": {"name": 1}},
        {**HONEST, "notes": [None]},
        {**HONEST, "error": None},
    ],
)
def test_an_answer_of_another_form_is_refused(judge: ModuleType, answer: Any) -> None:
    with pytest.raises(CandidateRefused):
        judge.evaluate(Answering(answer), "full", {})


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan")])
def test_an_objective_that_is_not_finite_is_invalid(judge: ModuleType, value: float) -> None:
    score: Score = judge.evaluate(Answering({**HONEST, "metrics": {"error": value}}), "full", {})
    assert not score.valid
    assert "not a finite number" in score.feedback


def test_what_an_evaluator_keeps_private_is_dropped(judge: ModuleType) -> None:
    score: Score = judge.evaluate(Answering({**HONEST, "metrics": {"error": 0.5, "private.answer": 42.0}}), "full", {})
    assert dict(score.metrics) == {"error": 0.5}
