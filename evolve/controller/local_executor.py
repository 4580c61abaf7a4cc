"""Judges programs on this machine, on a fixed number of warm sandboxes and a few in reserve."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from evolve.arguments import at_least
from evolve.domain.evaluation import Outcome
from evolve.errors import SandboxUnavailable
from evolve.interfaces import Job, Sandbox, Verdict

_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 10.0

_log = logging.getLogger(__name__)


class LocalExecutor:
    """Keeps ``width`` sandboxes busy and ``spares`` ready to take the place of one that ends.

    A sandbox that ended is replaced in the background, so that no job waits for a start as long as
    a spare is left. Where sandboxes cannot be started any more (the container engine restarts, say)
    jobs wait, up to ``patience_s``; after that each ends as INFRASTRUCTURE.

    Args:
        make_sandbox: makes a sandbox that is not started yet.
        width: how many programs are judged at once.
        retries: how often a job is tried again on another sandbox after one failed under it.
        spares: started sandboxes in reserve.
        patience_s: how long to try to start a sandbox again before jobs are told.
    """

    def __init__(
        self, make_sandbox: Callable[[], Sandbox], *, width: int, retries: int, spares: int = 0, patience_s: float = 0.0
    ) -> None:
        at_least(1, "executor", width=width)
        at_least(0, "executor", retries=retries, spares=spares, patience_s=patience_s)
        self.width = width
        self._make = make_sandbox
        self._retries, self._spares, self._patience_s = retries, spares, patience_s
        self._turns = asyncio.Semaphore(width)
        # The last to have worked is the next to work: the spares stay untouched, and unpinned.
        self._free: asyncio.LifoQueue[Sandbox | SandboxUnavailable] = asyncio.LifoQueue()
        self._all: set[Sandbox] = set()
        self._starting: set[asyncio.Task[None]] = set()
        self._closed = False
        self._interim: dict[int, Mapping[str, float]] = {}
        self._jobs = 0

    def interim(self) -> Sequence[Mapping[str, float]]:
        """Return what the evaluations in flight will at best score, as far as their judges say; the oldest first."""
        return [self._interim[number] for number in sorted(self._interim)]

    async def start(self) -> None:
        """Start every sandbox; ready when ``width`` of them are. Raises SandboxUnavailable."""
        self._closed, self._free = False, asyncio.LifoQueue()
        try:
            await asyncio.gather(*(self._add() for _ in range(self.width)))
        except SandboxUnavailable:
            await self.close()
            raise
        for _ in range(self._spares):
            self._in_background()

    async def judge(self, job: Job) -> Verdict:
        """Judge on the next free sandbox; see :class:`evolve.interfaces.Executor`."""
        self._jobs += 1
        number = self._jobs

        def watch(metrics: Mapping[str, float]) -> None:
            self._interim[number] = metrics
            job.watch(metrics)

        try:
            return await self._judged(replace(job, watch=watch))
        finally:
            self._interim.pop(number, None)

    async def _judged(self, job: Job) -> Verdict:
        failure = ""
        async with self._turns:
            for _ in range(1 + self._retries):
                sandbox = await self._next()
                if isinstance(sandbox, SandboxUnavailable):
                    return Verdict(Outcome.INFRASTRUCTURE, feedback=f"No sandbox can be started: {sandbox}")
                try:
                    return await sandbox.judge(job)
                except SandboxUnavailable as error:
                    failure = str(error)
                finally:
                    self._give_back(sandbox)
        return Verdict(Outcome.INFRASTRUCTURE, feedback=f"The sandbox failed {self._retries + 1} times: {failure}")

    async def close(self) -> None:
        """End every sandbox."""
        self._closed = True
        starting, everything = set(self._starting), set(self._all)
        for task in starting:
            task.cancel()
        await asyncio.gather(*starting, return_exceptions=True)
        await asyncio.gather(*(sandbox.close() for sandbox in everything | self._all))
        self._all.clear()
        for _ in range(self.width):  # no job waits for what will not come
            self._free.put_nowait(SandboxUnavailable("the executor was closed"))

    async def _next(self) -> Sandbox | SandboxUnavailable:
        """Return a sandbox that can judge, or why there is none."""
        while True:
            sandbox = await self._free.get()
            if isinstance(sandbox, SandboxUnavailable):
                self._in_background()
                return sandbox
            if sandbox.alive():
                return sandbox
            self._give_back(sandbox)

    def _give_back(self, sandbox: Sandbox) -> None:
        """Put a sandbox back in its place, or another one if it has ended."""
        if sandbox.alive() and not self._closed:
            self._free.put_nowait(sandbox)
        else:
            self._in_background(sandbox)

    def _in_background(self, ended: Sandbox | None = None) -> None:
        if self._closed:
            return
        task = asyncio.create_task(self._replace(ended))
        self._starting.add(task)
        task.add_done_callback(self._starting.discard)

    async def _replace(self, ended: Sandbox | None) -> None:
        """Start a sandbox, trying again for as long as patience lasts."""
        if ended is not None:
            self._all.discard(ended)
            await _to_the_end(ended)
        deadline, pause_s = time.monotonic() + self._patience_s, _FIRST_PAUSE_S
        while True:
            try:
                return await self._add()
            except SandboxUnavailable as error:
                if time.monotonic() >= deadline and not self._all:
                    self._free.put_nowait(error)
                    return
                _log.warning("Waiting for a sandbox: %s", error)
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    async def _add(self) -> None:
        sandbox = self._make()
        self._all.add(sandbox)
        try:
            await sandbox.start()
        except SandboxUnavailable:
            self._all.discard(sandbox)
            raise
        self._free.put_nowait(sandbox)


async def _to_the_end(sandbox: Sandbox) -> None:
    """Close a sandbox; being cancelled meanwhile waits until it has ended."""
    ending = asyncio.ensure_future(sandbox.close())
    try:
        await asyncio.shield(ending)
    except asyncio.CancelledError:
        await ending
        raise
