"""A PostgreSQL server of the tests' own: Debian's binaries, a folder under /tmp, a socket in it, no port."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import psycopg
import pytest

_SETTINGS = (
    "listen_addresses=",
    "max_connections=40",
    "shared_buffers=16MB",
    "max_wal_size=128MB",
    "autovacuum=off",
    "jit=off",
)
_WAIT_S = 60.0
_POLL_S = 0.02
_OWNERS = ("postgres", "nobody")
_GONE = "ZX"


class Server:
    """A server that a test may stop, kill and start again. Everybody who can reach its socket is let in.

    Args:
        binaries: folder of ``postgres`` and ``initdb``.
        folder: an empty folder with a short path, for data, socket and log.
        fsync: whether commits reach the disk. Without, they survive the death of the server, but not of the machine.
    """

    def __init__(self, binaries: Path, folder: Path, *, fsync: bool = False) -> None:
        self._binaries = binaries
        self._folder = folder
        self._fsync = fsync
        self._names = itertools.count(1)
        self._spare: list[str] = []
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = _owner()
        if self._owner is not None:
            shutil.chown(folder, user=self._owner)
        self._initialise()

    @property
    def running(self) -> bool:
        """Whether the server's first process lives."""
        return self._process is not None and self._process.poll() is None

    def url(self, database: str) -> str:
        """Return the URL of one of its databases."""
        return f"postgresql://postgres@/{database}?host={self._folder}"

    def start(self) -> None:
        """Start the server, unless it runs, and wait until it answers."""
        if self.running:
            return
        settings = [part for setting in (*_SETTINGS, *self._durability()) for part in ("-c", setting)]
        command = [str(self._binaries / "postgres"), "-D", str(self._data), "-k", str(self._folder), *settings]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, user=self._owner, start_new_session=True
            )
        self._wait_until_it_answers()

    def stop(self) -> None:
        """End the server as an administrator does: connections are cut, what is committed is kept."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(_WAIT_S)
            self._process = None

    def kill(self) -> None:
        """Kill every process of the server at once, without a word to anybody."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGSTOP)  # so that it makes no more children
        family = [self._process.pid, *_children(self._process.pid)]
        for pid in family:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait(_WAIT_S)
        self._process = None
        _wait_until(lambda: not any(map(_lives, family)), "the server's processes are still there after SIGKILL")

    def restart(self) -> None:
        """Stop the server and start it again."""
        self.stop()
        self.start()

    def create_database(self) -> str:
        """Return the name of an empty database that nobody else uses."""
        if self._spare:
            return self._spare.pop()
        name = f"test_{os.getpid()}_{next(self._names)}"
        self.execute(f"create database {name}")
        return name

    def drop_database(self, name: str) -> None:
        """Empty a database, whoever uses it, and keep it for the next one: a new one takes four times as long."""
        self.execute(f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}'")
        self.execute("drop schema public cascade", name)
        self.execute("create schema public", name)
        self._spare.append(name)

    def execute(self, statement: str, database: str = "postgres") -> None:
        """Run one statement outside of a transaction."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            connection.execute(statement.encode())

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    @property
    def _log(self) -> Path:
        return self._folder / "log"

    def _durability(self) -> tuple[str, ...]:
        return () if self._fsync else ("fsync=off", "full_page_writes=off")

    def _initialise(self) -> None:
        who = ("-U", "postgres", "-A", "trust")
        how = ("-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions")
        made = subprocess.run(
            [str(self._binaries / "initdb"), "-D", str(self._data), *who, *how],
            user=self._owner,
            cwd=self._folder,
            capture_output=True,
            text=True,
            timeout=_WAIT_S,
            check=False,
        )
        if made.returncode != 0:
            raise RuntimeError(f"initdb failed: {made.stderr}")

    def _wait_until_it_answers(self) -> None:
        def answers() -> bool:
            if not self.running:
                raise RuntimeError(f"The server ended at once: {self._log.read_text(errors='replace')[-2000:]}")
            try:
                psycopg.connect(self.url("postgres")).close()
            except psycopg.OperationalError:
                return False
            return True

        _wait_until(answers, "the server does not answer")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """Return the server of this process; without binaries the test is skipped, or fails where CI promises them."""
    binaries = newest_binaries()
    if binaries is None:
        _unavailable()
    with running_server(binaries) as server:
        yield server


@contextlib.contextmanager
def running_server(binaries: Path) -> Iterator[Server]:
    """Run a server of one's own for the length of a block."""
    folder = Path(tempfile.mkdtemp(prefix="evolve-pg-", dir="/tmp"))  # a socket's path may not be long
    try:
        server = Server(binaries, folder)
        try:
            server.start()
            yield server
        finally:
            server.kill()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgres_url(postgres_server: Server) -> Iterator[str]:
    """Return the URL of an empty database that is this test's own; the test may leave the server stopped."""
    postgres_server.start()
    name = postgres_server.create_database()
    yield postgres_server.url(name)
    postgres_server.start()
    postgres_server.drop_database(name)


def newest_binaries() -> Path | None:
    """Return the folder with the newest server of this machine."""
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/postgres")]
    on_path = shutil.which("postgres")
    if on_path is not None:
        found.append(Path(on_path).resolve().parent)
    return max((path for path in found if (path / "initdb").exists()), key=_version, default=None)


def _version(binaries: Path) -> int:
    said = subprocess.run([binaries / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"\d+", said)
    return int(found.group()) if found is not None else 0


def _unavailable() -> NoReturn:
    reason = "there is no PostgreSQL server on this machine; infra/postgres.sh installs one"
    if os.environ.get("CI") or os.environ.get("EVOLVE_TEST_ENGINE") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


def _owner() -> str | None:
    """Return the user that the server runs as: PostgreSQL refuses root."""
    if os.geteuid() != 0:
        return None
    users = {line.partition(":")[0] for line in Path("/etc/passwd").read_text(encoding="utf-8").splitlines()}
    return next(user for user in _OWNERS if user in users)


def _children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text(encoding="utf-8").split()]


def _lives(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in _GONE


def _wait_until(condition: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + _WAIT_S
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"After {_WAIT_S:.0f} s {otherwise}.")
        time.sleep(_POLL_S)
