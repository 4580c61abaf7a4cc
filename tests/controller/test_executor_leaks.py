"""An executor that is closed, or whose sandboxes fail to start again, leaves nothing running and says what it must."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from evolve.controller.local_executor import LocalExecutor
from evolve.domain.evaluation import Outcome
from evolve.domain.problem import Problem
from evolve.errors import SandboxUnavailable
from evolve.interfaces import Job, Verdict


class Frail:
    """A sandbox that starts ``starts`` times in all, slowly, and breaks under every job."""

    running = 0

    def __init__(self, starts: list[int]) -> None:
        self._starts = starts
        self._runs = False

    async def start(self) -> None:
        await asyncio.sleep(0.02)
        if not self._starts:
            raise SandboxUnavailable("no more processes")
        self._starts.pop()
        self._runs = True
        Frail.running += 1

    def alive(self) -> bool:
        return self._runs

    async def judge(self, job: Job) -> Verdict:
        await self.close()
        raise SandboxUnavailable("broken")

    async def close(self) -> None:
        Frail.running -= self._runs
        self._runs = False

    def protects(self) -> Sequence[str]:
        return []

    def does_not_protect(self) -> Sequence[str]:
        return []


async def test_sandboxes_that_do_not_start_again_end_as_infrastructure(problem: Problem) -> None:
    starts = [1]
    executor = LocalExecutor(lambda: Frail(starts), width=1, retries=2)
    await executor.start()
    verdict = await executor.judge(Job(problem, problem.stages[0], {}))
    assert verdict.outcome is Outcome.INFRASTRUCTURE and "no more processes" in verdict.feedback
    await executor.close()
    assert Frail.running == 0


async def test_a_sandbox_that_starts_while_the_executor_closes_is_closed_too(problem: Problem) -> None:
    starts = [1, 1, 1]
    executor = LocalExecutor(lambda: Frail(starts), width=1, retries=0)
    await executor.start()
    judging = asyncio.create_task(executor.judge(Job(problem, problem.stages[0], {})))
    await asyncio.sleep(0.01)  # its replacement is starting
    await executor.close()
    await judging
    assert Frail.running == 0


class Retiring(Frail):
    """A sandbox for one program, whose end takes time, as that of a container does."""

    retired = False

    def alive(self) -> bool:
        return super().alive() and not self.retired

    async def judge(self, job: Job) -> Verdict:
        self.retired = True
        return Verdict(Outcome.VALID)

    async def close(self) -> None:
        await asyncio.sleep(0.05)
        await super().close()


async def test_a_sandbox_that_is_ending_while_the_executor_closes_has_ended_then(problem: Problem) -> None:
    starts = [1]
    executor = LocalExecutor(lambda: Retiring(starts), width=1, retries=0)
    await executor.start()
    assert (await executor.judge(Job(problem, problem.stages[0], {}))).outcome is Outcome.VALID
    await asyncio.sleep(0.01)  # its end has begun
    await executor.close()
    assert Frail.running == 0
