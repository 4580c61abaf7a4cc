"""What holds for every bundled kernel problem, with no GPU: seed and baselines are right, exploits are refused."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from evolve import problem_library
from evolve.domain.evaluation import Outcome
from evolve.domain.problem import Problem
from evolve.evaluation.process_sandbox import ProcessSandbox
from evolve.interfaces import Job, Verdict

NAMES = [name for name in problem_library.problem_names() if name.startswith("kernels/")]
CORRECT = "correct"


def programs(problem: Problem) -> dict[str, Mapping[str, str]]:
    """Return the programs that must be right: seed, the baseline that times are relative to, and the others."""
    opponent = {problem.entry: (problem.folder / "baseline.py").read_text("utf-8")}
    return {"seed": problem.seed().files, "baseline.py": opponent, **problem.baselines()}


async def verdicts(problem: Problem, files: Mapping[str, Mapping[str, str]], stage: str) -> dict[str, Verdict]:
    sandbox = ProcessSandbox(problem)
    await sandbox.start()
    try:
        return {
            name: await sandbox.judge(Job(problem, problem.stage(stage), dict(text))) for name, text in files.items()
        }
    finally:
        await sandbox.close()


@pytest.mark.parametrize("name", NAMES)
def test_honest_programs_are_right_and_exploits_are_refused_without_a_gpu(name: str) -> None:
    problem = problem_library.load_problem(name)
    honest, hostile = programs(problem), problem.exploits()
    found = asyncio.run(verdicts(problem, {**honest, **hostile}, CORRECT))
    for program in honest:
        assert found[program].outcome is Outcome.VALID, (program, found[program])
        assert found[program].metrics["speedup"] == 0, "nothing was timed"
    for program, files in hostile.items():
        expected = files[problem.entry].splitlines()[0].removeprefix("# expect: ")
        assert found[program].outcome is Outcome(expected), (program, found[program])


@pytest.mark.parametrize("name", NAMES)
def test_the_stage_that_times_asks_for_a_gpu(name: str) -> None:
    problem = problem_library.load_problem(name)
    assert problem.stage(CORRECT).resources.gpus == 0
    assert problem.stage("timing").resources.gpus == 1
    assert [objective.name for objective in problem.objectives[:2]] == ["speedup", "worst_speedup"]


@pytest.mark.parametrize("name", NAMES)
def test_the_folder_says_what_is_known_and_how_to_cheat(name: str) -> None:
    readme = (problem_library.load_problem(name).folder / "README.md").read_text("utf-8")
    assert "## What is known" in readme and "How one might cheat" in readme
