"""What every Sandbox promises, whatever it is made of."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from evolve.domain.evaluation import Outcome
from evolve.domain.objective import Direction
from evolve.domain.problem import Problem, Stage
from evolve.errors import SandboxUnavailable
from evolve.interfaces import Bar, Job, Sandbox

EVALUATE = """
from evaluators import Score
def evaluate(candidate, stage, params):
    if stage in ("looped", "stubborn"):
        try:
            return looped(candidate)
        except BaseException:
            if stage == "looped":
                raise
        return Score({"value": 1e9})
    if stage == "no number":
        candidate.at_best(value=float("nan"))
    return Score({"value": candidate.call("answer", 20.0)})

def looped(candidate):
    total = 0.0
    with candidate.session() as session:
        for done in range(1, 11):
            total += session.call("answer", 5.0)
            candidate.at_best(value=total + 10.0 * (10 - done))
    return Score({"value": total})
"""
HALF = "def answer(x):\n    print('asked')\n    return x"
HONEST = "def answer(x): return 2 * x"


def job(problem: Problem, program: str = HONEST, timeout_s: float = 5.0) -> Job:
    return Job(problem, Stage("full", timeout_s), {"program.py": program})


def looped(problem: Problem, limit: float | None, program: str = HALF, stage: str = "looped") -> Job:
    """Return a job of ten questions, each worth at most 10; ``HALF`` gets 5 for each."""
    bar = None if limit is None else Bar("value", Direction.MAXIMIZE, limit)
    return replace(job(problem, program), stage=Stage(stage, 5.0), bar=bar)


def children() -> set[str]:
    """Return the processes started by this one."""
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())


class SandboxSuite:
    """What every Sandbox promises. A class of yours says how one is made."""

    @pytest.fixture
    def make_sandbox(self) -> Callable[[Problem], Sandbox]:
        """Return what makes a sandbox for a problem, not started."""
        raise NotImplementedError("Override the fixture make_sandbox in your class.")

    @pytest_asyncio.fixture
    async def sandbox(self, make_sandbox: Callable[[Problem], Sandbox], problem: Problem) -> AsyncIterator[Sandbox]:
        sandbox = make_sandbox(problem)
        yield sandbox
        await sandbox.close()

    @pytest.fixture
    def problem(self, tmp_path: Path) -> Problem:
        (tmp_path / "seed").mkdir()
        (tmp_path / "seed" / "program.py").write_text(HONEST)
        (tmp_path / "evaluate.py").write_text(EVALUATE)
        (tmp_path / "problem.yaml").write_text("statement: x\nobjectives: [{name: value, direction: maximize}]\n")
        return Problem.load(tmp_path)

    @pytest.mark.asyncio
    async def test_judging_before_the_start_is_our_failure(self, sandbox: Sandbox, problem: Problem) -> None:
        with pytest.raises(SandboxUnavailable):
            await sandbox.judge(job(problem))

    @pytest.mark.asyncio
    @pytest.mark.parametrize(
        ("program", "outcome"),
        [
            ("def answer(x): return 2 * x", Outcome.VALID),
            ("def answer(x): return float('nan')", Outcome.INVALID),
            ("def answer(x): return print", Outcome.INVALID),
            ("def answer(x): raise ValueError('no')", Outcome.CRASHED),
            ("def answer(x):\n    while True: pass", Outcome.TIMED_OUT),
        ],
    )
    async def test_every_way_to_end_has_its_outcome(
        self, sandbox: Sandbox, problem: Problem, program: str, outcome: Outcome
    ) -> None:
        await sandbox.start()
        verdict = await sandbox.judge(job(problem, program, timeout_s=1.0))
        assert verdict.outcome is outcome
        assert (verdict.metrics == {"value": 40.0}) == (outcome is Outcome.VALID)
        assert verdict.seconds > 0

    @pytest.mark.asyncio
    async def test_one_program_does_not_disturb_the_next(self, sandbox: Sandbox, problem: Problem) -> None:
        await sandbox.start()
        await sandbox.judge(job(problem, "import os\ndef answer(x): os._exit(1)"))
        assert (await sandbox.judge(job(problem))).metrics == {"value": 40.0}

    @pytest.mark.asyncio
    async def test_it_can_be_closed_at_any_time_and_started_again(self, sandbox: Sandbox, problem: Problem) -> None:
        before = children()
        await sandbox.close()
        await sandbox.start()
        await sandbox.start()
        await sandbox.close()
        await sandbox.close()
        assert children() == before
        await sandbox.start()
        assert (await sandbox.judge(job(problem))).outcome is Outcome.VALID

    @pytest.mark.asyncio
    async def test_it_says_what_it_does_and_does_not_do(self, sandbox: Sandbox) -> None:
        await sandbox.start()
        for sentences in (sandbox.protects(), sandbox.does_not_protect()):
            assert sentences
            assert all(sentence.endswith(".") for sentence in sentences)

    @pytest.mark.asyncio
    @pytest.mark.parametrize("stage", ["looped", "stubborn"])
    async def test_an_evaluation_that_cannot_reach_its_bar_is_stopped(
        self, sandbox: Sandbox, problem: Problem, stage: str
    ) -> None:
        await sandbox.start()
        verdict = await sandbox.judge(looped(problem, 82.0, stage=stage))
        assert (verdict.outcome, verdict.metrics) == (Outcome.REJECTED, {"value": 80.0})
        assert verdict.log.count("asked") == 4
        assert verdict.seconds > 0
        assert sandbox.alive()
        assert (await sandbox.judge(job(problem))).metrics == {"value": 40.0}

    @pytest.mark.asyncio
    @pytest.mark.parametrize(("limit", "program"), [(50.0, HALF), (82.0, HONEST), (None, HALF)])
    async def test_an_evaluation_that_keeps_above_its_bar_ends_as_usual(
        self, sandbox: Sandbox, problem: Problem, limit: float | None, program: str
    ) -> None:
        await sandbox.start()
        verdict = await sandbox.judge(looped(problem, limit, program))
        assert verdict.outcome is Outcome.VALID
        assert verdict.metrics == {"value": 50.0 if program == HALF else 100.0}

    @pytest.mark.asyncio
    async def test_bounds_are_shown_while_the_evaluation_runs(self, sandbox: Sandbox, problem: Problem) -> None:
        await sandbox.start()
        seen: list[dict[str, float]] = []
        slow = "import time\ndef answer(x):\n    time.sleep(0.1)\n    return x"
        await sandbox.judge(replace(looped(problem, None, slow), watch=lambda metrics: seen.append(dict(metrics))))
        assert seen[0] == {"value": 95.0}
        assert 2 <= len(seen) <= 5
        assert [bound["value"] for bound in seen] == sorted((bound["value"] for bound in seen), reverse=True)

    @pytest.mark.asyncio
    async def test_a_bound_that_is_no_number_is_no_result(self, sandbox: Sandbox, problem: Problem) -> None:
        await sandbox.start()
        verdict = await sandbox.judge(looped(problem, 1.0, stage="no number"))
        assert verdict.outcome is Outcome.INVALID
        assert "'value'" in verdict.feedback
