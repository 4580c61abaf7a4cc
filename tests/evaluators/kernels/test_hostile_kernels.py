"""Every way to cheat that has an analogue on the CPU, through a sandbox, in memory that judge and program share."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from evolve.domain.evaluation import Outcome
from evolve.domain.problem import Problem
from evolve.evaluation.process_sandbox import ProcessSandbox
from evolve.interfaces import Job, Verdict

FOLDER = Path(__file__).parents[2] / "fixtures" / "timed_kernel"
PROBLEM = Problem.load(FOLDER)


class Judged:
    """Judges programs one after the other in one sandbox."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._runner = asyncio.Runner()
        self._sandbox = ProcessSandbox(problem)
        self._runner.run(self._sandbox.start())

    def verdict(self, stage: str, files: dict[str, str]) -> Verdict:
        return self._runner.run(self._sandbox.judge(Job(self._problem, self._problem.stage(stage), files)))

    def close(self) -> None:
        self._runner.run(self._sandbox.close())
        self._runner.close()


@pytest.fixture(scope="module")
def judged() -> Iterator[Judged]:
    made = Judged(PROBLEM)
    yield made
    made.close()


@pytest.mark.parametrize("stage", ["correct", "timing"])
@pytest.mark.parametrize("name", PROBLEM.exploits())
def test_no_hostile_kernel_scores(judged: Judged, name: str, stage: str) -> None:
    verdict = judged.verdict(stage, dict(PROBLEM.exploits()[name]))
    assert verdict.outcome is Outcome.INVALID, verdict
    assert verdict.feedback.startswith("Case ") and not verdict.metrics


def test_an_honest_kernel_is_raced_and_scored(judged: Judged) -> None:
    verdict = judged.verdict("timing", dict(PROBLEM.seed().files))
    assert verdict.outcome is Outcome.VALID, verdict
    assert verdict.metrics["speedup"] > 0 and verdict.metrics["round_trip_us"] > 0
    assert "no GPU" in verdict.feedback, "times of a CPU are labelled"


def test_without_a_gpu_correctness_has_no_times(judged: Judged) -> None:
    verdict = judged.verdict("correct", dict(PROBLEM.seed().files))
    assert verdict.outcome is Outcome.VALID, verdict
    assert verdict.metrics["speedup"] == 0 and "Not timed" in verdict.feedback


def test_a_program_that_raises_or_never_ends_is_told_apart(judged: Judged) -> None:
    raises = judged.verdict("correct", {"kernel.py": "def roots(x, out):\n    raise ValueError('no')\n"})
    assert raises.outcome is Outcome.CRASHED and "ValueError: no" in raises.feedback
    missing = judged.verdict("correct", {"kernel.py": "x = 1\n"})
    assert missing.outcome is Outcome.CRASHED and "roots" in missing.feedback


def test_where_a_gpu_is_asked_for_and_there_is_none_nothing_is_timed() -> None:
    judged = Judged(Problem.load(FOLDER, {"device": "cuda"}))
    try:
        verdict = judged.verdict("timing", dict(PROBLEM.seed().files))
    finally:
        judged.close()
    if verdict.outcome is Outcome.VALID:  # a machine with a GPU: programs of numpy do not run there
        pytest.fail("numpy on a GPU")
    assert "DeviceUnavailable" in verdict.feedback or "do not run on a GPU" in verdict.feedback
