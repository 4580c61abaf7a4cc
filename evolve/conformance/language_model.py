"""What every LanguageModel promises."""

import asyncio
import math
from collections.abc import AsyncIterator

import pytest

from evolve.bench.model_server import ModelServer
from evolve.domain.proposal import CallState, Message
from evolve.interfaces import LanguageModel, Member
from evolve.llm.ensemble import Ensemble
from evolve.llm.litellm_model import LiteLlmModel
from evolve.llm.requests import request_hash
from evolve.llm.scripted import ScriptedModel

CHAT = [Message("system", "Answer."), Message("user", "```python\nx = 1\n```")]


@pytest.fixture(params=["scripted", "direct", "litellm", "ensemble", "member"])
async def model(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[LanguageModel]:
    monkeypatch.setenv("BENCH_KEY", "key")
    async with ModelServer("mutator") as server:
        names = {"direct": "openai/bench", "litellm": "deepseek/bench"}
        kind = {"ensemble": "direct", "member": "direct"}.get(request.param, request.param)
        made: LanguageModel
        if request.param == "scripted":
            made = ScriptedModel(["an answer"])
        else:
            made = LiteLlmModel(
                names[kind],
                api_base=server.url,
                api_key_env="BENCH_KEY",
                temperature=1.0,
                max_tokens=50,
                timeout_s=20.0,
                retries=1,
                backoff_s=0.0,
                input_usd_per_million=1.0,
                output_usd_per_million=1.0,
            )
        if request.param in ("ensemble", "member"):
            several = Ensemble([Member(made), Member(ScriptedModel(["another"]))])
            made = several if request.param == "ensemble" else several.member(made.name)
        yield made
        await made.close()


def test_a_request_is_complete_and_reproducible(model: LanguageModel) -> None:
    request = model.request(CHAT)
    assert request.model == model.name
    assert list(request.messages) == CHAT
    assert request_hash(request) == request_hash(model.request(CHAT))


def test_a_second_call_of_a_proposal_is_another_request(model: LanguageModel) -> None:
    assert request_hash(model.request(CHAT, call=1)) != request_hash(model.request(CHAT))


async def test_an_answer_comes_with_its_account(model: LanguageModel) -> None:
    answer = await model.complete(model.request(CHAT))
    assert answer.text
    assert answer.finish_reason == "stop"
    assert answer.prompt_tokens > 0
    assert answer.completion_tokens > 0
    assert answer.cost_usd >= 0
    assert math.isfinite(answer.cost_usd)
    assert answer.seconds >= 0


async def test_calls_may_overlap(model: LanguageModel) -> None:
    answers = await asyncio.gather(*(model.complete(model.request(CHAT, call=call)) for call in range(8)))
    assert all(answer.text for answer in answers)


async def test_a_model_may_be_closed_twice_and_used_again(model: LanguageModel) -> None:
    await model.close()
    await model.close()
    assert (await model.complete(model.request(CHAT))).text


async def test_the_transitions_of_a_call_are_told_with_its_cost(model: LanguageModel) -> None:
    told: list[tuple[CallState, str, float]] = []

    def report(state: CallState, model: str, _detail: str, cost_usd: float) -> None:
        told.append((state, model, cost_usd))

    answer = await model.complete(model.request(CHAT), report)
    assert [state for state, *_ in told] == [CallState.SENT, CallState.ANSWERED, CallState.VALIDATED]
    assert {who for _, who, _ in told} == {model.name}
    assert sum(cost for *_, cost in told) == answer.cost_usd
    assert answer.fault == ""


async def test_it_is_ready_before_anything_is_sent_and_knows_what_it_can_be_shown(model: LanguageModel) -> None:
    await model.ready()
    assert model.context_tokens is None or model.context_tokens > 0
    assert model.sees in (True, False)
