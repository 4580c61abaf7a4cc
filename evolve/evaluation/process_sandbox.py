"""A sandbox made of processes: no engine, no daemon, nothing to install.

One slot is a small tree of processes (``evaluators/slot.py``): a judge that holds the problem, and
a supervisor that forks one candidate process per evaluation, isolated by whatever this machine
offers. What it offers is found out by trying, once, at start-up.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Final

from evolve.domain.problem import Problem
from evolve.errors import SandboxUnavailable
from evolve.evaluation import guest_protocol
from evolve.evaluation.guest_protocol import GuestLink, ReadyMessage, VerdictMessage
from evolve.interfaces import Job, Verdict
from evolve.paths import bundled

_START_SECONDS: Final = 60.0
_CLOSE_SECONDS: Final = 10.0
_LAST_WORDS_BYTES: Final = 2000
_JUDGE_SECONDS: Final = 30.0
_JUDGE_FACTOR: Final = 3.0
_LIBRARY_FOLDERS: Final = {"site-packages", "dist-packages"}
_ENVIRONMENT: Final = {
    "LANG": "C.UTF-8",
    # Sets of text come in the same order in every slot, so that equal programs score equally.
    "PYTHONHASHSEED": "0",
    # What the linker does when a function is first called it would do anew in every candidate.
    "LD_BIND_NOW": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}


class ProcessSandbox:
    """One slot; implements :class:`evolve.interfaces.Sandbox`.

    A slot that breaks is ended; ``start`` after ``close`` makes a new one. Not for concurrent use:
    one ``judge`` at a time. It must be started in a thread that outlives it.

    Args:
        problem: all jobs must be of this problem.
        namespaces: whether to try Linux namespaces; without them the isolation is weaker.
        python: interpreter of the slot; must have numpy and msgspec, or find this one's.
        seed: of the global random generators in candidates.
        pin: keep judge and candidate on one core, a different one for each slot while they last. They
            take turns, and waking a process on another core is slow; False for programs of several threads.
    """

    def __init__(
        self,
        problem: Problem,
        *,
        namespaces: bool = True,
        python: str = sys.executable,
        seed: int = 0,
        pin: bool = True,
    ) -> None:
        self._pin = pin
        self._problem, self._python, self._seed = problem, python, seed
        self._namespaces, self._refusal = namespaces, "" if namespaces else "switched off"
        self._slot: _Slot | None = None
        self._jobs = 0
        self._verdicts = guest_protocol.decoder(VerdictMessage)
        self._isolation = ReadyMessage()

    async def start(self) -> None:
        """See Sandbox.start. Namespaces that this machine refuses are done without, and reported."""
        if self._slot:
            return
        try:
            await self._start()
        except _NamespacesRefused as refused:
            self._namespaces, self._refusal = False, str(refused)
            await self._start()

    async def judge(self, job: Job) -> Verdict:
        """See Sandbox.judge. On any failure the slot is ended, and every later call fails until ``start``."""
        if self._slot is None:
            raise SandboxUnavailable("The sandbox was not started, or has ended after a failure.")
        self._jobs += 1
        link = self._slot.link
        limit_s = job.stage.timeout_s + max(_JUDGE_SECONDS, (_JUDGE_FACTOR - 1) * job.stage.timeout_s)
        try:
            async with asyncio.timeout(limit_s):
                await link.send(guest_protocol.job_message(job, self._jobs, self._seed))
                message = await link.receive(self._verdicts)
            verdict = guest_protocol.verdict(message, self._jobs)
        except TimeoutError:
            await self._break()
            raise SandboxUnavailable(f"The judge gave no verdict within {limit_s:g} s.") from None
        except SandboxUnavailable as error:
            raise SandboxUnavailable(f"{error} {await self._break()}".strip()) from error
        except asyncio.CancelledError:
            # The verdict of the cancelled job would be read as the answer to the next one.
            await self._break()
            raise
        if not message.healthy:
            await self._replace()
        return verdict

    async def close(self) -> None:
        """See Sandbox.close."""
        slot, self._slot = self._slot, None
        if slot:
            await slot.close()

    def protects(self) -> Sequence[str]:
        """See Sandbox.protects."""
        return _protects(self._isolation) if self._slot else []

    def does_not_protect(self) -> Sequence[str]:
        """See Sandbox.does_not_protect."""
        return _does_not_protect(self._isolation, self._refusal) if self._slot else ["The sandbox is not started."]

    async def _start(self) -> None:
        slot = await _Slot.launch(self._python, private_scratch=self._namespaces)
        try:
            async with asyncio.timeout(_START_SECONDS):
                await slot.link.send(self._setup(slot))
                ready = await slot.link.receive(guest_protocol.decoder(ReadyMessage))
        except (SandboxUnavailable, TimeoutError) as error:
            await slot.close()
            said = slot.words.rpartition("\n")[2]
            preload = f" It loads {', '.join(self._problem.preload)} first (preload in problem.yaml)."
            hint = preload if self._problem.preload else ""
            raise SandboxUnavailable(f"The sandbox did not start: {error} {said}{hint}".strip()) from error
        except asyncio.CancelledError:
            await slot.close()
            raise
        if ready.error:
            await slot.close()
            kind = _NamespacesRefused if self._namespaces else SandboxUnavailable
            raise kind(ready.error)
        self._slot, self._isolation = slot, ready

    def _setup(self, slot: _Slot) -> guest_protocol.SetupMessage:
        hidden = [self._problem.folder, bundled("problems"), Path.cwd(), Path.home()]
        return guest_protocol.setup_message(
            self._problem,
            namespaces=self._namespaces,
            hidden=[str(path) for path in hidden],
            pin=self._pin,
            scratch=slot.scratch,
        )

    async def _break(self) -> str:
        """End the slot; return its last words."""
        slot = self._slot
        await self.close()
        return slot.words if slot else ""

    async def _replace(self) -> None:
        """Change a slot that may not be clean for a new one; if that fails the next ``judge`` says so."""
        await self.close()
        with contextlib.suppress(SandboxUnavailable):
            await self.start()


class _NamespacesRefused(SandboxUnavailable):
    """The slot could not make its namespaces."""


class _Slot:
    """The processes of one slot, seen from the host."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        host: socket.socket,
        life: socket.socket,
        scratch: str,
        output: IO[bytes],
    ) -> None:
        self.link = GuestLink(host)
        self.scratch = scratch
        self.words = ""
        """The last of what the slot printed, known when it is closed; for errors."""
        self._process, self._host, self._life, self._output = process, host, life, output

    @classmethod
    async def launch(cls, python: str, private_scratch: bool) -> _Slot:
        """Start the first process of a slot. Raises SandboxUnavailable."""
        host, guest = socket.socketpair()
        # Every process of the slot but the candidate holds the other end: it closes when all are gone.
        life, lives = socket.socketpair()
        output = tempfile.TemporaryFile("ab+")  # noqa: SIM115 - closed with the slot
        script, libraries = bundled("evaluators") / "__main__.py", _library_folders()
        arguments = ["-P", "-s", str(script), str(guest.fileno()), str(os.getpid()), *libraries]
        try:
            process = await asyncio.create_subprocess_exec(
                python,
                *arguments,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=(guest.fileno(), lives.fileno()),
                env={"PATH": _search_path(python), **_ENVIRONMENT},
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            for resource in (host, life, output):
                resource.close()
            raise SandboxUnavailable(f"The interpreter {python} cannot be started: {error}") from error
        finally:
            guest.close()
            lives.close()
        host.setblocking(False)
        life.setblocking(False)
        scratch = "" if private_scratch else tempfile.mkdtemp(prefix="evolve-slot-")
        return cls(process, host, life, scratch, output)

    async def close(self) -> None:
        """Kill the slot and wait until every process of it is gone."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        self._host.close()
        await self._process.wait()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_SECONDS):
                await asyncio.get_running_loop().sock_recv(self._life, 1)
        self._life.close()
        if self.scratch:
            shutil.rmtree(self.scratch, ignore_errors=True)
        with self._output as output:
            size = output.seek(0, os.SEEK_END)
            output.seek(max(0, size - _LAST_WORDS_BYTES))
            self.words = output.read().decode("utf-8", "replace").strip()


def _library_folders() -> list[str]:
    """Return where this interpreter finds installed packages."""
    return [path for path in sys.path if Path(path).name in _LIBRARY_FOLDERS]


def _search_path(python: str) -> str:
    return os.pathsep.join((str(Path(python).parent), "/usr/local/bin", "/usr/bin", "/bin"))


def _protects(isolation: ReadyMessage) -> list[str]:
    sentences = [
        "The score is made in another process; only plain data comes back from the program.",
        "Wall time, CPU time, output and the address space of each process are limited.",
        "Everything a program started is killed, and its files are removed, before the next one runs.",
    ]
    if isolation.namespaces:
        sentences += [
            "Programs have no network, and see no processes but their own.",
            "Programs see no files but the system's programs, the interpreter and its libraries, all read-only.",
            "The scratch folder is in memory and limited in size and number of files.",
        ]
    if isolation.candidate_uid >= 0:
        sentences.append(f"Programs run as user {isolation.candidate_uid}, which owns nothing and is nobody else's.")
    if isolation.landlock:
        sentences.append("Landlock limits which files programs can open and whom they can signal.")
    if isolation.seccomp:
        sentences.append("Sockets, tracing, shared memory, mounting and new namespaces are refused (seccomp).")
    return sentences


def _does_not_protect(isolation: ReadyMessage, refusal: str) -> list[str]:
    sentences = [
        "The memory of several processes of one program together is not limited, only that of each.",
        "Programs share caches and cores with everything else here: timings vary and can be observed.",
        "A fault of the Linux kernel itself can be exploited; a virtual machine would be needed against that.",
    ]
    if not isolation.namespaces:
        sentences.append(f"There are no namespaces ({refusal}): the scratch folder has no size limit of its own.")
        sentences.append("If the supervisor is killed by force, what a program had started in the background lives on.")
        if not isolation.landlock:
            sentences.append("Programs can read every file that their user can read.")
        if not isolation.seccomp:
            sentences.append("Programs can use the network.")
        if isolation.candidate_uid < 0:
            sentences.append("Programs run as your user: the number of processes is not limited.")
            if not isolation.landlock:
                sentences.append("Programs can signal your processes and read files of yours.")
    elif isolation.user_namespace:
        sentences.append("Programs and judge are the same user to the kernel; namespaces alone separate them.")
    if not isolation.seccomp:
        sentences.append("No system calls are refused: there is no list for this processor.")
    return sentences
