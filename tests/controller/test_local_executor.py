from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from evolve.controller.local_executor import LocalExecutor
from evolve.domain.evaluation import Outcome
from evolve.domain.problem import Problem
from evolve.errors import SandboxUnavailable
from evolve.interfaces import Job, Verdict


class Bench:
    """Makes sandboxes that keep a count of what happened to them; ``broken`` of them fail when they judge."""

    def __init__(self, broken: int = 0, starts: bool = True) -> None:
        self.broken = broken
        self.starts = starts
        self.started = 0
        self.closed = 0
        self.busy = 0
        self.most_busy = 0
        self.judged_by: list[_Sandbox] = []

    def make(self) -> _Sandbox:
        return _Sandbox(self)


class _Sandbox:
    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._works = False

    async def start(self) -> None:
        if not self._bench.starts:
            raise SandboxUnavailable("no namespaces here")
        self._bench.started += 1
        self._works = True

    def alive(self) -> bool:
        return self._works

    async def judge(self, job: Job) -> Verdict:
        bench = self._bench
        bench.busy += 1
        bench.most_busy = max(bench.most_busy, bench.busy)
        try:
            await asyncio.sleep(0.005)
        except asyncio.CancelledError:
            self._works = False
            raise
        finally:
            bench.busy -= 1
        bench.judged_by.append(self)
        if bench.broken > 0:
            bench.broken -= 1
            self._works = False
            raise SandboxUnavailable("the judge died")
        return Verdict(Outcome.VALID, metrics={"value": 1.0})

    async def close(self) -> None:
        self._bench.closed += 1
        self._works = False

    def protects(self) -> Sequence[str]:
        return ()

    def does_not_protect(self) -> Sequence[str]:
        return ()


def job(problem: Problem) -> Job:
    return Job(problem, problem.stages[0], problem.seed().files)


async def test_no_more_than_width_at_once(problem: Problem) -> None:
    bench = Bench()
    executor = LocalExecutor(bench.make, width=3, retries=0)
    await executor.start()
    verdicts = await asyncio.gather(*(executor.judge(job(problem)) for _ in range(20)))
    await executor.close()
    assert {verdict.outcome for verdict in verdicts} == {Outcome.VALID}
    assert (bench.started, bench.closed, bench.most_busy) == (3, 3, 3)


async def test_a_failed_sandbox_is_replaced_and_the_job_tried_again(problem: Problem) -> None:
    bench = Bench(broken=2)
    executor = LocalExecutor(bench.make, width=1, retries=2)
    await executor.start()
    verdict = await executor.judge(job(problem))
    await executor.close()
    assert verdict.outcome is Outcome.VALID
    assert (bench.started, bench.closed) == (3, 3)


async def test_when_retries_are_used_up_nobody_is_blamed(problem: Problem) -> None:
    bench = Bench(broken=99)
    executor = LocalExecutor(bench.make, width=1, retries=1)
    await executor.start()
    verdict = await executor.judge(job(problem))
    await executor.close()
    assert verdict.outcome is Outcome.INFRASTRUCTURE
    assert "the judge died" in verdict.feedback


async def test_a_cancelled_job_frees_its_place(problem: Problem) -> None:
    bench = Bench()
    executor = LocalExecutor(bench.make, width=1, retries=0)
    await executor.start()
    first = asyncio.create_task(executor.judge(job(problem)))
    await asyncio.sleep(0.001)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    assert (await asyncio.wait_for(executor.judge(job(problem)), 5)).outcome is Outcome.VALID
    await executor.close()
    assert bench.started == bench.closed == 2


async def test_a_sandbox_that_cannot_start_is_reported(problem: Problem) -> None:
    executor = LocalExecutor(Bench(starts=False).make, width=2, retries=0)
    with pytest.raises(SandboxUnavailable, match="no namespaces"):
        await executor.start()


async def test_a_spare_takes_over_while_the_failed_one_is_replaced(problem: Problem) -> None:
    bench = Bench(broken=1)
    executor = LocalExecutor(bench.make, width=1, retries=1, spares=1)
    await executor.start()
    await asyncio.sleep(0)
    assert bench.started == 2
    bench.starts = False
    assert (await executor.judge(job(problem))).outcome is Outcome.VALID
    assert len(set(bench.judged_by)) == 2
    await executor.close()


async def test_a_spare_is_left_alone_until_it_is_needed(problem: Problem) -> None:
    bench = Bench()
    executor = LocalExecutor(bench.make, width=1, retries=0, spares=2)
    await executor.start()
    for _ in range(5):
        await executor.judge(job(problem))
    await executor.close()
    assert len(set(bench.judged_by)) == 1 and (bench.started, bench.closed) == (3, 3)


async def test_jobs_wait_while_nothing_starts_and_go_on_when_it_does(problem: Problem) -> None:
    bench = Bench(broken=2)
    executor = LocalExecutor(bench.make, width=2, retries=2, patience_s=60)
    await executor.start()
    bench.starts = False
    judging = [asyncio.create_task(executor.judge(job(problem))) for _ in range(6)]
    await asyncio.sleep(0.05)
    assert not any(task.done() for task in judging)
    bench.starts = True
    verdicts = await asyncio.wait_for(asyncio.gather(*judging), 10)
    await executor.close()
    assert {verdict.outcome for verdict in verdicts} == {Outcome.VALID}


async def test_patience_ends_and_starting_is_tried_again_for_the_next_job(problem: Problem) -> None:
    bench = Bench(broken=1)
    executor = LocalExecutor(bench.make, width=1, retries=5, patience_s=0)
    await executor.start()
    bench.starts = False
    first = await executor.judge(job(problem))
    assert first.outcome is Outcome.INFRASTRUCTURE and "no namespaces" in first.feedback
    bench.starts = True
    assert (await executor.judge(job(problem))).outcome is Outcome.VALID
    await executor.close()


async def test_sandboxes_that_died_while_they_waited_cost_no_try(problem: Problem) -> None:
    bench = Bench()
    made: list[_Sandbox] = []

    def make() -> _Sandbox:
        made.append(bench.make())
        return made[-1]

    executor = LocalExecutor(make, width=3, retries=0, spares=2)
    await executor.start()
    await asyncio.sleep(0)
    for sandbox in made:
        await sandbox.close()
    assert (await executor.judge(job(problem))).outcome is Outcome.VALID
    await executor.close()
