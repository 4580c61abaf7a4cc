"""What a container is made with, and what happens around it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from evolve.controller.local_executor import LocalExecutor
from evolve.domain.evaluation import Outcome
from evolve.domain.problem import Limits, Problem
from evolve.errors import ConfigurationError, SandboxUnavailable
from evolve.evaluation.docker_engine import Box, owner_is_gone, this_owner
from evolve.evaluation.docker_sandbox import DockerSandbox
from tests.engine import Engine
from tests.evaluation.slots import GUARD, HONEST, job, write_problem

LIMITS = Limits(memory_mb=100, processes=7, output_mb=3, scratch_mb=10)


@pytest.fixture
def problem(tmp_path: Path) -> Problem:
    return Problem.load(write_problem(tmp_path / "problem"))


def options(limits: Limits = LIMITS) -> dict[str, Any]:
    return Box(image="i", limits=limits, cpus=1.5).options("name", "/sockets", this_owner())


# ── what a container is made with ─────────────────────────────────────────────────────────────
def test_a_container_has_no_more_rights_than_its_supervisor_needs() -> None:
    made = options()
    assert made["cap_drop"] == ["ALL"]
    assert set(made["cap_add"]) == {"SETUID", "SETGID", "KILL", "DAC_OVERRIDE", "FOWNER"}
    assert made["network_mode"] == "none" and made["read_only"] is True and made["ipc_mode"] == "private"
    no_new, profile = made["security_opt"]
    assert no_new == "no-new-privileges:true"
    assert json.loads(profile.removeprefix("seccomp="))["defaultAction"] == "SCMP_ACT_ERRNO"


def test_a_container_sees_one_folder_of_the_host_and_cannot_write_to_it() -> None:
    assert options()["volumes"] == {"/sockets": {"bind": "/run/evolve", "mode": "ro"}}
    box = Box(image="i", limits=LIMITS, cpus=1)
    assert box.options("name", None, this_owner())["volumes"] == {}


def test_limits_are_of_all_processes_together() -> None:
    made = options()
    assert made["mem_limit"] == made["memswap_limit"] == f"{100 + 10 + 16 + 192}m"
    assert made["nano_cpus"] == 1_500_000_000
    assert made["pids_limit"] == 7 + 8
    assert "size=10m" in made["tmpfs"]["/tmp"]


def test_a_container_gets_the_gpus_that_its_process_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,GPU-5f")
    assert options(replace(LIMITS, gpus=2))["device_requests"][0]["DeviceIDs"] == ["3", "GPU-5f"]
    assert options()["device_requests"] == []


def test_gpus_change_nothing_but_the_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    with_gpus = options(replace(LIMITS, gpus=2))
    assert with_gpus.pop("device_requests") == [{"Count": 2, "Capabilities": [["gpu"]]}]
    without = options()
    assert without.pop("device_requests") == []
    assert with_gpus == without


def test_owners_are_told_apart() -> None:
    machine, process, started = this_owner().split(":")
    assert not owner_is_gone(this_owner())
    assert owner_is_gone(f"{machine}:{process}:{int(started) - 1}")  # the number was used before
    assert owner_is_gone(f"{machine}:999999999:1")
    assert not owner_is_gone(f"another-{machine}:999999999:1")
    assert not owner_is_gone("") and not owner_is_gone("nonsense")


def test_settings_are_checked(problem: Problem) -> None:
    with pytest.raises(ConfigurationError, match=r"sandbox\.cpus"):
        DockerSandbox(problem, base_image="x", cpus=0)
    with pytest.raises(ConfigurationError, match="recycle"):
        DockerSandbox(problem, base_image="x", recycle=0)


# ── failures of ours ──────────────────────────────────────────────────────────────────────────
async def test_an_image_that_is_not_there_is_named(engine: Engine, problem: Problem) -> None:
    sandbox = DockerSandbox(problem, image="evolve-nowhere:1", base_image=engine.base_image)
    with pytest.raises(SandboxUnavailable, match="evolve-nowhere"):
        await sandbox.start()


async def test_an_image_without_the_guest_is_explained(engine: Engine, problem: Problem) -> None:
    sandbox = DockerSandbox(problem, image=engine.base_image, base_image=engine.base_image)
    with pytest.raises(SandboxUnavailable, match="/opt/evolve/evaluators"):
        await sandbox.start()
    assert mine(engine) == []


async def test_an_image_without_numpy_says_what_it_lacks(engine: Engine, problem: Problem, tmp_path: Path) -> None:
    worker = engine.images().build(None, lambda line: None)
    dockerfile = tmp_path / "Dockerfile"
    dockerfile.write_text(
        f'FROM {worker}\nRUN ["python3", "-m", "pip", "uninstall", "--yes", "--root-user-action=ignore", "msgspec"]\n'
    )
    image, _ = engine.client.images.build(path=str(tmp_path), rm=True, forcerm=True)
    try:
        sandbox = DockerSandbox(problem, image=str(image.id), base_image=engine.base_image)
        with pytest.raises(SandboxUnavailable, match=r"the image lacks a library.*msgspec"):
            await sandbox.start()
    finally:
        engine.client.images.remove(str(image.id), force=True)


async def test_a_container_that_is_killed_is_our_failure_and_start_mends_it(engine: Engine, problem: Problem) -> None:
    sandbox = DockerSandbox(problem, base_image=engine.base_image)
    await sandbox.start()
    program = "import time\ndef answer(x): time.sleep(1000)"
    judging = asyncio.create_task(sandbox.judge(job(problem, program, timeout_s=100)))
    await asyncio.sleep(0.3)
    for container in mine(engine):
        engine.client.containers.get(container).kill()
    with pytest.raises(SandboxUnavailable):
        await asyncio.wait_for(judging, 20)
    assert not sandbox.alive()
    await sandbox.start()
    assert (await sandbox.judge(job(problem))).metrics == {"value": 42.0}
    await sandbox.close()


async def test_a_start_that_is_cut_off_leaves_no_container(engine: Engine, problem: Problem) -> None:
    for delay_s in (0.02, 0.1, 0.3):
        sandbox = DockerSandbox(problem, base_image=engine.base_image)
        starting = asyncio.create_task(sandbox.start())
        await asyncio.sleep(delay_s)
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        await sandbox.close()
    assert mine(engine) == []


# ── what only a container can do ──────────────────────────────────────────────────────────────
TOGETHER = (
    GUARD
    + """
