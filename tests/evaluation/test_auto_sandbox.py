from __future__ import annotations

import pytest

from evolve import configuration, this_machine, wiring
from evolve.bench.machinery import TRIVIAL
from evolve.domain.evaluation import Outcome
from evolve.errors import SandboxUnavailable
from evolve.interfaces import Job


@pytest.fixture
def no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")


async def test_a_machine_without_an_engine_judges_in_processes(no_engine: None) -> None:
    config = configuration.configure([f"problem={TRIVIAL}", "sandbox=auto"])
    problem = wiring.build_problem(config)
    sandbox = wiring.build_sandbox(config, problem)
    job = Job(problem, problem.stages[0], problem.seed().files)
    assert not sandbox.alive() and sandbox.does_not_protect() == ["The sandbox is not started."]
    with pytest.raises(SandboxUnavailable, match="not started"):
        await sandbox.judge(job)
    try:
        await sandbox.start()
        assert sandbox.alive() and sandbox.protects()
        assert (await sandbox.judge(job)).outcome is Outcome.VALID
    finally:
        await sandbox.close()
    assert not sandbox.alive()


def test_the_nodes_of_a_cluster_choose_for_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EVOLVE_SANDBOX", raising=False)
    assert this_machine.sandbox_of_this_machine(["executor=ray"]) == ["sandbox=auto"]
    assert this_machine.sandbox_of_this_machine(["executor=ray", "sandbox=process"]) == []


async def test_an_engine_that_cannot_hold_the_program_is_done_without(
    no_engine: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("evolve.evaluation.docker_engine.answers", lambda: True)
    config = configuration.configure([f"problem={TRIVIAL}", "sandbox=auto"])
    sandbox = wiring.build_sandbox(config, wiring.build_problem(config))
    try:
        await sandbox.start()
        assert sandbox.alive() and "Using processes" in caplog.text
    finally:
        await sandbox.close()
