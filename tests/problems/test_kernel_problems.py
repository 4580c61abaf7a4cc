"""What holds for every bundled kernel problem, with no GPU: seed and baselines are right, exploits are refused."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest
import torch

from evaluators.kernels import Case
from evaluators.kernels.race import WARM_UP
from evolve import problem_library
from evolve.domain.evaluation import Outcome
from evolve.domain.problem import Problem
from evolve.evaluation.process_sandbox import ProcessSandbox
from evolve.interfaces import Job, Verdict
from tests.problems.problem_support import load_judge

CHOOSES = "matmul_tiles"
"""Its programs choose numbers for a kernel of the judge's; its baseline is no such program."""
NAMES = [name for name in problem_library.problem_names() if name.startswith("kernels/")]
HOST_BYTES, DEVICE_BYTES, REFERENCE_FLOPS = 48e9, 40e9, 4e12
"""What a timing stage may need: a workstation's memory, a GPU of 40 GB, half a minute of eight cores."""


def first_stage(problem: Problem) -> str:
    """Return the stage that needs no GPU: Triton's interpreter, or nvcc alone."""
    return problem.stages[0].name


def programs(problem: Problem) -> dict[str, Mapping[str, str]]:
    """Return the programs that must be right: seed, the baseline that times are relative to, and the others."""
    found = {"seed": problem.seed().files, **problem.baselines()}
    if problem.name != CHOOSES:
        (opponent,) = problem.folder.glob("baseline.*")
        found[opponent.name] = {problem.entry: opponent.read_text("utf-8")}
    return found


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
    assert hostile
    found = asyncio.run(verdicts(problem, {**honest, **hostile}, first_stage(problem)))
    for program in honest:
        assert found[program].outcome is Outcome.VALID, (program, found[program])
        assert found[program].metrics["speedup"] == 0, "nothing was timed"
    for program, files in hostile.items():
        expected = files[problem.entry].splitlines()[0].lstrip("#/ ").removeprefix("expect: ")
        assert found[program].outcome is Outcome(expected), (program, found[program])


@pytest.mark.parametrize("name", NAMES)
def test_the_stage_that_times_asks_for_a_gpu(name: str) -> None:
    problem = problem_library.load_problem(name)
    assert problem.stages[0].resources.gpus == 0
    assert problem.stage("timing").resources.gpus == 1
    assert [objective.name for objective in problem.objectives[:2]] == ["speedup", "worst_speedup"]


@pytest.mark.parametrize("name", NAMES)
def test_the_calls_of_a_race_fit_into_memory(name: str) -> None:
    """Every call has inputs and answers of its own; the judge keeps answers as numbers of eight bytes."""
    problem = problem_library.load_problem(name)
    cases = load_judge(name).cases("timing", problem.params)
    calls = [(case, WARM_UP + problem.params["windows"] * case.calls) for case in cases]
    assert _total(calls, lambda case: sum(t.bytes for t in case.tensors)) < DEVICE_BYTES
    kept = _total(calls, lambda case: sum(t.bytes for t in case.inputs) + 8 * sum(t.elements for t in case.outputs))
    assert kept < HOST_BYTES
    assert _total(calls, lambda case: case.flops) < REFERENCE_FLOPS


def _total(calls: Sequence[tuple[Case, int]], each: Callable[[Case], float]) -> float:
    return sum(count * each(case) for case, count in calls)


@pytest.mark.parametrize("name", NAMES)
def test_the_folder_says_what_is_known_and_how_to_cheat(name: str) -> None:
    readme = (problem_library.load_problem(name).folder / "README.md").read_text("utf-8")
    assert "## What is known" in readme and "How one might cheat" in readme


def test_the_baseline_of_chosen_tiles_is_right() -> None:
    name = f"kernels/{CHOOSES}"
    judge, problem = load_judge(name), problem_library.load_problem(name)
    scope: dict[str, Any] = {}
    exec(compile((problem.folder / "baseline.py").read_text("utf-8"), "baseline.py", "exec"), scope)
    for case in judge.cases("correct", problem.params):
        a, b = (torch.from_numpy(x).half() for x in judge.draw(case, np.random.default_rng(1)))
        out = torch.full(case.outputs[0].shape, torch.nan, dtype=torch.float16)
        scope["matmul"](a, b, out)
        (answer,) = judge.reference(case, a.double().numpy(), b.double().numpy())
        bound = judge.KERNEL.tolerance.of(case, case.outputs[0], answer).of(answer)
        assert (np.abs(out.double().numpy() - answer) <= bound).all(), case.name


def test_what_a_program_defines_beside_its_tiles_is_not_used() -> None:
    problem = problem_library.load_problem(f"kernels/{CHOOSES}")
    text = (
        "def tiles(m, n, k):\n    return 16, 32, 16, 3, 2, 1\n\n"
        "def matmul(a, b, out):\n    out.zero_()\n\nmatmul_kernel = None\nTILES = {}\n"
    )
    verdict = asyncio.run(verdicts(problem, {"own": {problem.entry: text}}, "correct"))["own"]
    assert verdict.outcome is Outcome.VALID, verdict
