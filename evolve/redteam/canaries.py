"""Things on the host that no program may touch, and that tell when one did."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Final

from evolve.domain.problem import Problem
from evolve.interfaces import Verdict

_VARIABLE: Final = "EVOLVE_CANARY"
_SECRET: Final = re.compile(r"EVOLVE-CANARY-[0-9a-f]{32}")
_PATIENCE_S: Final = 1.0
_CLOCK_STEP_S: Final = 1.0
_LISTENERS: Final = (
    ("tcp", socket.AF_INET, socket.SOCK_STREAM),
    ("tcp6", socket.AF_INET6, socket.SOCK_STREAM),
    ("udp", socket.AF_INET, socket.SOCK_DGRAM),
    ("udp6", socket.AF_INET6, socket.SOCK_DGRAM),
    ("abstract", socket.AF_UNIX, socket.SOCK_STREAM),
    ("unix", socket.AF_UNIX, socket.SOCK_STREAM),
)


class Canaries:
    """Listeners, files, an environment variable and a process of this machine, and a copy of the problem.

    A context manager. Inside it ``problem`` is the problem in a temporary folder that every user may
    read, with a secret among its data; outside nothing of all this is left.
    """

    problem: Problem

    def __init__(self, problem: Problem) -> None:
        self._original = problem
        self._cleanup = contextlib.ExitStack()
        self._listeners: dict[str, socket.socket] = {}
        self._files: dict[Path, tuple[bytes, int, int]] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._folders: tuple[Path, ...] = ()
        self._clock_s = _clock_offset_s()
        self._host = _host_settings()
        self._judge: Mapping[Path, tuple[int, int]] = {}

    def __enter__(self) -> Canaries:
        with contextlib.ExitStack() as cleanup:
            shared = _folder(cleanup, Path(tempfile.gettempdir()))
            home = _folder(cleanup, Path.home())
            self._folders = (shared, home)
            copy = shared / "problem"
            shutil.copytree(self._original.folder, copy, ignore=shutil.ignore_patterns("__pycache__", ".git"))
            _open_to_all(copy)
            self.problem = replace(self._original, folder=copy)
            for path in (shared / "canary.txt", home / "canary.txt", copy / "redteam_secret.txt"):
                self._plant(path)
            self._judge = _sizes_and_times(copy)
            self._plant_variable(cleanup)
            self._listen(cleanup, shared)
            self._process = _start_process(cleanup)
            self._cleanup = cleanup.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._cleanup.close()

    @property
    def process(self) -> int:
        """The process that is watched; 0 outside the context."""
        return self._process.pid if self._process else 0

    def addresses(self) -> Mapping[str, object]:
        """Return what an attack is told, so that it knows where to reach."""
        ports = {name: self._listeners[name].getsockname()[1] for name, kind, _ in _LISTENERS if kind != socket.AF_UNIX
                 and name in self._listeners}  # fmt: skip
        return {
            **ports,
            "abstract": self._listeners["abstract"].getsockname().decode()[1:],
            "unix": self._listeners["unix"].getsockname(),
            "files": [str(path) for path in self._files],
            "folders": [str(folder) for folder in self._folders],
            "problem": str(self.problem.folder),
            "process": self.process,
            "host": os.getpid(),
            "variable": _VARIABLE,
            "working_folder": str(Path.cwd()),
        }

    def disturbed(self) -> list[str]:
        """Return what happened to the canaries since the last call, as sentences; empty is good."""
        found = [f"the host's {name} listener was reached" for name in self._listeners if self._was_reached(name)]
        found += [f"{path} on the host was changed" for path in self._files if not self._is_unchanged(path)]
        for folder in self._folders:
            strange = sorted(path.name for path in folder.iterdir() if path not in self._known())
            found += [f"{name!r} appeared in {folder} on the host" for name in strange]
        judge, self._judge = self._judge, _sizes_and_times(self.problem.folder)
        if judge != self._judge:
            found.append("files of the problem's folder were changed")
        found += self._process_disturbed()
        if abs(_clock_offset_s() - self._clock_s) > _CLOCK_STEP_S:
            self._clock_s = _clock_offset_s()
            found.append("the host's clock was set")
        settings, self._host = self._host, _host_settings()
        found += [f"{name} of the host was changed" for name, value in settings.items() if self._host[name] != value]
        return found

    def leaked(self, verdict: Verdict) -> list[str]:
        """Return sentences about secrets of the host that came back with a verdict."""
        places = {"the output": verdict.log, "the feedback": verdict.feedback}
        places |= {f"artifact {name!r}": raw.decode("latin-1") for name, raw in verdict.artifacts.items()}
        return [f"a secret of the host is in {place}" for place, text in places.items() if _SECRET.search(text)]

    def _plant(self, path: Path) -> None:
        path.write_text(_secret() + "\n")
        path.chmod(0o644)
        self._files[path] = _state(path)

    def _plant_variable(self, cleanup: contextlib.ExitStack) -> None:
        before = os.environ.get(_VARIABLE)
        os.environ[_VARIABLE] = _secret()
        cleanup.callback(_restore_variable, before)

    def _listen(self, cleanup: contextlib.ExitStack, folder: Path) -> None:
        places: dict[str, str] = {
            "abstract": f"\0evolve-redteam-{secrets.token_hex(8)}", "unix": str(folder / "canary.sock"),
        }  # fmt: skip
        for name, kind, way in _LISTENERS:
            listener = cleanup.enter_context(socket.socket(kind, way))
            listener.setblocking(False)
            try:
                loopback = ("::1" if kind == socket.AF_INET6 else "127.0.0.1", 0)
                listener.bind(places.get(name, loopback))
            except OSError:
                if kind == socket.AF_INET6:
                    continue  # this machine has no IPv6
                raise
            if way == socket.SOCK_STREAM:
                listener.listen()
            self._listeners[name] = listener
        (folder / "canary.sock").chmod(0o777)

    def _was_reached(self, name: str) -> bool:
        listener = self._listeners[name]
        reached = False
        try:
            while True:
                if listener.type == socket.SOCK_STREAM:
                    listener.accept()[0].close()
                else:
                    listener.recv(1)
                reached = True
        except BlockingIOError:
            return reached

    def _is_unchanged(self, path: Path) -> bool:
        before, now = self._files[path], _state(path)
        self._files[path] = now
        return before == now

    def _known(self) -> set[Path]:
        shared = self._folders[0]
        return {*self._files, self.problem.folder, shared / "canary.sock"}

    def _process_disturbed(self) -> list[str]:
        process = self._process
        if process is None:
            return []
        if process.poll() is not None:
            self._process = _start_process(self._cleanup)
            return ["a process of the host was killed"]
        if _process_state(process.pid) != "T":
            return []
        process.send_signal(signal.SIGCONT)
        deadline = time.monotonic() + _PATIENCE_S
        while _process_state(process.pid) == "T" and time.monotonic() < deadline:
            time.sleep(0.01)
        return ["a process of the host was stopped"]


def _open_to_all(folder: Path) -> None:
    """Let every user read a folder: what keeps a program out must be the sandbox."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o555 if path.is_dir() else 0o444))


