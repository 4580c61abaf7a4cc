"""The better sandbox of the machine it is started on: containers where an engine answers, else processes."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Protocol

from evolve.domain.problem import Problem
from evolve.errors import SandboxUnavailable
from evolve.evaluation import docker_engine
from evolve.interfaces import Job, Sandbox, Verdict

_log = logging.getLogger(__name__)


class MakeSandbox(Protocol):
    """Makes a sandbox for a problem, not started."""

    def __call__(self, *, problem: Problem) -> Sandbox: ...


class AutoSandbox:
    """For several machines that are not alike: each decides when a sandbox starts there.

    Args:
        problem: all jobs must be of this problem.
        docker: makes the sandbox for machines with a container engine.
        process: makes the one for others, and for those where the first cannot be started.
    """

    def __init__(self, problem: Problem, *, docker: MakeSandbox, process: MakeSandbox) -> None:
        self._problem, self._docker, self._process = problem, docker, process
        self._chosen: Sandbox | None = None

    async def start(self) -> None:
        """See Sandbox.start."""
        if self._chosen is None and docker_engine.answers():
            contained = self._docker(problem=self._problem)
            try:
                await contained.start()
            except SandboxUnavailable as error:
                _log.warning("A container engine answers, but: %s Using processes.", error)
            else:
                self._chosen = contained
                return
        if self._chosen is None:
            self._chosen = self._process(problem=self._problem)
        await self._chosen.start()

    async def judge(self, job: Job) -> Verdict:
        """See Sandbox.judge."""
        if self._chosen is None:
            raise SandboxUnavailable("The sandbox was not started.")
        return await self._chosen.judge(job)

    def alive(self) -> bool:
        """See Sandbox.alive."""
        return self._chosen is not None and self._chosen.alive()

    async def close(self) -> None:
        """See Sandbox.close."""
        if self._chosen is not None:
            await self._chosen.close()

    def protects(self) -> Sequence[str]:
        """See Sandbox.protects."""
        return self._chosen.protects() if self._chosen is not None else []

    def does_not_protect(self) -> Sequence[str]:
        """See Sandbox.does_not_protect."""
        return self._chosen.does_not_protect() if self._chosen is not None else ["The sandbox is not started."]
