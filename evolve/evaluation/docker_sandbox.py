"""A sandbox in containers: the judge is a process of this machine, programs run in an engine's container.

A container lives as long as its judge and is used for many programs, one after the other. Inside,
a supervisor (``evaluators/supervisor.py``) forks one candidate process per evaluation, exactly as it
does without an engine; judge and supervisor are connected by one socket, which no file names any
more once it is connected.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import sys
import tempfile
import uuid
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Final, ParamSpec, TypeVar

from evolve.arguments import at_least
from evolve.domain.problem import Problem
from evolve.errors import ConfigurationError, SandboxUnavailable
from evolve.evaluation.docker_engine import SOCKET_NAME, Box, Engine, shares_this_kernel
from evolve.evaluation.guest_protocol import ReadyMessage, Walls, setup_message
from evolve.evaluation.slot import FOLDER_PREFIX, START_SECONDS, SlotSandbox

_LOOK_EVERY_S: Final = 0.5
P = ParamSpec("P")
T = TypeVar("T")


class DockerSandbox(SlotSandbox):
    """Judge on this machine, candidates in a container.

    Args:
        problem: all jobs must be of this problem.
        image: image of the containers; it holds ``evaluators/`` at /opt/evolve, numpy and msgspec.
            None for the one that ``evolve image build`` makes for the problem, built when it is missing.
        base_image: what that image stands on.
        runtime: the engine's runtime, such as ``runsc`` (gVisor); None for the engine's default.
        cpus: processor time that all processes of a program together may use, in cores.
        recycle: programs judged in a container before it is given up for a fresh one.
        pin: keep judge and candidate on one core, a different one for each sandbox while they last.
        seed: of the global random generators in candidates.
        python: interpreter of the judge.
        sockets: let programs use a loopback of their own.
        network: a network of the engine that programs may use; None for none. Whatever it leads to, they can reach.
    """

    def __init__(
        self,
        problem: Problem,
        *,
        image: str | None = None,
        base_image: str,
        runtime: str | None = None,
        cpus: float = 1.0,
        recycle: int = 1000,
        pin: bool = True,
        seed: int = 0,
        python: str = sys.executable,
        sockets: bool = False,
        network: str | None = None,
    ) -> None:
        super().__init__(problem, python=python, seed=seed, recycle=recycle)
        at_least(1, "sandbox", recycle=recycle)
        if cpus <= 0:
            raise ConfigurationError(f"sandbox.cpus: expected more than 0, found {cpus!r}.")
        self._image, self._base_image, self._runtime = image, base_image, runtime
        self._cpus, self._pin = cpus, pin
        self._sockets, self._network = sockets or network is not None, network

    async def start(self) -> None:
        """See Sandbox.start."""
        if self.alive():
            return
        await self.close()
        async with AsyncExitStack() as resources:
            engine = Engine()
            resources.push_async_callback(_in_thread, engine.close)
            image = self._image
            if image is None:
                image = await _in_thread(engine.image_of, self._problem, self._base_image)
            box = Box(
                image=image,
                limits=self._problem.limits,
                cpus=self._cpus,
                runtime=self._runtime,
                network=self._network,
                sockets=self._sockets,
            )
            if shares_this_kernel(self._runtime):
                role, line = "judge", await _start_connected(engine, box, resources)
            else:
                role, line = "judge-of-stream", await _start_attached(engine, box, resources)
            setup = setup_message(self._problem, Walls.CONTAINER, pin=self._pin, sockets=self._sockets)
            try:
                error = await self._open(role, [str(line.fileno())], setup, resources, passed=[line])
            finally:
                line.close()
            if error:
                raise SandboxUnavailable(f"The container {image} is no sandbox: {error}")
            await _in_thread(engine.close)  # it keeps a connection for every call made so far

    def protects(self) -> Sequence[str]:
        """See Sandbox.protects."""
        told = _protects(self._isolation, self._runtime) if self._slot else []
        return [sentence.replace("no network, and see ", "") for sentence in told] if self._network else told

    def does_not_protect(self) -> Sequence[str]:
        """See Sandbox.does_not_protect."""
        if not self._slot:
            return ["The sandbox is not started."]
        told = _does_not_protect(self._isolation, self._runtime)
        return (
            [f"Programs can reach whatever the network {self._network!r} leads to.", *told] if self._network else told
        )


async def _start_connected(engine: Engine, box: Box, resources: AsyncExitStack) -> socket.socket:
    """Start a container; return the control socket of its supervisor. Raises SandboxUnavailable."""
    # The outer folder keeps other users out; the inner one is what the container sees.
    folder = Path(tempfile.mkdtemp(prefix=f"{FOLDER_PREFIX}{os.getpid()}-"))
    try:
        (folder / "sockets").mkdir(mode=0o755)
        with _listen(folder / "sockets" / SOCKET_NAME) as listener:
            name = await _create(engine, box, str(folder / "sockets"), resources)
            await _in_thread(engine.start, name)
            return await _accept(listener, engine, name)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _start_attached(engine: Engine, box: Box, resources: AsyncExitStack) -> socket.socket:
    """Start a container; return a connection to its standard streams. Raises SandboxUnavailable."""
    name = await _create(engine, box, None, resources)
    stream = await _in_thread(engine.attach, name)
    try:
        await _in_thread(engine.start, name)
    except BaseException:
        stream.close()
        raise
    return stream


async def _create(engine: Engine, box: Box, sockets: str | None, resources: AsyncExitStack) -> str:
    """Create a container that is removed with ``resources``; return its name."""
    name = f"evolve-{uuid.uuid4().hex[:16]}"
    resources.push_async_callback(_remove, engine, name)
    await _in_thread(engine.create, box, name, sockets)
    return name


def _listen(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.setblocking(False)
    listener.bind(str(path))
    path.chmod(0o666)  # where the engine maps users, the container's root is nobody's user here
    listener.listen(1)
    return listener


async def _accept(listener: socket.socket, engine: Engine, name: str) -> socket.socket:
    """Return the connection that the container makes. Raises SandboxUnavailable when it ends before that."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + START_SECONDS
    while loop.time() < deadline:
        with suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_EVERY_S):
                connection, _ = await loop.sock_accept(listener)
                connection.setblocking(True)
                return connection
        if not await _in_thread(engine.is_running, name):
            raise SandboxUnavailable(
                "The container ended before it connected. Does its image have /opt/evolve/evaluators and a python3 "
                "of version 3.11 or newer, and can the engine's containers reach this machine's sockets?"
            )
    raise SandboxUnavailable(f"The container did not connect within {START_SECONDS:g} s.")


