"""How the tests of problem folders run a program.

``candidate_factory`` and ``judged`` are the two seams: put a sandbox behind either of them and
every test that goes through a candidate runs in that sandbox. Programs that are built before they
run are always judged in one: there is nothing of them to call in this process. So are kernels: they share memory
with their judge.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest

from evaluators import Candidate, CandidateCrashed, CandidateRefused, CandidateTimedOut, Score
from evolve.domain.evaluation import Outcome, missing_metrics
from evolve.domain.problem import Problem, Stage
from evolve.domain.program import automatic_features
from evolve.evaluation.process_sandbox import ProcessSandbox
from evolve.interfaces import Job, Verdict
from evolve.paths import bundled
from tests.problems.in_process_candidate import InProcessCandidate

CandidateFactory = Callable[[Problem, Mapping[str, str]], Candidate]
Judged = Callable[[Job], Verdict]

OUTCOMES = {
    CandidateCrashed: Outcome.CRASHED,
    CandidateTimedOut: Outcome.TIMED_OUT,
    CandidateRefused: Outcome.INVALID,
}


def load_judge(problem: str) -> ModuleType:
    """Import the ``evaluate.py`` of a bundled problem."""
    name = f"judge_of_{problem.lstrip('_')}"
    spec = importlib.util.spec_from_file_location(name, bundled("problems") / problem / "evaluate.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up by name
    sys.path.append(str(bundled("problems") / problem))  # a judge may import modules of its folder
    spec.loader.exec_module(module)
    return module


class Answering:
    """A candidate whose every call returns the same value, for tests of what a judge makes of it."""

    files: Mapping[str, str] = {}

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def call(self, function: str, *args: Any, timeout_s: float | None = None, **kwargs: Any) -> Any:
        return self.answer


@pytest.fixture(scope="session")
def candidate_factory() -> CandidateFactory:
    """Make a candidate from a problem and a program's files."""
    return lambda problem, files: InProcessCandidate(files, problem.entry)


@pytest.fixture
def judged(candidate_factory: CandidateFactory) -> Judged:
    """Judge one stage of one program as a sandbox does; returns the verdict."""

    def judge(job: Job) -> Verdict:
        compiler = {"c": "gcc", "cpp": "g++"}.get(job.problem.language)
        if compiler and shutil.which(compiler) is None and not os.environ.get("CI"):
            pytest.skip(f"this machine has no compiler for {job.problem.language}; Debian's package is {compiler}")
        if job.problem.language != "python" or job.problem.folder.parent.name == "kernels":
            return asyncio.run(_in_processes(job))
        evaluate = load_judge(job.problem.folder.name).evaluate
        candidate = candidate_factory(job.problem, job.files)
        try:
            score = evaluate(candidate, job.stage.name, dict(job.problem.params))
        except (CandidateCrashed, CandidateTimedOut, CandidateRefused) as error:
            return Verdict(OUTCOMES[type(error)], feedback=str(error))
        return _verdict(job, score)

    return judge


async def _in_processes(job: Job) -> Verdict:
    sandbox = ProcessSandbox(job.problem)
    await sandbox.start()
    try:
        verdict = await sandbox.judge(job)
    finally:
        await sandbox.close()
    if verdict.outcome is not Outcome.VALID:
        return verdict
    return replace(verdict, metrics={**verdict.metrics, **automatic_features(job.files)})


def _verdict(job: Job, score: Score) -> Verdict:
    if not score.valid:
        return Verdict(Outcome.INVALID, feedback=score.feedback)
    metrics = {**score.metrics, **automatic_features(job.files)}
    missing = missing_metrics(metrics, job.problem.objectives, job.problem.features, job.problem.constraints)
    if missing:
        return Verdict(Outcome.INVALID, feedback=missing)
    return Verdict(Outcome.VALID, metrics, score.feedback, per_instance=score.per_instance)


@pytest.fixture(scope="session")
def every_stage() -> Callable[[Problem], tuple[Stage, ...]]:
    """Return the stages of a problem, the sealed one included."""
    return lambda problem: (*problem.stages, problem.sealed) if problem.sealed else problem.stages
