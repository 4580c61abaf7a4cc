"""Where programs are judged."""

from __future__ import annotations

from collections.abc import Sequence

from evolve.domain.problem import Problem
from evolve.evaluation.process_sandbox import ProcessSandbox
from evolve.interfaces import Job, Verdict


class PluginName:
    """Judges in processes of this machine; implements Sandbox."""

    def __init__(self, problem: Problem) -> None:
        self._inner = ProcessSandbox(problem, pin=False)

    async def start(self) -> None:
        """Get ready to judge. Raises SandboxUnavailable with what is missing."""
        await self._inner.start()

    async def judge(self, job: Job) -> Verdict:
        """Judge a program. Raises SandboxUnavailable for our failures, never for the program's."""
        return await self._inner.judge(job)

    def alive(self) -> bool:
        """Whether it can judge."""
        return self._inner.alive()

    async def close(self) -> None:
        """End every process."""
        await self._inner.close()

    def protects(self) -> Sequence[str]:
        """Return sentences for people."""
        return self._inner.protects()

    def does_not_protect(self) -> Sequence[str]:
        """Return sentences for people."""
        return self._inner.does_not_protect()
