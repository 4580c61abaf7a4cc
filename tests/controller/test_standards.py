"""What attempts are measured by while they are judged, and what is taken over from the record."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from evolve.controller.local_executor import LocalExecutor
from evolve.controller.run import resume_run, start_run
from evolve.controller.standards import Standards
from evolve.domain.evaluation import Evaluation, Outcome, Scored
from evolve.domain.problem import Problem
from evolve.interfaces import Job, Verdict
from evolve.store.memory import MemoryStore
from tests.controller.controller_support import InProcessExecutor, Nudge, make_parts, no_view, run_info, write_problem

BESIDE_BEST = """
statement: Make value large.
objectives: [{name: value, direction: maximize}]
stages: [{name: quick, timeout_s: 5, gate: {factor_of_best: 0.5}}, {name: full, timeout_s: 5, interim: {slack: 0.25}}]
"""


class KeptStore(MemoryStore):
    """A memory store that several sessions open and close."""

    def close(self) -> None:
        """Stay open."""


@dataclass
class StrictExecutor(InProcessExecutor):
    """Stops programs that miss their bar, and remembers the bars by text."""

    limits: dict[str, float] = field(default_factory=dict)

    async def judge(self, job: Job) -> Verdict:
        verdict = await super().judge(job)
        value = verdict.metrics.get("value")
        if job.bar is not None:
            self.limits[next(iter(job.files.values()))] = job.bar.limit
            if value is not None and job.bar.is_missed(value):
                return replace(verdict, outcome=Outcome.REJECTED)
        return verdict


@pytest.fixture
def beside_best(tmp_path: Path) -> Problem:
    folder = write_problem(tmp_path / "beside_best").folder
    (folder / "problem.yaml").write_text(BESIDE_BEST)
    return Problem.load(folder)


def scored(step: int) -> Scored:
    return Scored(step, 0, (), "o", Outcome.VALID, (1.0,))


def evaluations(value: float) -> list[Evaluation]:
    return [Evaluation(stage, Outcome.VALID, "h", metrics={"value": value}) for stage in ("quick", "full")]


def test_the_best_is_read_from_the_record_once_and_not_at_all_if_nobody_asks(
    problem: Problem, beside_best: Problem
) -> None:
    read: list[int] = []

    def load(step: int) -> list[Evaluation]:
        read.append(step)
        return evaluations(float(step))

    assert Standards(problem, load).of(scored(3)) == {}
    standards = Standards(beside_best, load)
    assert standards.of(None) == {}
    standards.note(1, evaluations(9.0))
    assert standards.of(scored(1)) == {"quick": {"value": 9.0}, "full": {"value": 9.0}}
    assert read == []
    assert [standards.of(scored(2))["full"] for _ in range(2)] == [{"value": 2.0}] * 2
    assert read == [2]


def test_repeats_do_not_move_a_standard(beside_best: Problem) -> None:
    again = replace(evaluations(5.0)[1], repeat=1)
    assert Standards(beside_best, lambda _: [*evaluations(1.0), again]).of(scored(0))["full"] == {"value": 1.0}


async def test_attempts_are_measured_by_the_best_of_when_they_were_chosen(beside_best: Problem) -> None:
    """Slow judging of some programs must not change what others are measured by."""
    runs = []
    for factor in (0.0, 1.0):
        executor = StrictExecutor(width=2, delay_s=lambda text, factor=factor: factor * (len(text) % 5) * 1e-3)  # type: ignore[misc]
        store = KeptStore()
        parts = make_parts(beside_best, store, [Nudge()], executor=executor, ordered=True, evaluations=60)
        await start_run(parts, run_info(beside_best), no_view)
        history = list(store.history("r"))
        best = {0: 1.0}
        for attempt in history:
            valid = attempt.evaluation is not None and attempt.finished.outcome is Outcome.VALID
            value = attempt.evaluation.metrics["value"] if valid and attempt.evaluation is not None else 1.0
            told = attempt.finished.sequence
            best[told + 1] = max(best.get(told, 1.0), value)
        for attempt in history[1:]:
            if attempt.program is None:
                continue
            text = next(iter(store.program("r", attempt.selected.step).files.values()))
            if text in executor.limits:
                expected = 0.75 * best[attempt.selected.finished_before]
                assert executor.limits[text] == pytest.approx(expected)
        runs.append([(a.selected, a.fingerprint, a.finished) for a in history])
        stopped = [a.evaluation for a in history if a.finished.outcome is Outcome.REJECTED and a.evaluation]
        assert {evaluation.stage for evaluation in stopped} == {"quick", "full"}
        assert all("beside the best's" in evaluation.feedback for evaluation in stopped)
    assert runs[0] == runs[1]


async def test_a_resumed_run_measures_by_the_best_on_record(beside_best: Problem) -> None:
    store, executor = KeptStore(), StrictExecutor(width=1)
    before = make_parts(beside_best, store, [Nudge()], executor=StrictExecutor(width=1), ordered=True, evaluations=20)
    await start_run(before, run_info(beside_best), no_view)
    best = max(
        attempt.evaluation.metrics["value"]
        for attempt in store.history("r")
        if attempt.evaluation is not None and attempt.finished.outcome is Outcome.VALID
    )
    after = make_parts(beside_best, store, [Nudge()], executor=executor, ordered=True, proposals=60, evaluations=None)
    await resume_run(after, "r", no_view)
    assert best > 1.0
    assert next(iter(executor.limits.values())) == pytest.approx(0.75 * best)


# ── the record ────────────────────────────────────────────────────────────────────────────────
async def two_runs(problem: Problem, store: MemoryStore, *, reuse: bool) -> tuple[list[tuple[str, str]], list[str]]:
    """Run twice with one seed in one store; return what the second run judged, and its programs."""
    executors = [InProcessExecutor(width=1), InProcessExecutor(width=1)]
    for run, executor in zip(("first", "second"), executors, strict=True):
        parts = make_parts(problem, store, [Nudge()], executor=executor, ordered=True, evaluations=15)
        await start_run(replace(parts, reuse_evaluations=reuse, sealed=False), run_info(problem, run), no_view)
    return executors[1].judged, [a.fingerprint for a in store.history("second")]


async def test_a_run_does_not_judge_what_another_run_has_judged(problem: Problem) -> None:
    store = KeptStore()
    judged, programs = await two_runs(problem, store, reuse=True)
    first, second = (list(store.history(run)) for run in ("first", "second"))
    assert programs == [attempt.fingerprint for attempt in first]
    assert [a.finished for a in second] == [a.finished for a in first]
    valid = [a for a in second if a.finished.outcome is Outcome.VALID and a.evaluation is not None]
    assert valid and all(a.evaluation is not None and a.evaluation.reused for a in valid)
    assert all(a.evaluation is not None and a.evaluation.seconds == 0 for a in valid)
    # What a gate stopped is no result of the program alone: only those are judged again, on the stage of the gate.
    assert {stage for _, stage in judged} <= {"quick"}
    assert len(judged) == sum(a.finished.outcome is Outcome.REJECTED for a in second)


async def test_reused_evaluations_count_as_any_other_in_the_budget(problem: Problem) -> None:
    """So a run ends where it would have ended in an empty store."""
    store = KeptStore()
    await two_runs(problem, store, reuse=True)
    assert store.run("first").evaluated == store.run("second").evaluated == 15


@pytest.mark.parametrize(("reuse", "deterministic"), [(False, True), (True, False)])
async def test_nothing_is_taken_over_where_that_is_not_wanted_or_not_sound(
    problem: Problem, reuse: bool, deterministic: bool
) -> None:
    store = KeptStore()
    judged, _ = await two_runs(replace(problem, deterministic=deterministic), store, reuse=reuse)
    assert len(judged) >= 15
    assert not any(a.evaluation.reused for a in store.history("second") if a.evaluation is not None)


# ── in flight ─────────────────────────────────────────────────────────────────────────────────
class _Reporting:
    """A sandbox that reports a bound and then waits to be told to end."""

    def __init__(self, ends: asyncio.Event) -> None:
        self._ends = ends

    async def start(self) -> None:
        """Nothing to start."""

    def alive(self) -> bool:
        return True

    async def judge(self, job: Job) -> Verdict:
        job.watch({"value": 9.0})
        job.watch({"value": float(len(job.files))})
        await self._ends.wait()
        return Verdict(Outcome.VALID, metrics={"value": 1.0})

    async def close(self) -> None:
        """Nothing to close."""

    def protects(self) -> list[str]:
        return []

    def does_not_protect(self) -> list[str]:
        return []


async def test_the_executor_knows_the_last_bound_of_each_evaluation_in_flight(problem: Problem) -> None:
    ends = asyncio.Event()
    executor = LocalExecutor(lambda: _Reporting(ends), width=2, retries=0)
    await executor.start()
    files: list[Mapping[str, str]] = [{"a": ""}, {"a": "", "b": ""}]
    judging = [asyncio.create_task(executor.judge(Job(problem, problem.stages[0], text))) for text in files]
    while len(executor.interim()) < 2:
        await asyncio.sleep(0)
    assert executor.interim() == [{"value": 1.0}, {"value": 2.0}]
    ends.set()
    await asyncio.gather(*judging)
    assert executor.interim() == []
    await executor.close()
