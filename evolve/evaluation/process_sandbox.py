"""A sandbox made of processes: no engine, no daemon, nothing to install.

One slot is a small tree of processes (``evaluators/slot.py``): a judge that holds the problem, and
a supervisor that forks one candidate process per evaluation, isolated by whatever this machine
offers. What it offers is found out by trying, once, at start-up.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

from evolve.domain.problem import Problem
from evolve.errors import SandboxUnavailable
from evolve.evaluation.guest_protocol import ReadyMessage, Walls, setup_message
from evolve.evaluation.slot import FOLDER_PREFIX, SlotSandbox
from evolve.paths import bundled

_LIBRARY_FOLDERS: Final = {"site-packages", "dist-packages"}


class ProcessSandbox(SlotSandbox):
    """Judge and candidate in processes of this machine.

    Args:
        problem: all jobs must be of this problem.
        namespaces: whether to try Linux namespaces; without them the isolation is weaker.
        python: interpreter of the slot; must have numpy and msgspec, or find this one's.
        seed: of the global random generators in candidates.
        recycle: programs judged before the slot is given up for a fresh one.
        pin: keep judge and candidate on one core, a different one for each slot while they last. They
            take turns, and waking a process on another core is slow; False for programs of several threads.
        sockets: let programs use a loopback of their own, which leads nowhere else; needs namespaces.
    """

    def __init__(
        self,
        problem: Problem,
        *,
        namespaces: bool = True,
        python: str = sys.executable,
        seed: int = 0,
        recycle: int = 1_000_000,
        pin: bool = True,
        sockets: bool = False,
    ) -> None:
        super().__init__(problem, python=python, seed=seed, recycle=recycle)
        self._pin, self._sockets = pin, sockets
        self._walls = Walls.NAMESPACES if namespaces else Walls.NONE
        self._refusal = "" if namespaces else "switched off"

    async def start(self) -> None:
        """See Sandbox.start. Namespaces that this machine refuses are done without, and reported."""
        if self.alive():
            return
        await self.close()
        error = await self._try()
        if error and self._walls is Walls.NAMESPACES:
            self._walls, self._refusal = Walls.NONE, error
            error = await self._try()
        if error:
            raise SandboxUnavailable(error)

    def protects(self) -> Sequence[str]:
        """See Sandbox.protects."""
        return _protects(self._isolation) if self._slot else []

    def does_not_protect(self) -> Sequence[str]:
        """See Sandbox.does_not_protect."""
        return _does_not_protect(self._isolation, self._refusal) if self._slot else ["The sandbox is not started."]

    async def _try(self) -> str:
        """Build a slot; return why its isolation cannot be made, or ''."""
        async with AsyncExitStack() as resources:
            scratch = ""
            if self._walls is Walls.NONE:
                scratch = tempfile.mkdtemp(prefix=f"{FOLDER_PREFIX}{os.getpid()}-")
                resources.callback(shutil.rmtree, scratch, ignore_errors=True)
            hidden = [self._problem.folder, bundled("problems"), Path.cwd(), Path.home()]
            setup = setup_message(
                self._problem,
                self._walls,
                pin=self._pin,
                hidden=[str(path) for path in hidden],
                scratch=scratch,
                sockets=self._sockets,
            )
            return await self._open("slot", _library_folders(), setup, resources)


def _library_folders() -> list[str]:
    """Return where this interpreter finds installed packages."""
    return [path for path in sys.path if Path(path).name in _LIBRARY_FOLDERS]


def _protects(isolation: ReadyMessage) -> list[str]:
    sentences = [
        "The score is made in another process; only plain data comes back from the program.",
        "Wall time, CPU time, output and the address space of each process are limited.",
        "Everything a program started is killed, and its files are removed, before the next one runs.",
    ]
    if isolation.walls is Walls.NAMESPACES:
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
    if isolation.unlimited:
        sentences.append(f"This kernel sets no limit to: {', '.join(isolation.unlimited)}.")
    if isolation.walls is Walls.NONE:
        sentences.append(f"There are no namespaces ({refusal}): the scratch folder has no size limit of its own.")
        sentences.append("If the supervisor is killed by force, what a program had started in the background lives on.")
        if not isolation.landlock:
            sentences.append("Programs can read every file that their user can read.")
        if not isolation.seccomp:
            sentences.append("Programs can use the network.")
        if isolation.candidate_uid < 0:
            sentences.append("Programs run as your user: the number of processes is not limited.")
            sentences.append("Programs can change the modes and times of your files.")
            if not isolation.landlock:
                sentences.append("Programs can signal your processes and read files of yours.")
    elif isolation.user_namespace:
        sentences.append("Programs and judge are the same user to the kernel; namespaces alone separate them.")
    if not isolation.seccomp:
        sentences.append("No system calls are refused: there is no list for this processor.")
    return sentences