async def _remove(engine: Engine, name: str) -> None:
    """Remove a container; if the engine is gone, it removes the container itself when it is back."""
    with suppress(SandboxUnavailable):
        await _in_thread(engine.remove, name)


async def _in_thread(call: Callable[P, T], *arguments: P.args, **keywords: P.kwargs) -> T:
    """Call the engine in a thread. A call that was begun is waited for, so that what it makes is known."""
    task = asyncio.ensure_future(asyncio.to_thread(call, *arguments, **keywords))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise


def _protects(isolation: ReadyMessage, runtime: str | None) -> list[str]:
    sentences = [
        "The score is made outside the container; only plain data comes back from the program.",
        "The problem's folder, its judge and its data are nowhere in the container.",
        "Programs have no network, and see no files but those of the image, all read-only, and a scratch folder.",
        "Memory, processes, CPU time, scratch space and output of a program are limited, all its processes together.",
        f"Programs run as user {isolation.candidate_uid} without any capability; system calls are filtered twice.",
        "Everything a program started is killed, and its files are removed, before the next one runs.",
    ]
    if isolation.landlock:
        sentences.append("Landlock limits which files programs can write and whom they can signal.")
    if runtime:
        sentences.append(f"The runtime {runtime} stands between programs and the kernel.")
    return sentences


def _does_not_protect(isolation: ReadyMessage, runtime: str | None) -> list[str]:
    sentences = [
        "Programs share caches and memory bandwidth with everything else here: timings vary and can be observed."
    ]
    if not runtime:
        sentences.append(
            "A fault of the Linux kernel itself can be exploited; sandbox.runtime=runsc (gVisor) makes that harder."
        )
    if isolation.unlimited:
        sentences.append(f"The kernel of the container sets no limit to: {', '.join(isolation.unlimited)}.")
    if not isolation.landlock:
        sentences.append(
            "There is no Landlock: user ids and the read-only root alone guard the container's files, and programs can "
            "look at the environment and the open files of the supervisor, which holds no secret."
        )
    if not isolation.seccomp:
        sentences.append("The second list of refused system calls is missing: there is none for this processor.")
    return sentences
