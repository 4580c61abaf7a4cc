"""One call, one answer, one bill: over a real connection, with everything that goes wrong on it."""

import asyncio
import inspect
import subprocess
import sys

import pytest
import yaml

from evolve.bench.model_server import ModelServer
from evolve.domain.proposal import Completion, Message
from evolve.errors import ConfigurationError, ModelError
from evolve.llm.litellm_model import LiteLlmModel
from evolve.paths import bundled

CHAT = [Message("system", "Answer."), Message("user", "```python\nx = 1\n```")]


def model(api_base: str | None, name: str = "openai/bench", **changed: object) -> LiteLlmModel:
    settings: dict[str, object] = {
        "temperature": 0.5,
        "max_tokens": 100,
        "timeout_s": 20.0,
        "retries": 0,
        "backoff_s": 0.0,
        "input_usd_per_million": 1.0,
        "output_usd_per_million": 2.0,
        **changed,
    }
    return LiteLlmModel(name, api_base=api_base, **settings)  # type: ignore[arg-type]


async def asked(model: LiteLlmModel) -> Completion:
    try:
        async with asyncio.timeout(20):
            return await model.complete(model.request(CHAT))
    finally:
        await model.close()


async def test_the_bill_agrees_with_the_servers() -> None:
    async with ModelServer() as server:
        answer = await asked(model(server.url))
        assert answer.cost_usd == pytest.approx(server.paid()[0].cost_usd)
        assert answer.completion_tokens == server.paid()[0].completion_tokens
        assert answer.finish_reason == "stop"


def test_the_request_holds_every_setting_that_is_sent() -> None:
    assert model(None).request(CHAT).settings == {"temperature": 0.5, "max_tokens": 100}
    assert model(None, temperature=None, max_tokens=None).request(CHAT).settings == {}


@pytest.mark.parametrize("persona", ["http429_once", "http500_once", "close_once", "invalid_json_once", "hang_once"])
async def test_what_may_pass_is_tried_again(persona: str) -> None:
    async with ModelServer(persona) as server:
        answer = await asked(model(server.url, retries=1, timeout_s=0.3 if persona == "hang_once" else 20.0))
        assert answer.text
        assert len(server.log) == 2


async def test_retry_after_wins_over_the_backoff() -> None:
    async with ModelServer("http429_once") as server:
        await asked(model(server.url, retries=1, backoff_s=1000.0))
        assert len(server.log) == 2


async def test_retries_end() -> None:
    async with ModelServer("http500") as server:
        with pytest.raises(ModelError, match="after 3 attempts"):
            await asked(model(server.url, retries=2))
        assert len(server.log) == 3
        assert not server.paid()


@pytest.mark.parametrize(
    ("persona", "advice"), [("http400", "llm.max_tokens"), ("http401", "MY_KEY"), ("http404", "llm.api_base")]
)
async def test_what_cannot_pass_is_not_tried_again(persona: str, advice: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "s3cret")
    async with ModelServer(persona) as server:
        with pytest.raises(ModelError, match=advice) as caught:
            await asked(model(server.url, retries=5, api_key_env="MY_KEY"))
        assert len(server.log) == 1
        assert "s3cret" not in str(caught.value)


async def test_a_key_that_is_not_set_is_named_before_anything_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    async with ModelServer() as server:
        with pytest.raises(ConfigurationError, match="NO_SUCH_KEY is not set"):
            await asked(model(server.url, api_key_env="NO_SUCH_KEY"))
        assert not server.log


async def test_a_local_model_without_a_price_is_free_and_says_so() -> None:
    async with ModelServer() as server:
        free = model(server.url, input_usd_per_million=None, output_usd_per_million=None)
        assert (await asked(free)).cost_usd == 0.0
        assert not free.cost_is_known


async def test_a_gateway_on_this_machine_costs_what_the_model_behind_it_costs() -> None:
    async with ModelServer() as server:
        paid = model(server.url, "openai/gpt-4o-mini", input_usd_per_million=None, output_usd_per_million=None)
        assert (await asked(paid)).cost_usd > 0
        assert paid.cost_is_known


async def test_a_remote_model_without_a_price_is_refused() -> None:
    remote = model("https://models.example.com/v1", input_usd_per_million=None, output_usd_per_million=None)
    with pytest.raises(ConfigurationError, match="no price is known"):
        await asked(remote)


def test_an_address_needs_its_scheme() -> None:
    with pytest.raises(ConfigurationError, match="localhost:8000"):
        model("localhost:8000/v1")


def test_a_server_of_ones_own_needs_no_litellm() -> None:
    code = """
import asyncio, sys
from evolve.bench.model_server import ModelServer
from evolve.domain.proposal import Message
from evolve.llm.litellm_model import LiteLlmModel

async def main():
    async with ModelServer() as server:
        model = LiteLlmModel("openai/bench", api_base=server.url, temperature=None, max_tokens=None,
                             timeout_s=20.0, retries=0, backoff_s=0.0)
        await model.complete(model.request([Message("user", "hello")]))
        await model.close()

asyncio.run(main())
assert "litellm" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


async def test_other_providers_go_through_litellm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "s3cret")
    async with ModelServer("http500_once") as server:
        answer = await asked(model(server.url, "deepseek/bench", retries=1, api_key_env="MY_KEY"))
        assert answer.text
        assert answer.cost_usd == pytest.approx(server.paid()[0].cost_usd)
        assert len(server.log) == 2
    for persona, count in (("http401", 1), ("http400", 1), ("http429", 3)):
        async with ModelServer(persona) as server:
            with pytest.raises(ModelError, match="deepseek/bench"):
                await asked(model(server.url, "deepseek/bench", retries=2, api_key_env="MY_KEY"))
            assert len(server.log) == count


def test_the_configuration_names_every_setting_once() -> None:
    option = yaml.safe_load((bundled("conf") / "llm" / "single.yaml").read_text())
    assert set(option) - {"_target_"} == set(inspect.signature(LiteLlmModel).parameters) - {"name", "where", "rng"}
    each = yaml.safe_load((bundled("conf") / "llm" / "ensemble.yaml").read_text())["each"]
    assert each == {key: value for key, value in option.items() if key not in ("_target_", "model")}
    assert yaml.safe_load((bundled("conf") / "llm" / "none.yaml").read_text()) == {"model": None}
