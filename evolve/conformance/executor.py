"""What every Executor promises, wherever it judges. Nothing here looks inside: sandboxes may be on other machines."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path

import pytest

from evolve.domain.evaluation import Outcome
from evolve.domain.objective import Direction
from evolve.domain.problem import Problem, Stage
from evolve.interfaces import Bar, Executor, Job

PATIENCE_S = 60.0
EVALUATE = """
import os, time
from pathlib import Path
from evaluators import Score

def evaluate(candidate, stage, params):
    notes = Path(params["notes"])
    (notes / f"begun {time.time_ns()}").touch()
    if stage == "broken" or (stage == "broken once" and len(list(notes.iterdir())) == 1):
        os._exit(1)
    began = time.time()
    if stage == "looped":
        with candidate.session() as session:
            for left in range(9, -1, -1):
                value = session.call("answer", 5.0)
                candidate.at_best(value=value + left)
    else:
        value = candidate.call("answer", 20.0)
    (notes / f"ended {time.time_ns()}").touch()
    metrics = {"value": value, "began": began, "ended": time.time()}
    return Score(metrics, feedback="well", artifacts={"a.bin": b"\\0\\xff"},
                 per_instance={"one": value})
"""
HONEST = "def answer(x): return 2 * x"
SLOW = "import time\ndef answer(x):\n    time.sleep(0.3)\n    return x"
SLEEPER = "import time\ndef answer(x):\n    time.sleep(300)"

Started = Callable[[Problem, int], AbstractAsyncContextManager[Executor]]


def job(problem: Problem, program: str = HONEST, stage: str = "full", timeout_s: float = 20.0) -> Job:
    claim = problem.stages[0].resources
    return Job(problem, Stage(stage, timeout_s, resources=claim), {"program.py": program})


def notes(problem: Problem, kind: str) -> list[Path]:
    return list(Path(str(problem.params["notes"])).glob(f"{kind} *"))


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.02)


class ExecutorSuite:
    """What every Executor promises. A class of yours says how one is started."""

    @pytest.fixture
    def started(self) -> Started:
        """Return what starts an executor of some width for a problem, and closes it in the end.

        It is to retry a job whose sandbox failed twice at most.
        """
        raise NotImplementedError("Override the fixture started in your class.")

    @pytest.fixture
    def problem(self, tmp_path: Path) -> Problem:
        folder = tmp_path / "problem"
        (folder / "seed").mkdir(parents=True)
        (tmp_path / "notes").mkdir()
        (folder / "seed" / "program.py").write_text(HONEST)
        (folder / "evaluate.py").write_text(EVALUATE)
        (folder / "problem.yaml").write_text(
            "statement: x\nobjectives: [{name: value, direction: maximize}]\nparams: {notes: ''}\n"
            "resources: {cpus: 0.01}\nstages: [{name: full}, {name: looped}, {name: broken}, {name: broken once}]\n"
        )
        return Problem.load(folder, {"notes": str(tmp_path / "notes")})

    @pytest.mark.asyncio
    async def test_verdicts_come_back_whole_and_every_ending_has_its_outcome(
        self, started: Started, problem: Problem
    ) -> None:
        async with started(problem, 1) as executor:
            verdict = await executor.judge(job(problem))
            assert verdict.outcome is Outcome.VALID
            assert verdict.metrics["value"] == 40.0 and verdict.per_instance == {"one": 40.0}
            assert verdict.feedback == "well" and verdict.artifacts == {"a.bin": b"\0\xff"}
            assert verdict.seconds > 0
            for program, outcome in (
                ("def answer(x): return float('nan')", Outcome.INVALID),
                ("def answer(x):\n    print('so be it')\n    raise ValueError('no')", Outcome.CRASHED),
            ):
                verdict = await executor.judge(job(problem, program))
                assert verdict.outcome is outcome and not verdict.metrics
            assert "so be it" in verdict.log
            verdict = await executor.judge(job(problem, SLEEPER, timeout_s=0.5))
            assert verdict.outcome is Outcome.TIMED_OUT

    @pytest.mark.asyncio
    async def test_no_more_than_width_at_once_and_all_of_it_is_used(self, started: Started, problem: Problem) -> None:
        async with started(problem, 2) as executor:
            assert executor.width == 2
            verdicts = await asyncio.gather(*(executor.judge(job(problem, SLOW)) for _ in range(6)))
        spans = [(verdict.metrics["began"], verdict.metrics["ended"]) for verdict in verdicts]
        together = [sum(begin <= began < end for begin, end in spans) for began, _ in spans]
        assert max(together) == 2

    @pytest.mark.asyncio
    async def test_a_program_that_misses_its_bar_is_stopped_and_its_bounds_are_heard(
        self, started: Started, problem: Problem
    ) -> None:
        heard: list[float] = []
        bar = Bar("value", Direction.MAXIMIZE, 12.0)
        looped = replace(job(problem, "def answer(x): return x", "looped"), watch=lambda m: heard.append(m["value"]))
        slowly = replace(looped, files={"program.py": SLOW})
        async with started(problem, 1) as executor:
            verdict = await executor.judge(replace(looped, bar=bar))
            assert verdict.outcome is Outcome.REJECTED and verdict.metrics["value"] == 11.0
            assert (await executor.judge(slowly)).outcome is Outcome.VALID
        assert heard and set(heard) <= {5.0 + left for left in range(10)}

    @pytest.mark.asyncio
    async def test_a_job_whose_sandbox_fails_once_is_tried_again(self, started: Started, problem: Problem) -> None:
        async with started(problem, 1) as executor:
            verdict = await executor.judge(job(problem, stage="broken once"))
        assert verdict.outcome is Outcome.VALID and len(notes(problem, "begun")) == 2

    @pytest.mark.asyncio
    async def test_a_job_under_which_every_sandbox_fails_is_our_fault_and_the_next_is_judged(
        self, started: Started, problem: Problem
    ) -> None:
        async with started(problem, 1) as executor:
            verdict = await executor.judge(job(problem, stage="broken"))
            assert verdict.outcome is Outcome.INFRASTRUCTURE and verdict.feedback
            assert (await executor.judge(job(problem))).outcome is Outcome.VALID

    @pytest.mark.asyncio
    async def test_a_cancelled_job_is_stopped_and_frees_its_place(self, started: Started, problem: Problem) -> None:
        async with started(problem, 1) as executor:
            judging = asyncio.create_task(executor.judge(job(problem, SLEEPER, timeout_s=300)))
            await until(lambda: len(notes(problem, "begun")) == 1)
            judging.cancel()
            await asyncio.gather(judging, return_exceptions=True)
            async with asyncio.timeout(PATIENCE_S):
                assert (await executor.judge(job(problem))).outcome is Outcome.VALID
        assert len(notes(problem, "ended")) == 1

    @pytest.mark.asyncio
    async def test_after_it_was_closed_it_can_be_started_again(self, started: Started, problem: Problem) -> None:
        async with started(problem, 1) as executor:
            judging = [asyncio.create_task(executor.judge(job(problem, SLEEPER, timeout_s=300))) for _ in range(3)]
            await until(lambda: len(notes(problem, "begun")) == 1)
            for task in judging:
                task.cancel()
            await asyncio.gather(*judging, return_exceptions=True)
            await executor.close()
            await executor.start()
            async with asyncio.timeout(PATIENCE_S):
                assert (await executor.judge(job(problem))).outcome is Outcome.VALID
