"""Whole runs over real parts: memory or SQLite store, real search, operators of conftest."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from evolve.controller.loop import Loop, Widths
from evolve.controller.run import Parts, Result, resume_run, start_run
from evolve.domain.evaluation import Outcome
from evolve.domain.problem import Problem
from evolve.domain.proposal import Attempt, Completion, Message, Request, Usage
from evolve.errors import ModelError, SeedNotValid, StoreLocked
from evolve.interfaces import Report, tell_nobody
from evolve.llm.scripted import ScriptedModel
from evolve.store.memory import MemoryStore
from tests.controller.controller_support import (
    SEED,
    AskAndAdd,
    InProcessExecutor,
    Nudge,
    make_parts,
    no_view,
    run_info,
    write_problem,
)


class KeptStore(MemoryStore):
    """A memory store that several sessions open and close."""

    def close(self) -> None:
        """Stay open."""


def history(store: MemoryStore, run: str = "r") -> list[Attempt]:
    return list(store.history(run))


async def started(parts: Parts, problem: Problem) -> Result:
    return await start_run(parts, run_info(problem), no_view)


async def test_a_run_spends_its_evaluations_exactly_and_numbers_without_gaps(problem: Problem) -> None:
    store = KeptStore()
    result = await started(make_parts(problem, store, [Nudge()], evaluations=20), problem)
    attempts = history(store)
    assert result.status == "finished" and "20 evaluations" in result.reason
    assert sum(attempt.evaluation is not None for attempt in attempts) == 20
    assert [attempt.finished.sequence for attempt in attempts] == list(range(len(attempts)))
    assert sorted(attempt.selected.step for attempt in attempts) == list(range(len(attempts)))
    assert store.run("r").status == "finished"


async def test_the_best_of_the_record_is_announced_and_scored_sealed(problem: Problem) -> None:
    store = KeptStore()
    result = await started(make_parts(problem, store, [Nudge()], evaluations=30), problem)
    scores = [
        a.evaluation.metrics["value"] for a in history(store) if a.finished.outcome is Outcome.VALID and a.evaluation
    ]
    assert result.best.metrics["value"] == max(scores)
    assert [contender.name for contender in result.sealed] == ["best", "seed"]
    assert result.sealed[1].evaluation.metrics["value"] == 1.0


async def test_programs_below_the_gate_are_not_judged_further(problem: Problem) -> None:
    store, executor = KeptStore(), InProcessExecutor()
    await started(make_parts(problem, store, [Nudge()], executor=executor, evaluations=40), problem)
    rejected = [a for a in history(store) if a.finished.outcome is Outcome.REJECTED and a.evaluation is not None]
    assert rejected
    for attempt in rejected:
        assert attempt.evaluation is not None and attempt.evaluation.stage == "quick"
        assert attempt.evaluation.metrics["value"] < 0.5
    texts = [text for text, stage in executor.judged if stage == "full"]
    assert all(float(text.split("value = ")[1].splitlines()[0]) >= 0.5 for text in texts)


async def test_duplicates_are_rejected_before_they_are_judged(problem: Problem) -> None:
    store, executor = KeptStore(), InProcessExecutor()
    parts = make_parts(problem, store, [Nudge(digits=0)], executor=executor, evaluations=None, proposals=60)
    await started(parts, problem)
    quick = [text for text, stage in executor.judged if stage == "quick"]
    assert len(quick) == len(set(quick))
    assert any(attempt.finished.cause == "duplicate" for attempt in history(store))


async def test_a_run_that_cannot_propose_anything_stops_and_says_why(problem: Problem) -> None:
    result = await started(make_parts(problem, KeptStore(), [Nudge(hopeless=True)], stall=7), problem)
    assert "7 attempts in a row" in result.reason and "nothing to change" in result.reason


async def test_a_run_stops_at_its_target(tmp_path: Path) -> None:
    problem = write_problem(tmp_path / "constant", target="2.5")
    result = await started(make_parts(problem, KeptStore(), [Nudge()], evaluations=5000), problem)
    assert "target reached" in result.reason
    assert result.best.metrics["value"] >= 2.5


async def test_a_seed_that_does_not_score_stops_before_anything_is_recorded(problem: Problem) -> None:
    (problem.folder / "seed" / "program.py").write_text("other = 1\n")
    store = KeptStore()
    with pytest.raises(SeedNotValid, match="no value"):
        await started(make_parts(problem, store, [Nudge()]), problem)
    assert store.runs() == []


async def test_equal_seeds_give_identical_ordered_runs_whatever_the_timing(problem: Problem) -> None:
    def delays(factor: float) -> InProcessExecutor:
        return InProcessExecutor(width=1, delay_s=lambda text: factor * (hash(text) % 7) * 1e-4)

    runs = []
    for factor in (0.0, 1.0):
        store = KeptStore()
        parts = make_parts(problem, store, [Nudge()], executor=delays(factor), ordered=True, evaluations=40)
        await started(parts, problem)
        runs.append([(a.selected, a.fingerprint, a.finished) for a in history(store)])
    assert runs[0] == runs[1]


async def test_other_seeds_give_other_runs(problem: Problem) -> None:
    marks = []
    for seed in (0, 1):
        store = KeptStore()
        await started(make_parts(problem, store, [Nudge()], seed=seed), problem)
        marks.append([attempt.fingerprint for attempt in history(store)])
    assert marks[0] != marks[1]


async def test_a_stopped_run_goes_on_with_the_same_numbers(problem: Problem) -> None:
    store, whole = KeptStore(), KeptStore()
    await started(make_parts(problem, store, [Nudge()], ordered=True, evaluations=15), problem)
    operator = Nudge()
    await resume_run(make_parts(problem, store, [operator], ordered=True, evaluations=30), "r", no_view)
    await started(make_parts(problem, whole, [Nudge()], ordered=True, evaluations=30), problem)
    assert [a.selected.step for a in history(store)] == [a.selected.step for a in history(whole)]
    assert [a.finished.sequence for a in history(store)] == list(range(len(history(store))))
    assert operator.seen == [attempt.selected.step for attempt in history(store)]


async def test_two_controllers_do_not_work_on_one_run(problem: Problem) -> None:
    store = KeptStore()
    slow = InProcessExecutor(delay_s=lambda text: 0.01)
    first = asyncio.create_task(started(make_parts(problem, store, [Nudge()], executor=slow, evaluations=40), problem))
    while not (store.runs() and store.runs()[0].proposals > 1):
        await asyncio.sleep(0.005)
    with pytest.raises(StoreLocked):
        await resume_run(replace(make_parts(problem, store, [Nudge()]), holder="elsewhere:1:1"), "r", no_view)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)


# ── with a model ──────────────────────────────────────────────────────────────────────────────
async def test_every_call_is_on_record_with_its_cost(problem: Problem) -> None:
    store = KeptStore()
    model = ScriptedModel(lambda request: "0.25", cost_usd=0.01)
    await started(make_parts(problem, store, [AskAndAdd()], model=model, evaluations=10), problem)
    attempts = [attempt for attempt in history(store) if attempt.selected.step]
    assert all(attempt.usage.cost_usd == pytest.approx(0.01) for attempt in attempts)
    assert store.run("r").usage.cost_usd == pytest.approx(0.01 * len(attempts))
    request, completion = store.requests("r", attempts[0].selected.step)[0]
    assert "value" in request.messages[0].content and completion is not None and completion.text == "0.25"


async def test_nonsense_from_a_model_is_a_rejected_attempt_and_the_run_goes_on(problem: Problem) -> None:
    store = KeptStore()
    model = ScriptedModel(lambda request: "1.5" if "step 7\n" in request.messages[0].content else "I cannot do that.")
    result = await started(
        make_parts(problem, store, [AskAndAdd()], model=model, evaluations=None, proposals=12), problem
    )
    causes = [attempt.finished.cause for attempt in history(store)]
    assert causes.count("no_number") == 10
    assert result.best.metrics["value"] == 2.5


async def test_money_in_flight_counts_against_the_budget(problem: Problem) -> None:
    store = KeptStore()
    model = ScriptedModel(lambda request: "0.001", cost_usd=0.1)
    parts = make_parts(problem, store, [AskAndAdd()], model=model, evaluations=None, cost_usd=1.0)
    result = await started(parts, problem)
    assert "$1" in result.reason
    assert store.run("r").usage.cost_usd == pytest.approx(1.0)


@pytest.mark.parametrize(("calls", "tokens"), [(7, None), (None, 300)])
async def test_calls_and_tokens_are_bounded(problem: Problem, calls: int | None, tokens: int | None) -> None:
    store = KeptStore()
    model = ScriptedModel(lambda request: "0.001")
    parts = make_parts(problem, store, [AskAndAdd()], model=model, evaluations=None, calls=calls, tokens=tokens)
    result = await started(parts, problem)
    assert ("calls" if calls else "tokens") in result.reason
    used = store.run("r").usage
    assert used.calls == 7 if calls else 300 * 0.8 < used.tokens < 300 * 1.2
    assert used == Usage(
        calls=sum(attempt.usage.calls for attempt in history(store)),
        tokens=sum(attempt.usage.tokens for attempt in history(store)),
    )
    assert (result.progress.spent.calls, result.progress.spent.tokens) == (used.calls, used.tokens)


class Failing:
    """A model whose every call fails for good."""

    name = "failing"
    context_tokens = None
    sees = False

    def request(self, messages: Sequence[Message], call: int = 0) -> Request:
        return ScriptedModel(lambda request: "").request(messages, call)

    def price_usd(self, prompt_tokens: int, answer_tokens: int) -> float:
        return 0.0

    async def ready(self) -> None:
        """Its fault shows with the first call only."""

    async def complete(self, request: Request, report: Report = tell_nobody) -> Completion:
        raise ModelError("the key is wrong")

    async def close(self) -> None:
        """Nothing is held."""


async def test_a_model_that_always_fails_ends_the_run_with_its_reason(problem: Problem) -> None:
    store = KeptStore()
    result = await started(make_parts(problem, store, [AskAndAdd()], model=Failing(), evaluations=100), problem)
    assert "the key is wrong" in result.reason
    assert result.status == "failed"
    assert {attempt.finished.cause for attempt in history(store) if attempt.selected.step} == {"model_error"}


async def test_an_answer_that_was_paid_for_is_never_asked_for_again(problem: Problem) -> None:
    """Cut a run off between the answer and the program, resume, and count what the model was asked."""
    asked: list[str] = []

    def answer(request: Request) -> str:
        asked.append(request.messages[0].content)
        return "0.5"

    class CutOff(AskAndAdd):
        """Dies after the answer of step 3 is on record."""

        async def propose(self, context):  # type: ignore[no-untyped-def]
            draft = await super().propose(context)
            if context.step == 3:
                raise KeyError("power cut")
            return draft

    store = KeptStore()
    with pytest.raises(KeyError, match="power cut"):
        await started(make_parts(problem, store, [CutOff()], model=ScriptedModel(answer), ordered=True), problem)
    assert next(item.selected.step for item in store.unfinished("r")) == 3
    await resume_run(make_parts(problem, store, [AskAndAdd()], model=ScriptedModel(answer), ordered=True), "r", no_view)
    assert len(asked) == len(set(asked))
    assert any("step 3\n" in prompt for prompt in asked)
    assert store.unfinished("r") == []


async def test_stop_finishes_what_is_in_flight(problem: Problem) -> None:
    store = KeptStore()
    loops: list[Loop] = []
    parts = make_parts(
        problem, store, [Nudge()], evaluations=10_000, executor=InProcessExecutor(delay_s=lambda t: 0.001)
    )
    run = asyncio.create_task(start_run(parts, run_info(problem), loops.append))
    while not loops or loops[0].progress.spent.evaluations < 5:
        await asyncio.sleep(0.002)
    loops[0].stop("interrupted")
    result = await run
    assert result.status == "paused"
    assert store.unfinished("r") == []
    assert SEED in next(iter(store.program("r", 0).files.values()))


# ── width ─────────────────────────────────────────────────────────────────────────────────────
async def test_a_run_is_as_wide_as_its_executor_becomes(problem: Problem) -> None:
    executor = InProcessExecutor(width=100, delay_s=lambda text: 0.01)
    wide = [1]
    parts = make_parts(problem, KeptStore(), [Nudge()], executor=executor, evaluations=None)
    parts = replace(
        parts,
        widths_for=lambda width: Widths(propose=wide[0], queue=wide[0], ordered=False, stall=50),
        listen_every_s=0.005,
    )
    loops: list[Loop] = []
    running = asyncio.create_task(start_run(parts, run_info(problem), loops.append))
    async with asyncio.timeout(30):
        while not loops or loops[0].progress.spent.evaluations < 5:
            await asyncio.sleep(0.001)
        assert loops[0].in_flight().attempts == 1
        wide[0] = 7
        while loops[0].in_flight().attempts < 7:
            await asyncio.sleep(0.001)
        wide[0] = 2
        while loops[0].in_flight().attempts > 2:
            await asyncio.sleep(0.001)
        loops[0].stop("enough")
        await running
