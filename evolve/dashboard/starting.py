"""Beginning and resuming runs: `evolve run` and `evolve resume` in processes of their own, which outlive the dashboard.

What is asked for is read as the command reads it, before a process is begun: nothing is spent on a typing error.
Arguments are passed as a list, never through a shell.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from evolve import wiring
from evolve.configuration import configure, for_resume, quoted
from evolve.errors import ConfigurationError, NotFound
from evolve.store.address import is_postgres, public
from evolve.this_machine import sandbox_of_this_machine

_COMMAND: Final = (sys.executable, "-c", "from evolve.cli import main; main()")
_PATIENCE_S = 20.0
_LOOK_S = 0.2
_TAIL = 2000
_NOT_HERE: Final = ("store", "run", "problem", "hydra", "controller.detached")
"""What the form says by other means, or what a run that is begun here cannot have."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A run to begin.

    Args:
        problem: a bundled problem's name, or the path of a folder on the machine of the dashboard.
        search, budget: options of these groups.
        llm: a model, as ``llm=`` takes it; empty for none.
        more: further settings, KEY=VALUE, separated by spaces; quoted as in a shell.
    """

    problem: str
    search: str = "portfolio"
    budget: str = "default"
    llm: str = ""
    more: str = ""

    def overrides(self) -> list[str]:
        """Return it as arguments of ``evolve run``. Raises ConfigurationError."""
        if not self.problem.strip():
            raise ConfigurationError(
                "problem: expected the name of a problem or the path of its folder, found nothing."
            )
        told = [f"problem={quoted(self.problem.strip())}", f"search={self.search}", f"budget={self.budget}"]
        if self.llm.strip():
            told.append(f"llm={quoted(self.llm.strip())}")
        return [*told, *settings(self.more)]


@dataclass(frozen=True, slots=True)
class Begun:
    """A process that works on a run, or is about to. ``log`` is where it writes what it has to say."""

    run: str
    log: Path


def settings(text: str) -> list[str]:
    """Return KEY=VALUE settings out of a line. Raises ConfigurationError."""
    try:
        parts = shlex.split(text)
    except ValueError as error:
        raise ConfigurationError(f"Settings: {error} in {text!r}.") from error
    for part in parts:
        key, separator, _ = part.lstrip("+~").partition("=")
        if not separator or part.startswith("-"):
            raise ConfigurationError(f"Settings: expected KEY=VALUE, found {part!r}.")
        if any(key == taken or key.startswith(f"{taken}.") for taken in _NOT_HERE):
            raise ConfigurationError(f"Settings: {key} cannot be set here.")
    return parts


class Starter:
    """Begins processes. Settings are read one at a time, in a thread of its own."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="starter")
        self._processes: list[subprocess.Popen[bytes]] = []

    async def begin(self, url: str, wish: Wish) -> Begun:
        """Begin a run. Raises EvolveError with what is wrong; nothing was spent then."""
        return await self._call(self._begin, url, wish)

    async def resume(self, url: str, run: str, more: str) -> Begun:
        """Go on with a run. Raises EvolveError."""
        return await self._call(self._resume, url, run, more)

    def close(self) -> None:
        """Begin nothing more; what was begun goes on."""
        self._thread.shutdown()

    async def _call(self, do: object, *arguments: object) -> Begun:
        return await asyncio.get_running_loop().run_in_executor(self._thread, do, *arguments)  # type: ignore[arg-type]

    def _begin(self, url: str, wish: Wish) -> Begun:
        asked = wish.overrides()
        store = [f"store={'postgres' if is_postgres(url) else 'sqlite'}", f"store.url={quoted(public(url))}"]
        config = configure([*sandbox_of_this_machine(asked), *asked, *store])
        wiring.check_settings(config)
        run = f"{wiring.build_problem(config).name}-{secrets.token_hex(3)}"
        return self._watched(url, run, ["run", "--quiet", "--", *asked, *store, f"run={quoted(run)}"])

    def _resume(self, url: str, run: str, more: str) -> Begun:
        asked = settings(more)
        with closing(wiring.open_existing(url)) as store:
            info, holder = store.questions().run(run), store.holder(run)
        if holder is not None:
            raise ConfigurationError(f"{holder} works on run {run!r} already.")
        wiring.check_settings(for_resume(info.config, asked))
        return self._watched(url, run, ["resume", "--quiet", "--", run, *asked])

    def _watched(self, url: str, run: str, arguments: Sequence[str]) -> Begun:
        """Begin a process and wait until it works on the run.

        Raises ConfigurationError with what it said if it fails.
        """
        log = Path(tempfile.mkdtemp(prefix="evolve-ui-")) / "run.log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                [*_COMMAND, *arguments],
                env=_environment(url),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        self._processes = [each for each in self._processes if each.poll() is None]
        self._processes.append(process)
        deadline = time.monotonic() + _PATIENCE_S
        while time.monotonic() < deadline and not _is_at_work(url, run):
            if process.poll():
                raise ConfigurationError(log.read_text(encoding="utf-8", errors="replace")[-_TAIL:].strip())
            if process.returncode == 0:
                break
            time.sleep(_LOOK_S)
        return Begun(run, log)


def _is_at_work(url: str, run: str) -> bool:
    try:
        with closing(wiring.open_existing(url)) as store:
            return store.holder(run) is not None
    except NotFound:
        return False


def _environment(url: str) -> dict[str, str]:
    """Return the environment of a process: the store's address, whose password must not stand among arguments."""
    found = {**os.environ, "EVOLVE_STORE": url}
    password = urlsplit(url).password if is_postgres(url) else None
    return {**found, "PGPASSWORD": unquote(password)} if password else found
