"""The script that starts an engine where none is: what it starts, what it ends, and what it leaves alone."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from evolve.paths import bundled

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("dockerd") or not shutil.which("ip"),
    reason="needs root, dockerd and iproute2",
)
SCRIPT = bundled("infra") / "engine.sh"
NETWORKS = Path("/sys/class/net")


class Script:
    """The script with a folder of its own; its engine is private even where another one answers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._environment = {**os.environ, "EVOLVE_ENGINE_DIR": str(folder), "EVOLVE_ENGINE_PRIVATE": "1"}

    def __call__(self, verb: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [SCRIPT, verb], env=self._environment, capture_output=True, text=True, timeout=120, check=False
        )

    def processes(self) -> set[int]:
        """Return the processes that have the folder on their command line."""
        found = set()
        for entry in Path("/proc").iterdir():
            try:
                words = (entry / "cmdline").read_bytes() if entry.name.isdigit() else b""
            except OSError:
                continue
            if f"{self.folder}/".encode() in words:
                found.add(int(entry.name))
        return found


@pytest.fixture
def script() -> Iterator[Script]:
    # A socket's path may not be long, and pytest's are.
    folder = Path(tempfile.mkdtemp(prefix="evolve-engine-"))
    script = Script(folder)
    yield script
    script("stop")
    shutil.rmtree(folder)


def test_an_engine_is_started_once_and_ended_with_all_it_made(script: Script) -> None:
    networks = set(NETWORKS.iterdir())
    assert script("status").returncode == 1
    started = script("start")
    assert started.returncode == 0, started.stderr
    assert started.stdout.splitlines() == [
        f"export DOCKER_HOST=unix://{script.folder}/docker.sock",
        "export EVOLVE_BUILD_NETWORK=host",
    ]
    running = script.processes()
    assert running
    assert script("start").stdout == started.stdout
    assert script.processes() == running
    assert f"unix://{script.folder}/docker.sock" in script("status").stdout
    assert script("stop").returncode == 0
    assert script.processes() == set()
    assert set(NETWORKS.iterdir()) == networks
    assert str(script.folder) not in Path("/proc/mounts").read_text()
    assert script("status").returncode == 1


def test_after_an_engine_that_was_killed_it_starts_anew(script: Script) -> None:
    assert script("start").returncode == 0
    killed = int((script.folder / "docker.pid").read_text())
    os.kill(killed, signal.SIGKILL)
    while Path(f"/proc/{killed}").exists():
        time.sleep(0.01)
    again = script("start")
    assert again.returncode == 0, again.stderr
    assert int((script.folder / "docker.pid").read_text()) != killed


def test_a_stale_pid_file_ends_nobody(script: Script) -> None:
    with subprocess.Popen(["sleep", "60"]) as bystander:
        (script.folder / "docker.pid").write_text(str(bystander.pid))
        containerd = script.folder / "exec" / "containerd"
        containerd.mkdir(parents=True)
        (containerd / "containerd.pid").write_text(str(bystander.pid))
        assert "no engine of ours" in script("stop").stderr
        assert bystander.poll() is None
        bystander.kill()


def test_anything_else_is_answered_with_how_to_use_it(script: Script) -> None:
    done = script("strat")
    assert done.returncode == 2
    assert "start" in done.stderr and "stop" in done.stderr
