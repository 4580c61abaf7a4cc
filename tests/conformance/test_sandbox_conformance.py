"""What every Sandbox promises, whatever it is made of."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

import pytest

from evolve.domain.evaluation import Outcome
from evolve.domain.problem import Problem, Stage
from evolve.errors import SandboxUnavailable
from evolve.evaluation.docker_sandbox import DockerSandbox
from evolve.evaluation.process_sandbox import ProcessSandbox
from evolve.interfaces import Job, Sandbox
from tests.engine import Engine

EVALUATE = """
from evaluators import Score
def evaluate(candidate, stage, params):
    return Score({"value": candidate.call("answer", 20.0)})
"""
HONEST = "def answer(x): return 2 * x"
# Without a private file system, candidates need an interpreter that every user may read.
SYSTEM_PYTHON = f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"

MAKERS: dict[str, Callable[[Problem], Sandbox]] = {"process, namespaces": ProcessSandbox}
DOCKER = ["docker", "docker, streams"]
if Path(SYSTEM_PYTHON).exists():
    MAKERS["process, no namespaces"] = partial(ProcessSandbox, namespaces=False, python=SYSTEM_PYTHON)


@pytest.fixture
def problem(tmp_path: Path) -> Problem:
    (tmp_path / "seed").mkdir()
    (tmp_path / "seed" / "program.py").write_text(HONEST)
    (tmp_path / "evaluate.py").write_text(EVALUATE)
    (tmp_path / "problem.yaml").write_text("statement: x\nobjectives: [{name: value, direction: maximize}]\n")
    return Problem.load(tmp_path)


def job(problem: Problem, program: str = HONEST, timeout_s: float = 5.0) -> Job:
    return Job(problem, Stage("full", timeout_s), {"program.py": program})


def children() -> set[str]:
    """Return the processes started by this one."""
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())


def in_docker(problem: Problem, engine: Engine, streams: bool) -> Sandbox:
    # Where a runtime is named, containers are reached by their standard streams.
    return DockerSandbox(problem, base_image=engine.base_image, runtime="runc" if streams else None)


@pytest.fixture(params=[*MAKERS, *DOCKER])
async def sandbox(request: pytest.FixtureRequest, problem: Problem) -> AsyncIterator[Sandbox]:
    if request.param in DOCKER:
        sandbox = in_docker(problem, request.getfixturevalue("engine"), request.param == "docker, streams")
    else:
        sandbox = MAKERS[request.param](problem)
    yield sandbox
    await sandbox.close()


async def test_judging_before_the_start_is_our_failure(sandbox: Sandbox, problem: Problem) -> None:
    with pytest.raises(SandboxUnavailable):
        await sandbox.judge(job(problem))


@pytest.mark.parametrize(
    ("program", "outcome"),
    [
        ("def answer(x): return 2 * x", Outcome.VALID),
        ("def answer(x): return float('nan')", Outcome.INVALID),
        ("def answer(x): return print", Outcome.INVALID),
        ("def answer(x): raise ValueError('no')", Outcome.CRASHED),
        ("def answer(x):\n    while True: pass", Outcome.TIMED_OUT),
    ],
)
async def test_every_way_to_end_has_its_outcome(
    sandbox: Sandbox, problem: Problem, program: str, outcome: Outcome
) -> None:
    await sandbox.start()
    verdict = await sandbox.judge(job(problem, program, timeout_s=1.0))
    assert verdict.outcome is outcome
    assert (verdict.metrics == {"value": 40.0}) == (outcome is Outcome.VALID)
    assert verdict.seconds > 0


async def test_one_program_does_not_disturb_the_next(sandbox: Sandbox, problem: Problem) -> None:
    await sandbox.start()
    await sandbox.judge(job(problem, "import os\ndef answer(x): os._exit(1)"))
    assert (await sandbox.judge(job(problem))).metrics == {"value": 40.0}


async def test_it_can_be_closed_at_any_time_and_started_again(sandbox: Sandbox, problem: Problem) -> None:
    before = children()
    await sandbox.close()
    await sandbox.start()
    await sandbox.start()
    await sandbox.close()
    await sandbox.close()
    assert children() == before
    await sandbox.start()
    assert (await sandbox.judge(job(problem))).outcome is Outcome.VALID


async def test_it_says_what_it_does_and_does_not_do(sandbox: Sandbox) -> None:
    await sandbox.start()
    for sentences in (sandbox.protects(), sandbox.does_not_protect()):
        assert sentences
        assert all(sentence.endswith(".") for sentence in sentences)
