"""Every call on record, and every cent: what is recorded is what the server charged."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from evolve.bench.model_server import ModelServer
from evolve.controller.journal import Journal
from evolve.controller.recorded_model import INTERRUPTED, CallOnRecord, RecordedModel, calls_on_record
from evolve.domain.proposal import Called, CallState, Choice, Message, Prompted, Request, Selected, Usage
from evolve.errors import ModelError, StoreError
from evolve.interfaces import LanguageModel, Report, RunInfo, Store, tell_nobody
from evolve.llm.ensemble import ensemble_of
from evolve.llm.requests import request_hash
from evolve.llm.scripted import ScriptedModel
from evolve.store.memory import MemoryStore
from evolve.store.sql import SqlStore

RUN = RunInfo("r", "p", "running", {}, {}, 1.0)
PROGRAM = "# EVOLVE-BLOCK-START\ndef f(x):\n    return 2.5 * x + 1\n# EVOLVE-BLOCK-END\n"
EACH = {
    "temperature": None,
    "max_tokens": 100,
    "timeout_s": 0.4,
    "retries": 2,
    "backoff_s": 0.001,
    "input_usd_per_million": 1000.0,
    "output_usd_per_million": 2000.0,
}


@asynccontextmanager
async def journal(store: Store, steps: int, resumed: bool = False) -> AsyncIterator[Journal]:
    made = Journal(store, store.acquire("r", "me:1:1", 60.0))
    try:
        if not resumed:
            await made.write(*(Selected(step, Choice(0, (), 0), "diff", 0) for step in range(steps)))
        yield made
    finally:
        await made.close()


def store_at(folder: Path) -> SqlStore:
    store = SqlStore(f"sqlite:///{folder}/a.db")
    store.create_run(RUN)
    return store


def chat(step: int) -> list[Message]:
    return [Message("user", f"{step}\n# Current program\n```python\n{PROGRAM}```\n")]


async def test_the_story_of_a_call_is_on_record() -> None:
    store = MemoryStore()
    store.create_run(RUN)
    async with journal(store, 1) as made:
        model = RecordedModel(ScriptedModel(["```\nx\n```"], cost_usd=0.5), made, 0)
        request = model.request(chat(0))
        answer = await model.complete(request)
    assert store.requests("r", 0) == [(request, answer)]
    called = [called for _, called in store.calls("r", 0)]
    assert [(one.number, one.state) for one in called] == [(0, "sent"), (1, "answered"), (2, "validated")]
    assert {one.request_hash for one in called} == {request_hash(request)}
    assert model.usage().cost_usd == answer.cost_usd == 0.5


async def test_an_answer_on_record_is_given_without_asking_and_without_a_story() -> None:
    store = MemoryStore()
    store.create_run(RUN)
    async with journal(store, 1) as made:
        scripted = ScriptedModel(["never"])
        request = scripted.request(chat(0))
        known = await scripted.complete(request)
        model = RecordedModel(ScriptedModel(["another"]), made, 0, [CallOnRecord(request, known)])
        assert await model.complete(request) == known
        assert model.usage() == Usage(1, known.prompt_tokens + known.completion_tokens, known.cost_usd)
    assert store.calls("r", 0) == []


async def test_a_call_that_was_cut_off_is_sent_again_as_it_was() -> None:
    """Since then other attempts have ended, and the prompt would be another."""
    store = MemoryStore()
    store.create_run(RUN)
    async with journal(store, 1) as made:
        asked: list[Request] = []
        scripted = ScriptedModel(lambda request: asked.append(request) or "an answer", cost_usd=0.5)  # type: ignore[func-returns-value]
        before = scripted.request(chat(0))
        model = RecordedModel(scripted, made, 0, [CallOnRecord(before, None)])
        assert (await model.complete(scripted.request(chat(1)))).text == "an answer"
    assert asked == [before]
    assert [request for request, _ in store.requests("r", 0)] == [before]


async def test_money_of_a_call_that_a_crash_cut_off_is_part_of_its_answer_when_it_is_sent_again() -> None:
    """An unusable answer was paid for, and the controller was killed before it had another."""
    store = MemoryStore()
    store.create_run(RUN)
    scripted = ScriptedModel(["an answer"], cost_usd=0.5)
    request = scripted.request(chat(0))
    key = request_hash(request)
    async with journal(store, 1) as made:
        await made.write(Prompted(0, key, request), Called(0, key, 0, CallState.SENT, "m"))
        await made.write(Called(0, key, 1, CallState.ANSWERED, "m", "truncated", 0.25))
    assert store.run("r").usage == Usage(1, 0, 0.25)
    (before,) = calls_on_record(store, "r", 0)
    assert before == CallOnRecord(request, None, 0.25)
    async with journal(store, 1, resumed=True) as made:
        model = RecordedModel(scripted, made, 0, [before])
        answer = await model.complete(request)
    assert answer.cost_usd == model.usage().cost_usd == store.run("r").usage.cost_usd == 0.75


async def test_what_was_paid_before_an_interruption_stays_on_record_and_is_not_paid_again(tmp_path: Path) -> None:
    store = store_at(tmp_path)
    async with ModelServer("empty", input_usd_per_million=1000.0, output_usd_per_million=2000.0) as server:
        model = ensemble_of({"a": {"model": "openai/x", "api_base": server.url}}, each=EACH)

        def cancel_when_reasked(state: CallState, *_: object) -> None:
            if state is CallState.REASKED:
                task.cancel()

        async with journal(store, 1) as made:
            recorded = RecordedModel(model, made, 0)
            request = recorded.request(chat(0))
            task = asyncio.create_task(recorded.complete(request, cancel_when_reasked))
            with pytest.raises(asyncio.CancelledError):
                await task
        ((_, kept),) = store.requests("r", 0)
        assert kept is not None and kept.fault == INTERRUPTED
        assert kept.cost_usd == pytest.approx(server.paid()[0].cost_usd) == recorded.usage().cost_usd
        assert [one.state for _, one in store.calls("r", 0)] == ["sent", "answered", "reasked", "failed"]
        async with journal(store, 0) as made:
            again = RecordedModel(model, made, 0, [CallOnRecord(request, kept)])
            assert await again.complete(request) == kept
        assert len(server.log) == 1
        await model.close()
    assert store.run("r").usage.cost_usd == pytest.approx(kept.cost_usd)
    store.close()


async def test_a_call_that_cost_nothing_and_failed_is_asked_again_next_time() -> None:
    store = MemoryStore()
    store.create_run(RUN)
    async with ModelServer("http500") as server:
        model = ensemble_of({"a": {"model": "openai/x", "api_base": server.url}}, each=EACH)
        async with journal(store, 1) as made:
            with pytest.raises(ModelError):
                await RecordedModel(model, made, 0).complete(model.request(chat(0)))
        await model.close()
    assert store.requests("r", 0)[0][1] is None
    assert [one.state for _, one in store.calls("r", 0)][-1] == "failed"


async def test_nothing_is_asked_when_the_record_cannot_be_written() -> None:
    store = MemoryStore()
    store.create_run(RUN)
    async with ModelServer() as server:
        model = ensemble_of({"a": {"model": "openai/x", "api_base": server.url}}, each=EACH)
        async with journal(store, 0) as made:
            with pytest.raises(StoreError):
                await RecordedModel(model, made, 7).complete(model.request(chat(0)))
        await model.close()
        assert server.log == []


@pytest.mark.parametrize("seed", [0, 1])
async def test_the_record_equals_the_servers_bill_when_three_calls_in_ten_fail(tmp_path: Path, seed: int) -> None:
    """Eight workers, two members with fallbacks and limits; every seventh call is cancelled where it waits."""
    store, steps = store_at(tmp_path), 200

    def server(seed: int) -> ModelServer:
        return ModelServer("failing", seed=seed, input_usd_per_million=1000.0, output_usd_per_million=2000.0)

    async with server(seed) as first, server(9) as second:
        model = ensemble_of(
            {
                "a": {"model": "openai/x", "api_base": first.url, "concurrency": 3},
                "b": {"model": "openai/y", "api_base": second.url, "requests_per_minute": 60_000, "retries": 0},
            },
            each=EACH,
        )
        ends: list[str] = []
        async with journal(store, steps) as made:
            waiting = iter(range(steps))

            async def work() -> None:
                for step in waiting:
                    asked = RecordedModel(model.member("ab"[step % 2]), made, step)
                    ends.append(await _end(asked, step))

            async with asyncio.timeout(60):
                await asyncio.gather(*(work() for _ in range(8)))
        await model.close()
        bill = math.fsum(entry.cost_usd for one in (first, second) for entry in one.log)
        failed = [entry for one in (first, second) for entry in one.log if entry.persona != "mutator"]
    assert len(ends) == steps and {"answered", "cancelled"} <= set(ends)
    assert len(failed) > steps / 5
    calls = [called for step in range(steps) for _, called in store.calls("r", step)]
    answers = [answer for step in range(steps) for _, answer in store.requests("r", step) if answer]
    assert bill > 0
    assert math.fsum(called.cost_usd for called in calls) == pytest.approx(bill, abs=1e-9)
    assert math.fsum(answer.cost_usd for answer in answers) == pytest.approx(bill, abs=1e-9)
    assert store.run("r").usage.cost_usd == pytest.approx(bill, abs=1e-9)
    last = {(called.step, called.request_hash): called.state for called in calls}
    assert set(last.values()) <= {CallState.VALIDATED, CallState.FAILED}
    assert {called.state for called in calls} == set(CallState)
    store.close()


async def _end(model: LanguageModel, step: int) -> str:
    report: Report = tell_nobody
    if step % 7 == 0:

        def cancel_where_it_waits(state: CallState, *_: object) -> None:
            if state in (CallState.QUEUED, CallState.BACKOFF, CallState.REASKED):
                task.cancel()

        report = cancel_where_it_waits
    task = asyncio.create_task(model.complete(model.request(chat(step)), report))
    try:
        await task
    except ModelError:
        return "failed"
    except asyncio.CancelledError:
        return "cancelled"
    return "answered"
