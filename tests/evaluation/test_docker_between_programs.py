"""What a container's sandbox notices between programs, and what it holds."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from evolve.domain.problem import Problem
from evolve.errors import SandboxUnavailable
from evolve.evaluation import docker_engine
from evolve.evaluation.docker_sandbox import DockerSandbox
from tests.engine import Engine
from tests.evaluation.slots import HONEST_VALUE, job

_NOTICED_S = 20.0
_HELD = 4  # the judge's socket, that of its life, its output, and one to spare


async def test_a_container_that_ends_between_programs_is_noticed_without_a_job(
    engine: Engine, problem_folder: Path
) -> None:
    ours = docker_engine.Engine()
    before = set(ours.owned_by(docker_engine.this_owner()))
    sandbox = DockerSandbox(Problem.load(problem_folder), base_image=engine.base_image)
    await sandbox.start()
    try:
        (name,) = set(ours.owned_by(docker_engine.this_owner())) - before
        assert sandbox.alive()
        ours.remove(name)
        async with asyncio.timeout(_NOTICED_S):
            while sandbox.alive():
                await asyncio.sleep(0.01)
    finally:
        ours.close()
        await sandbox.close()


async def test_a_waiting_sandbox_keeps_no_connections_to_the_engine(engine: Engine, problem_folder: Path) -> None:
    sandbox = DockerSandbox(Problem.load(problem_folder), base_image=engine.base_image)
    before = _descriptors()
    await sandbox.start()
    try:
        assert _descriptors() <= before + _HELD
    finally:
        await sandbox.close()


async def test_the_last_verdict_does_not_wait_for_the_end_of_its_container(
    engine: Engine, problem_folder: Path
) -> None:
    problem = Problem.load(problem_folder)
    ours = docker_engine.Engine()
    before = set(ours.owned_by(docker_engine.this_owner()))
    sandbox = DockerSandbox(problem, base_image=engine.base_image, recycle=1)
    await sandbox.start()
    try:
        (first,) = set(ours.owned_by(docker_engine.this_owner())) - before
        assert (await sandbox.judge(job(problem))).metrics == {"value": HONEST_VALUE}
        assert ours.is_running(first) and not sandbox.alive()
        with pytest.raises(SandboxUnavailable):
            await sandbox.judge(job(problem))
        await sandbox.start()
        assert not ours.is_running(first)
        assert (await sandbox.judge(job(problem))).metrics == {"value": HONEST_VALUE}
    finally:
        ours.close()
        await sandbox.close()


def _descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