def answer(x):
    for _ in range(6):
        if os.fork() == 0:
            kept = bytearray(200 << 20)
            for i in range(0, len(kept), 4096): kept[i] = 1
            time.sleep(1000)
    time.sleep(3)
    return 42.0
"""
)


@pytest.mark.parametrize("streams", [False, True])
async def test_memory_of_several_processes_together_is_limited(engine: Engine, problem: Problem, streams: bool) -> None:
    sandbox = DockerSandbox(problem, base_image=engine.base_image, runtime="runc" if streams else None)
    await sandbox.start()
    verdict = await sandbox.judge(job(problem, TOGETHER, timeout_s=10))
    # Whether the kernel kills the program or one of its children, the sandbox itself goes on.
    assert verdict.outcome in (Outcome.CRASHED, Outcome.VALID), verdict
    stats = cast(dict[str, Any], engine.client.containers.get(mine(engine)[0]).stats(stream=False))
    peak = stats["memory_stats"].get("max_usage") or stats["memory_stats"]["usage"]
    assert peak <= (256 + 4 + 4 + 192 + 16) << 20
    assert sandbox.alive()
    assert (await sandbox.judge(job(problem, HONEST))).metrics == {"value": 42.0}
    await sandbox.close()


async def test_a_container_is_replaced_after_its_share_of_programs(engine: Engine, problem: Problem) -> None:
    executor = LocalExecutor(
        lambda: DockerSandbox(problem, base_image=engine.base_image, recycle=3), width=1, retries=0, spares=1
    )
    await executor.start()
    used = set()
    for _ in range(8):
        assert (await executor.judge(job(problem))).outcome is Outcome.VALID
        used |= set(mine(engine))
    await executor.close()
    assert len(used) >= 3
    assert mine(engine) == []


def mine(engine: Engine) -> list[str]:
    """Return the containers of this process."""
    found = engine.client.containers.list(
        all=True, ignore_removed=True, filters={"label": f"evolve.owner={this_owner()}"}
    )
    return [str(container.name) for container in found]
