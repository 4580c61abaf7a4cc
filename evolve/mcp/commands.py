"""The commands of `evolve`, run as processes: their output must not get onto the wire to the assistant."""

from __future__ import annotations

import asyncio
import json
import re
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from evolve.errors import ConfigurationError, EvolveError, NotFound

_EVOLVE: Final = (sys.executable, "-c", "from evolve.cli import main; main()")
_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@-]{0,199}")
_PATH: Final = re.compile(r"[A-Za-z0-9_./~+@][A-Za-z0-9_./~+@ -]*")
_SETTING: Final = re.compile(r"[a-z_]+(?:\.[A-Za-z_]\w*)*=.*", re.DOTALL)
# What would make objects of any class, run any command, write anywhere, or send a key to anybody.
_CLOSED: Final = re.compile(
    r"^(?:hydra|store|run|executor|sandbox|mutation\.(?:workshop|operators|prompt))\b|api_base|api_key|_target_"
)
_OPEN: Final = frozenset({"executor.width", "sandbox"})
_CLOSED_VALUE: Final = re.compile(r"_target_|://|[{}]")
_LONGEST_OUTPUT: Final = 32 << 20
_LAST_WORDS: Final = 3000
_START_S: Final = 120.0
_LOOK_EVERY_S: Final = 0.5


class Refused(EvolveError):
    """An assistant asked for something that the command, or this server, does not do; says why."""


@dataclass(frozen=True, slots=True)
class Commands:
    """Runs commands of evolve.

    Args:
        store: URL of the store that they look at.
        settings: ``key=value``, for every run that is started, after whatever the assistant says.
    """

    store: str
    settings: tuple[str, ...] = ()

    async def rows(self, *arguments: str, of_store: bool = True, timeout_s: float = 120.0) -> list[Any]:
        """Return the lines of JSON that a command prints. Raises Refused with what it says when it fails."""
        told = await self.text(*arguments, "--json", of_store=of_store, timeout_s=timeout_s)
        return [json.loads(line) for line in told.splitlines() if line.strip()]

    async def text(self, *arguments: str, of_store: bool = True, timeout_s: float = 120.0, fails: bool = False) -> str:
        """Return what a command prints; ``fails`` takes an exit code of 1 for an answer. Raises Refused."""
        place = ("--store", self.store) if of_store else ()
        process = await asyncio.create_subprocess_exec(
            *_EVOLVE,
            *arguments,
            *place,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(timeout_s):
                out, said = await process.communicate()
        except TimeoutError:
            raise Refused(f"evolve {arguments[0]} took longer than {timeout_s:g} s and was ended.") from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode and not (fails and out.strip()):
            raise Refused(_words(said or out))
        return out[:_LONGEST_OUTPUT].decode("utf-8", "replace")

    async def begin(self, run: str, *arguments: str) -> dict[str, object]:
        """Start a command that works on a run, beside this server; return the run once it is on record.

        It goes on when this server ends. Raises Refused with its words if it fails before that.
        """
        before = time.time()
        with tempfile.TemporaryFile() as output:
            process = await asyncio.create_subprocess_exec(
                *_EVOLVE, *arguments, stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output,
                start_new_session=True,
            )  # fmt: skip
            while time.time() - before < _START_S:
                ended = process.returncode is not None
                row = await self._row(run)
                if process.returncode or (ended and row is None):
                    output.seek(0)
                    raise Refused(_words(output.read()))
                if row is not None and (ended or row["status"] == "running"):
                    return row
                await asyncio.sleep(_LOOK_EVERY_S)
        return {"run": run, "status": "starting"}

    async def runs(self) -> list[Any]:
        """Return the runs of the store; none where there is no store yet."""
        path = self.store.removeprefix("sqlite:///")
        if path != self.store and not Path(path).is_file():
            return []
        return await self.rows("runs")

    async def run(self, run: str) -> dict[str, Any]:
        """Return a run's row. Raises NotFound."""
        row = await self._row(name_of(run))
        if row is None:
            raise NotFound(f"There is no run {run!r} in {self.store}.")
        return row

    async def _row(self, run: str) -> dict[str, Any] | None:
        return next((row for row in await self.runs() if row["run"] == run), None)


def name_of(text: str) -> str:
    """Return a name that cannot be taken for an option or a path. Raises ConfigurationError."""
    if not _NAME.fullmatch(text):
        raise ConfigurationError(f"Expected a name of letters, digits, '_', '.', '@' and '-', found {text!r:.100}.")
    return text


def path_of(text: str) -> str:
    """Return a problem's name or the path of a folder that cannot be taken for an option. Raises ConfigurationError."""
    if not _PATH.fullmatch(text):
        raise ConfigurationError(
            f"Expected a name or a path of letters, digits, blanks and _./~+@-, found {text!r:.100}."
        )
    return text


def settings_of(settings: Sequence[str]) -> list[str]:
    """Return settings that an assistant may choose. Raises ConfigurationError for those that only people may."""
    for setting in settings:
        if not _SETTING.fullmatch(setting):
            raise ConfigurationError(f"Expected key=value, such as budget.wall_s=60, found {setting!r:.100}.")
        name, _, value = setting.partition("=")
        if (_CLOSED.search(name) and name not in _OPEN) or _CLOSED_VALUE.search(value):
            raise ConfigurationError(
                f"{setting:.100}: this is for people to set, on the command line or with `evolve mcp --set`."
            )
    return list(settings)


def _words(said: bytes) -> str:
    return (
        said[-_LAST_WORDS:].decode("utf-8", "replace").strip().removeprefix("evolve: ") or "It failed without a word."
    )
