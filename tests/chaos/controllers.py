"""Starting, killing and awaiting controllers from a test."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

from tests.chaos.stopping import Moment
from tests.chaos.victim import Order
from tests.cli.cli_support import ROOT

PATIENCE_S = 120.0
_POLL_S = 0.01


class Controller:
    """A controller at work. ``status`` is its exit status, negative for the signal that ended it."""

    def __init__(self, nursery: Nursery, pid: int, output: Path) -> None:
        self._nursery, self.pid, self._output = nursery, pid, output
        self.status: int | None = None

    def ended(self, within_s: float = 0.0) -> bool:
        """Whether it has ended, or ends in time."""
        if self.status is None:
            self.status = self._nursery.status(within_s)
        return self.status is not None

    def kill(self) -> int:
        """Kill it unless it has ended; return the exit status."""
        if not self.ended():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
        return self.wait()

    def interrupt(self) -> int:
        """End it as Ctrl+C does; return the exit status."""
        if not self.ended():
            os.kill(self.pid, signal.SIGINT)
        return self.wait()

    def wait(self) -> int:
        """Return the exit status when it has ended by itself."""
        assert self.ended(PATIENCE_S), f"The controller goes on: {self.said()}"
        assert self.status is not None
        return self.status

    def until(self, condition: Callable[[], bool]) -> bool:
        """Wait until a condition holds; return False if the controller has ended before."""
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            if self.ended(_POLL_S):
                return condition()
            assert time.monotonic() < deadline, f"It never came true: {self.said()}"
        return True

    def said(self) -> str:
        """Return the last of what it printed."""
        return self._output.read_text(errors="replace")[-3000:] if self._output.exists() else ""

    def processes(self) -> dict[str, int]:
        """Return the processes of one sandbox by role: slot, judge, supervisor, candidate; those there are."""
        for slot in children(self.pid):
            found = {"slot": slot}
            below = children(slot)
            if len(below) == 2:
                found |= {"judge": below[0], "supervisor": below[1]}
                candidates = children(below[1])
                return found | ({"candidate": candidates[0]} if candidates else {})
        return {}


def children(pid: int) -> list[int]:
    """Return the children of a process, the oldest first."""
    try:
        tasks = list(Path(f"/proc/{pid}/task").glob("*/children"))
        return sorted(int(child) for task in tasks for child in task.read_text().split())
    except (FileNotFoundError, ProcessLookupError):
        return []


class Nursery:
    """Starts controllers, one at a time; for use as ``with Nursery(folder) as nursery``."""

    def __init__(self, folder: Path, environment: dict[str, str] | None = None) -> None:
        self._folder = folder
        self._environment = {**os.environ, **(environment or {}), "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        self._environment |= {"OPENBLAS_NUM_THREADS": "1", "EVOLVE_SANDBOX": "process", "COLUMNS": "200"}
        self._count = 0

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "tests.chaos.victim"]
        self._server = subprocess.Popen(
            command, cwd=self._folder, env=self._environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._line(PATIENCE_S) == "ready"
        return self

    def __exit__(self, *_: object) -> None:
        self._server.terminate()
        self._server.communicate()

    def start(
        self,
        *arguments: str,
        url: str = "",
        moment: Moment | None = None,
        jumps: tuple[tuple[float, float], ...] = (),
    ) -> Controller:
        """Start ``evolve ARGUMENTS``; with a ``url``, a controller that dies at a moment or has a jumping clock."""
        self._count += 1
        output = self._folder / f"output-{self._count}"
        told = (moment.kind, str(moment.when), moment.nth) if moment is not None else ()
        assert self._server.stdin is not None
        self._server.stdin.write(Order(arguments, str(output), url, told, jumps).line().encode() + b"\n")
        self._server.stdin.flush()
        pid = self._line(PATIENCE_S)
        assert pid is not None, "no controller was started"
        return Controller(self, int(pid), output)

    @contextlib.contextmanager
    def running(self, *arguments: str) -> Iterator[Controller]:
        """Start ``evolve ARGUMENTS`` for the length of a block; what is left of it then is killed."""
        controller = self.start(*arguments)
        try:
            yield controller
        finally:
            controller.kill()

    def status(self, within_s: float) -> int | None:
        """Return the exit status of the controller at work, or None if it goes on."""
        line = self._line(within_s)
        return None if line is None else int(line)

    def _line(self, within_s: float) -> str | None:
        """Return a line, or None. Read byte by byte: what is buffered here, select does not see."""
        assert self._server.stdout is not None
        descriptor = self._server.stdout.fileno()
        line = b""
        while select.select([descriptor], [], [], within_s if not line else PATIENCE_S)[0]:
            byte = os.read(descriptor, 1)
            assert byte, "the process that starts controllers has ended"
            if byte == b"\n":
                return line.decode()
            line += byte
        return None