def _secret() -> str:
    return f"EVOLVE-CANARY-{secrets.token_hex(16)}"


def _folder(cleanup: contextlib.ExitStack, parent: Path) -> Path:
    path = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix=".evolve-redteam-", dir=parent)))
    path.chmod(0o755)
    return path


def _restore_variable(value: str | None) -> None:
    if value is None:
        os.environ.pop(_VARIABLE, None)
    else:
        os.environ[_VARIABLE] = value


def _start_process(cleanup: contextlib.ExitStack) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(["sleep", "86400"], stdin=subprocess.DEVNULL, start_new_session=True)
    cleanup.callback(process.wait)
    cleanup.callback(process.kill)
    return process


def _process_state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def _state(path: Path) -> tuple[bytes, int, int]:
    try:
        status = path.stat()
        return path.read_bytes(), status.st_mtime_ns, status.st_mode
    except OSError:
        return b"", 0, 0


def _sizes_and_times(folder: Path) -> dict[Path, tuple[int, int]]:
    states = ((path, path.lstat()) for path in folder.rglob("*"))
    return {path: (status.st_size, status.st_mtime_ns) for path, status in states}


def _clock_offset_s() -> float:
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)


def _host_settings() -> dict[str, str]:
    names = ("core_pattern", "hostname", "domainname", "modprobe", "panic")
    paths = [Path("/proc/sys/kernel", name) for name in names]
    return {path.name: path.read_text() for path in paths if os.access(path, os.R_OK)}
