"""A sandbox whose judge only sleeps: what is measured with it is everything around the judging."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from evolve.domain.evaluation import Outcome
from evolve.domain.problem import Problem
from evolve.interfaces import Job, Verdict


class SleepingSandbox:
    """Runs no program. Not a sandbox for anything but measurements and tests.

    Args:
        problem: whose objectives, features and constraints get a number: the length of the program.
        seconds: how long each evaluation takes.
    """

    def __init__(self, problem: Problem, *, seconds: float) -> None:
        self._metrics = [objective.name for objective in problem.objectives]
        self._metrics += [feature.name for feature in problem.features]
        self._metrics += [constraint.metric for constraint in problem.constraints]
        self._seconds = seconds
        self._started = False

    async def start(self) -> None:
        """See Sandbox.start."""
        self._started = True

    async def judge(self, job: Job) -> Verdict:
        """Sleep."""
        await asyncio.sleep(self._seconds)
        length = float(sum(map(len, job.files.values())))
        return Verdict(Outcome.VALID, dict.fromkeys(self._metrics, length), seconds=self._seconds)

    def alive(self) -> bool:
        """See Sandbox.alive."""
        return self._started

    async def close(self) -> None:
        """See Sandbox.close."""
        self._started = False

    def protects(self) -> Sequence[str]:
        """See Sandbox.protects."""
        return []

    def does_not_protect(self) -> Sequence[str]:
        """See Sandbox.does_not_protect."""
        return ["It runs no programs."]
