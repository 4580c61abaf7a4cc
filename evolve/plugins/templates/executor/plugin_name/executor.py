"""Where programs are judged, and how many at once."""

from __future__ import annotations

from collections.abc import Callable

from evolve.controller.local_executor import LocalExecutor
from evolve.interfaces import Job, Sandbox, Verdict


class PluginName:
    """Judges on this machine; implements Executor.

    Args:
        make_sandbox: makes one sandbox of the run, not started. Executors that judge elsewhere ask for
            ``problem``, ``build_sandbox`` and ``settings`` instead: see evolve.wiring.build_executor.
        width: programs judged at once.
        retries: times a job is tried again after a sandbox failed under it.
    """

    def __init__(self, make_sandbox: Callable[[], Sandbox], *, width: int, retries: int) -> None:
        self._inner = LocalExecutor(make_sandbox, width=width, retries=retries)

    @property
    def width(self) -> int:
        """How many programs are judged at once."""
        return self._inner.width

    async def start(self) -> None:
        """Get ready."""
        await self._inner.start()

    async def judge(self, job: Job) -> Verdict:
        """Judge a program on the next free sandbox."""
        return await self._inner.judge(job)

    async def close(self) -> None:
        """End everything."""
        await self._inner.close()
