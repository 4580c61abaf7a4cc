"""The host's end of a slot: the judge's process, and what every sandbox with such a judge has in common."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import IO, Final

from evolve.domain.problem import Problem
from evolve.errors import SandboxUnavailable
from evolve.evaluation import guest_protocol
from evolve.evaluation.guest_protocol import GuestLink, InterimMessage, ReadyMessage, SetupMessage, VerdictMessage
from evolve.interfaces import Job, Verdict, Watch
from evolve.paths import bundled

FOLDER_PREFIX: Final = "evolve-slot-"
"""Begins the name of every temporary folder of a slot; the process id of the host follows."""

ENVIRONMENT: Final = {
    "LANG": "C.UTF-8",
    # Sets of text come in the same order in every slot, so that equal programs score equally.
    "PYTHONHASHSEED": "0",
    # What the linker does when a function is first called it would do anew in every candidate.
    "LD_BIND_NOW": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}
START_SECONDS: Final = 60.0
_CLOSE_SECONDS: Final = 10.0
_GPUS: Final = "CUDA_VISIBLE_DEVICES"
_LAST_WORDS_BYTES: Final = 2000
_JUDGE_SECONDS: Final = 30.0
_JUDGE_FACTOR: Final = 3.0


class Slot:
    """A judge's process, and those below it, seen from the host."""

    def __init__(self, process: asyncio.subprocess.Process, host: socket.socket, life: socket.socket) -> None:
        self.link = GuestLink(host)
        self._process, self._host, self._life = process, host, life

    @classmethod
    async def launch(
        cls, python: str, role: str, arguments: Sequence[str], passed: Sequence[socket.socket], output: IO[bytes]
    ) -> Slot:
        """Start the first process of a slot; what it prints goes to ``output``. Raises SandboxUnavailable."""
        host, guest = socket.socketpair()
        # Every process of the slot but the candidate holds the other end: it closes when all are gone.
        life, lives = socket.socketpair()
        script = bundled("evaluators") / "__main__.py"
        command = [python, "-P", "-s", str(script), role, str(guest.fileno()), str(os.getpid()), *arguments]
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=[guest.fileno(), lives.fileno(), *(connection.fileno() for connection in passed)],
                env={"PATH": _search_path(python), **ENVIRONMENT, **_granted_gpus()},
                cwd="/",
                start_new_session=True,
            )
        except BaseException as error:
            host.close()
            life.close()
            if not isinstance(error, OSError):
                raise
            raise SandboxUnavailable(f"The interpreter {python} cannot be started: {error}") from error
        finally:
            guest.close()
            lives.close()
        host.setblocking(False)
        life.setblocking(False)
        return cls(process, host, life)

    def gone(self) -> bool:
        """Whether the judge has ended."""
        try:
            return not self._host.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            return True

    async def close(self) -> None:
        """Kill the slot and wait until every process of it is gone."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        self._host.close()
        try:
            await self._process.wait()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_CLOSE_SECONDS):
                    await asyncio.get_running_loop().sock_recv(self._life, 1)
        finally:
            self._life.close()


class SlotSandbox(ABC):
    """A sandbox whose judge is the first process of a slot; implements :class:`evolve.interfaces.Sandbox`.

    A slot that breaks is ended; ``start`` after ``close`` makes a new one. Not for concurrent use:
    one ``judge`` at a time. It must be started in a thread that outlives it.

    Args:
        problem: all jobs must be of this problem.
        python: interpreter of the judge; must have numpy and msgspec, or find this one's.
        seed: of the global random generators in candidates.
        recycle: programs judged before the slot is given up for a fresh one.
    """

    def __init__(self, problem: Problem, *, python: str, seed: int, recycle: int) -> None:
        self._problem, self._python, self._seed, self._recycle = problem, python, seed, recycle
        self._slot: Slot | None = None
        self._resources = AsyncExitStack()
        self._isolation = ReadyMessage()
        self._jobs = 0
        self._retired = False
        self._words = ""
        self._judgements = guest_protocol.judgements()

    @abstractmethod
    async def start(self) -> None:
        """See Sandbox.start."""

    @abstractmethod
    def protects(self) -> Sequence[str]:
        """See Sandbox.protects."""

    @abstractmethod
    def does_not_protect(self) -> Sequence[str]:
        """See Sandbox.does_not_protect."""

    def alive(self) -> bool:
        """See Sandbox.alive."""
        return self._slot is not None and not self._retired and not self._slot.gone()

    async def judge(self, job: Job) -> Verdict:
        """See Sandbox.judge. On any failure the slot is ended, and every later call fails until ``start``."""
        if self._slot is None or self._retired:
            raise SandboxUnavailable("The sandbox was not started, or has ended after a failure or its last program.")
        self._jobs += 1
        link = self._slot.link
        limit_s = job.stage.timeout_s + max(_JUDGE_SECONDS, (_JUDGE_FACTOR - 1) * job.stage.timeout_s)
        try:
            async with asyncio.timeout(limit_s):
                await link.send(guest_protocol.job_message(job, self._jobs, self._seed))
                message = await self._last_word(link, job.watch)
            verdict = guest_protocol.verdict(message, self._jobs, job.bar)
        except TimeoutError:
            await self.close()
            raise SandboxUnavailable(f"The judge gave no verdict within {limit_s:g} s.") from None
        except SandboxUnavailable as error:
            await self.close()
            raise SandboxUnavailable(f"{error} {self._words}".strip()) from error
        except asyncio.CancelledError:
            # The verdict of the cancelled job would be read as the answer to the next one.
            await self.close()
            raise
        if not message.healthy:
            await self.close()
        # Nothing is wrong with it: no verdict needs to wait until it is gone.
        self._retired = self._jobs >= self._recycle
        return verdict

    async def _last_word(self, link: GuestLink, watch: Watch) -> VerdictMessage:
        """Pass on interim results until there is a verdict."""
        while isinstance(message := await link.receive(self._judgements), InterimMessage):
            watch(guest_protocol.interim(message, self._jobs))
        return message

    async def close(self) -> None:
        """See Sandbox.close."""
        self._slot, self._jobs, self._retired = None, 0, False
        resources, self._resources = self._resources, AsyncExitStack()
        await resources.aclose()

    async def _open(
        self,
        role: str,
        arguments: Sequence[str],
        setup: SetupMessage,
        resources: AsyncExitStack,
        passed: Sequence[socket.socket] = (),
    ) -> str:
        """Start a judge and wait until its supervisor is ready; ``resources`` becomes the sandbox's.

        Returns why the isolation could not be made, or ''. Raises SandboxUnavailable.
        """
        output = resources.enter_context(tempfile.TemporaryFile("ab+"))  # noqa: SIM115
        resources.callback(self._keep_last_words, output)
        slot = await Slot.launch(self._python, role, arguments, passed, output)
        resources.push_async_callback(slot.close)
        try:
            async with asyncio.timeout(START_SECONDS):
                await slot.link.send(setup)
                ready = await slot.link.receive(guest_protocol.decoder(ReadyMessage))
        except (SandboxUnavailable, TimeoutError) as error:
            await resources.aclose()
            said = self._words.rpartition("\n")[2]
            preload = f" It loads {', '.join(self._problem.preload)} first (preload in problem.yaml)."
            hint = preload if self._problem.preload else ""
            raise SandboxUnavailable(f"The sandbox did not start: {error} {said}{hint}".strip()) from error
        if not ready.error:
            self._slot, self._isolation = slot, ready
            self._resources = resources.pop_all()
        return ready.error

    def _keep_last_words(self, output: IO[bytes]) -> None:
        size = output.seek(0, os.SEEK_END)
        output.seek(max(0, size - _LAST_WORDS_BYTES))
        self._words = output.read().decode("utf-8", "replace").strip()


def granted_gpus() -> list[str]:
    """Return the GPUs that this process was given, as a cluster names them; empty where nobody shared them out."""
    return [name for name in os.environ.get(_GPUS, "").split(",") if name.strip()]


def _granted_gpus() -> dict[str, str]:
    return {_GPUS: ",".join(granted_gpus())} if granted_gpus() else {}


def _search_path(python: str) -> str:
    return os.pathsep.join((str(Path(python).parent), "/usr/local/bin", "/usr/bin", "/bin"))
