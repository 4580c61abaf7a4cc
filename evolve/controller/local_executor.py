"""Judges programs on this machine, on a fixed number of warm sandboxes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from evolve.arguments import at_least
from evolve.domain.evaluation import Outcome
from evolve.errors import SandboxUnavailable
from evolve.interfaces import Job, Sandbox, Verdict


class LocalExecutor:
    """Keeps ``width`` sandboxes and gives each job the next free one.

    Args:
        make_sandbox: makes a sandbox that is not started yet.
        width: how many programs are judged at once.
        retries: how often a job is tried again on a fresh sandbox after one failed under it.
    """

    def __init__(self, make_sandbox: Callable[[], Sandbox], *, width: int, retries: int) -> None:
        at_least(1, "executor", width=width)
        at_least(0, "executor", retries=retries)
        self.width = width
        self._make = make_sandbox
        self._retries = retries
        self._free: asyncio.Queue[Sandbox] = asyncio.Queue()
        self._all: set[Sandbox] = set()

    async def start(self) -> None:
        """Start every sandbox; ready when all are."""
        try:
            await asyncio.gather(*(self._add() for _ in range(self.width)))
        except SandboxUnavailable:
            await self.close()
            raise

    async def judge(self, job: Job) -> Verdict:
        """Judge on the next free sandbox; see :class:`evolve.interfaces.Executor`."""
        failure = ""
        for _ in range(1 + self._retries):
            sandbox = await self._free.get()
            try:
                verdict = await sandbox.judge(job)
            except SandboxUnavailable as error:
                failure = str(error)
                await self._replace(sandbox)
                continue
            except asyncio.CancelledError:
                await asyncio.shield(self._replace(sandbox))
                raise
            self._free.put_nowait(sandbox)
            return verdict
        return Verdict(Outcome.INFRASTRUCTURE, feedback=f"The sandbox failed {self._retries + 1} times: {failure}")

    async def close(self) -> None:
        """End every sandbox."""
        everything, self._all = self._all, set()
        await asyncio.gather(*(sandbox.close() for sandbox in everything))

    async def _add(self) -> None:
        sandbox = self._make()
        self._all.add(sandbox)
        await sandbox.start()
        await self._offer(sandbox)

    async def _replace(self, broken: Sandbox) -> None:
        if broken not in self._all:
            return
        self._all.discard(broken)
        await broken.close()
        fresh = self._make()
        self._all.add(fresh)
        with contextlib.suppress(SandboxUnavailable):  # then the job that gets it is told, and it is replaced again
            await fresh.start()
        await self._offer(fresh)

    async def _offer(self, sandbox: Sandbox) -> None:
        if sandbox in self._all:
            self._free.put_nowait(sandbox)
        else:
            await sandbox.close()  # the executor was closed while it started
