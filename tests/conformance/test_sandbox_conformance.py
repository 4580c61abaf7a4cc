"""What every Sandbox promises, whatever it is made of."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from evolve.domain.evaluation import Outcome
from evolve.domain.problem import Problem
from evolve.errors import SandboxUnavailable
from evolve.evaluation.process_sandbox import ProcessSandbox
from evolve.interfaces import Sandbox
from tests.evaluation.slots import VARIANTS, job, slot_processes, write_problem

MAKERS: dict[str, Callable[[Problem], Sandbox]] = {
    variant.name: lambda problem, variant=variant: ProcessSandbox(  # type: ignore[misc]
        problem, namespaces=variant.namespaces, python=variant.python
    )
    for variant in VARIANTS
    if variant.usable()
}


@pytest.fixture
def problem(tmp_path: Path) -> Problem:
    return Problem.load(write_problem(tmp_path / "problem"))


@pytest.fixture(params=MAKERS)
async def sandbox(request: pytest.FixtureRequest, problem: Problem) -> AsyncIterator[Sandbox]:
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
    assert (await sandbox.judge(job(problem))).metrics == {"value": 42.0}


async def test_it_can_be_closed_at_any_time_and_started_again(sandbox: Sandbox, problem: Problem) -> None:
    await sandbox.close()
    await sandbox.start()
    await sandbox.start()
    await sandbox.close()
    await sandbox.close()
    assert not slot_processes()
    await sandbox.start()
    assert (await sandbox.judge(job(problem))).outcome is Outcome.VALID


async def test_it_says_what_it_does_and_does_not_do(sandbox: Sandbox) -> None:
    await sandbox.start()
    for sentences in (sandbox.protects(), sandbox.does_not_protect()):
        assert sentences
        assert all(sentence.endswith(".") for sentence in sentences)
