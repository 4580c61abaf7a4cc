"""A program scores the same wherever it is judged, and no honest program is taken for a hostile one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import pytest

from evolve import problem_library
from evolve.domain.evaluation import Outcome
from evolve.domain.problem import Problem
from evolve.evaluation.docker_sandbox import DockerSandbox
from evolve.evaluation.process_sandbox import ProcessSandbox
from evolve.interfaces import Job, Sandbox, Verdict
from tests.engine import Engine


async def scores(sandbox: Sandbox, problem: Problem) -> Mapping[tuple[str, str], Mapping[str, float]]:
    """Return the metrics of seed and baselines at every stage of the search."""
    programs = {"seed": problem.seed().files, **problem.baselines()}
    found = {}
    await sandbox.start()
    try:
        for name, files in programs.items():
            for stage in problem.stages:
                verdict = await sandbox.judge(Job(problem, stage, files))
                assert verdict.outcome is Outcome.VALID, (name, stage.name, verdict)
                found[name, stage.name] = verdict.metrics
    finally:
        await sandbox.close()
    return found


@pytest.mark.parametrize("name", problem_library.problem_names())
def test_seed_scores_the_same_in_a_sandbox_as_in_this_process(name: str, judged: Callable[[Job], Verdict]) -> None:
    problem = problem_library.load_problem(name)
    job = Job(problem, problem.stages[0], problem.seed().files)
    verdict = asyncio.run(judged_in_processes(job))
    assert verdict.outcome is Outcome.VALID, verdict
    here = judged(job).metrics  # numbers of the text are added by the host
    assert verdict.metrics.keys() <= here.keys()
    if problem.deterministic:
        assert verdict.metrics.items() <= here.items()


async def judged_in_processes(job: Job) -> Verdict:
    sandbox = ProcessSandbox(job.problem)
    await sandbox.start()
    try:
        return await sandbox.judge(job)
    finally:
        await sandbox.close()


# One for each way in which answers travel: calls in a session, one array, a list of arrays, many small calls.
# None that is compiled: the base image holds no compiler (infra/README.md).
@pytest.mark.parametrize("name", ["bin_packing", "circle_packing", "matrix_multiplication", "cap_set"])
def test_seed_and_baselines_score_the_same_with_and_without_an_engine(engine: Engine, name: str) -> None:
    problem = problem_library.load_problem(name)
    in_processes = asyncio.run(scores(ProcessSandbox(problem), problem))
    in_containers = asyncio.run(scores(DockerSandbox(problem, base_image=engine.base_image), problem))
    assert in_containers == in_processes
