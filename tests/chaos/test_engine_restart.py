"""The container engine stops or is killed while programs are judged; the controller is killed while it judges.

The engine is one of the test's own, beside the one that other tests use and with that one's images.
"""

from __future__ import annotations

import asyncio
import gc
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import pytest

from evolve import problem_library
from evolve.bench.machinery import TRIVIAL
from evolve.controller.local_executor import LocalExecutor
from evolve.domain.evaluation import Outcome
from evolve.evaluation.docker_engine import this_owner
from evolve.evaluation.docker_sandbox import DockerSandbox
from evolve.interfaces import Job, Verdict
from evolve.paths import bundled
from tests.chaos.campaign import slots_of
from tests.cli.cli_support import ROOT
from tests.engine import Engine

_SCRIPT = bundled("infra") / "engine.sh"
_PATIENCE_S = 60.0
_DOWN_S = 1.0


class PrivateEngine:
    """An engine in a folder of its own, ended and started by the script for machines without one."""

    def __init__(self, folder: Path, base_image: str) -> None:
        self.folder, self.base_image = folder, base_image
        self._environment = {**os.environ, "EVOLVE_ENGINE_DIR": str(folder), "EVOLVE_ENGINE_PRIVATE": "1"}
        self.host = f"unix://{folder}/docker.sock"

    def start(self) -> None:
        """Start it, over whatever is left."""
        self._script("start")

    def stop(self) -> None:
        """End it as a service manager does."""
        self._script("stop")

    def kill(self) -> None:
        """Kill the engine, and no process of its containers."""
        process = int((self.folder / "docker.pid").read_text())
        os.kill(process, signal.SIGKILL)
        while Path(f"/proc/{process}").exists():
            time.sleep(0.01)

    def client(self) -> docker.DockerClient:
        """Return a client; the caller closes it."""
        return docker.DockerClient(self.host)

    def _script(self, verb: str) -> None:
        command = [str(_SCRIPT), verb]
        done = subprocess.run(command, env=self._environment, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def private(engine: Engine) -> Iterator[PrivateEngine]:
    if os.geteuid() != 0 or not shutil.which("dockerd") or not shutil.which("ip"):
        missing = "an engine of one's own needs root, dockerd and iproute2"
        pytest.fail(missing) if os.environ.get("EVOLVE_TEST_ENGINE") == "1" else pytest.skip(missing)
    # A socket's path may not be long, and pytest's are.
    folder = Path(tempfile.mkdtemp(prefix="evolve-engine-"))
    private = PrivateEngine(folder, engine.base_image)
    try:
        private.start()
        _copy_images(engine, private)
        with pytest.MonkeyPatch.context() as patched:
            patched.setenv("DOCKER_HOST", private.host)
            yield private
    finally:
        private.stop()
        shutil.rmtree(folder)


def _copy_images(engine: Engine, private: PrivateEngine) -> None:
    guest = engine.images().build(problem_library.load_problem(str(TRIVIAL)), lambda line: None)
    client = private.client()
    for name in (engine.base_image, guest):
        client.images.load(b"".join(engine.client.images.get(name).save(named=name)))
    client.close()


def _containers(private: PrivateEngine, owner: str) -> list[str]:
    client = private.client()
    try:
        found = client.containers.list(all=True, ignore_removed=True)
        return [str(one.name) for one in found if str(one.labels.get("evolve.owner", "")).startswith(owner)]
    finally:
        client.close()


# The SDK leaves a socket open when an engine ends between taking a call and answering it.
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.parametrize("end", [PrivateEngine.stop, PrivateEngine.kill], ids=["stopped", "killed"])
async def test_jobs_wait_while_the_engine_is_away(private: PrivateEngine, end: Callable[[PrivateEngine], None]) -> None:
    problem = problem_library.load_problem(str(TRIVIAL))
    job = Job(problem, problem.stages[0], problem.seed().files)
    executor = LocalExecutor(
        lambda: DockerSandbox(problem, base_image=private.base_image),
        width=2, retries=2, spares=1, patience_s=_PATIENCE_S,
    )  # fmt: skip
    verdicts: list[Verdict] = []

    def restart() -> None:
        end(private)
        time.sleep(_DOWN_S)
        private.start()

    async def work(restarting: asyncio.Task[None]) -> None:
        while not restarting.done():
            verdicts.append(await executor.judge(job))
        verdicts.append(await executor.judge(job))

    await executor.start()
    try:
        verdicts.append(await executor.judge(job))
        before = set(_containers(private, this_owner()))
        restarting = asyncio.create_task(asyncio.to_thread(restart))
        await asyncio.gather(*(work(restarting) for _ in range(3)))
        await restarting
        after = set(_containers(private, this_owner()))
        assert before and after and not before & after
    finally:
        await executor.close()
    gc.collect()
    assert {verdict.outcome for verdict in verdicts} == {Outcome.VALID}, verdicts
    assert len({verdict.metrics["value"] for verdict in verdicts}) == 1
    assert _containers(private, this_owner()) == []


def test_nothing_outlives_a_controller_that_is_killed(private: PrivateEngine, tmp_path: Path) -> None:
    command = [
        *(sys.executable, "-c", "from evolve.cli import main; main()", "run", "--quiet", f"problem={TRIVIAL}"),
        *(
            "run=r",
            f"store.url=sqlite:///{tmp_path}/e.db",
            "sandbox=docker",
            f"sandbox.base_image={private.base_image}",
        ),
        *(f"params.stamp={tmp_path}/stamps", "budget.evaluations=100000", "budget.wall_s=null", "executor.width=2"),
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    controller = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE)
    try:
        stamps = tmp_path / "stamps"
        assert _comes_true(lambda: stamps.exists() and len(stamps.read_text().splitlines()) > 20, _PATIENCE_S)
    finally:
        owner = f"{os.uname().nodename}:{controller.pid}:"
        containers, judges = _containers(private, owner), list(slots_of(controller.pid))
        controller.kill()
        controller.communicate()
    assert containers and judges
    assert _comes_true(lambda: not _containers(private, owner), 20.0)
    assert _comes_true(lambda: not list(slots_of(controller.pid)), 20.0)


def _comes_true(condition: Callable[[], bool], within_s: float) -> bool:
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True
