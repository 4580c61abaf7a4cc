"""What every LanguageModel promises."""

import asyncio
import math
from collections.abc import AsyncIterator

import pytest

from evolve.bench.model_server import ModelServer
from evolve.domain.proposal import Message
from evolve.interfaces import LanguageModel
from evolve.llm.litellm_model import LiteLlmModel
from evolve.llm.requests import request_hash
from evolve.llm.scripted import ScriptedModel

CHAT = [Message("system", "Answer."), Message("user", "```python\nx = 1\n```")]


@pytest.fixture(params=["scripted", "direct", "litellm"])
async def model(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[LanguageModel]:
    monkeypatch.setenv("BENCH_KEY", "key")
    async with ModelServer("mutator") as server:
        names = {"direct": "openai/bench", "litellm": "deepseek/bench"}
        made: LanguageModel
        if request.param == "scripted":
            made = ScriptedModel(["an answer"])
        else:
            made = LiteLlmModel(
                names[request.param],
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
