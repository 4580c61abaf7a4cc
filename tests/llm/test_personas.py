"""Everything a model and a network may do, through both real clients."""

from __future__ import annotations

import asyncio

import pytest

from evolve.bench.model_server import ModelServer
from evolve.bench.personas import PERSONAS
from evolve.domain.proposal import CallState, Completion, Message, Picture
from evolve.errors import ModelError
from evolve.llm.litellm_model import LiteLlmModel

PROGRAM = "# EVOLVE-BLOCK-START\ndef f(x):\n    return 2.5 * x + 1\n# EVOLVE-BLOCK-END\n"
RULES = "Answer with SEARCH/REPLACE blocks:\n<<<<<<< SEARCH\nold\n=======\nnew\n>>>>>>> REPLACE\n" * 3
CHAT = [Message("system", RULES), Message("user", f"Improve this.\n# Current program\n```python\n{PROGRAM}```\n")]

FAULTS = {
    "truncated": "truncated",
    "filtered": "refused",
    "declines": "refused",
    "empty": "empty_answer",
    "thinks": "empty_answer",
    "repeats": "degenerate",
    "echo": "echo",
}
FOR_THE_OPERATOR = {
    "mutator",
    "reader",
    "prose",
    "wrong_fence",
    "wrong_file",
    "markers",
    "unchanged",
    "huge",
    "unicode",
}
PASSING = {"http429", "http500", "hang", "stall", "close", "reset", "html", "invalid_json"}
FATAL = {"http400", "http401", "http404", "http429_quota"}
REFUSED = {"http400_overflow", "enormous"}


def model(server: ModelServer, client: str, **changed: object) -> LiteLlmModel:
    name = {"direct": "openai/bench", "litellm": "deepseek/bench"}[client]
    settings: dict[str, object] = {
        "temperature": 0.5,
        "max_tokens": 100,
        "timeout_s": 20.0,
        "retries": 2,
        "backoff_s": 0.0,
        "input_usd_per_million": 1.0,
        "output_usd_per_million": 2.0,
        **changed,
    }
    return LiteLlmModel(name, api_base=server.url, api_key_env="BENCH_KEY", **settings)  # type: ignore[arg-type]


async def story(persona: str, client: str, **changed: object) -> tuple[str, Completion | ModelError, ModelServer]:
    """Return the states of one call, what came of it, and the server; the money is compared on the way."""
    told: list[CallState] = []
    spent: list[float] = []

    def report(state: CallState, _model: str, _detail: str, cost_usd: float) -> None:
        told.append(state)
        spent.append(cost_usd)

    outcome: Completion | ModelError
    async with ModelServer(persona) as server:
        asking = model(server, client, **changed)
        try:
            async with asyncio.timeout(60):
                outcome = await asking.complete(asking.request(CHAT), report)
            assert outcome.cost_usd == pytest.approx(sum(spent))
        except ModelError as error:
            outcome = error
        finally:
            await asking.close()
        assert sum(spent) == pytest.approx(sum(entry.cost_usd for entry in server.log), abs=1e-12)
    return " ".join(told), outcome, server


@pytest.fixture(params=["direct", "litellm"], autouse=True)
def client(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("BENCH_KEY", "key")
    return str(request.param)


def test_every_persona_has_its_place_here() -> None:
    always = {name for name in PERSONAS if not name.endswith("_once")}
    assert always == set(FAULTS) | FOR_THE_OPERATOR | PASSING | FATAL | REFUSED


@pytest.mark.parametrize("persona", sorted(FOR_THE_OPERATOR))
async def test_answers_that_arrive_whole_are_validated(persona: str, client: str) -> None:
    if (persona, client) == ("huge", "litellm"):
        return  # litellm takes ten seconds over two megabytes
    states, answer, _ = await story(persona, client)
    assert states == "sent answered validated"
    assert isinstance(answer, Completion) and answer.text and not answer.fault
    answer.text.encode("utf-8")
    assert "\0" not in answer.text


@pytest.mark.parametrize("persona", sorted(FAULTS))
async def test_unusable_answers_are_named_and_paid_for(persona: str, client: str) -> None:
    states, answer, server = await story(persona, client)
    assert isinstance(answer, Completion) and answer.fault == FAULTS[persona]
    asked = 1 if FAULTS[persona] in ("truncated", "refused") else 2
    assert len(server.paid()) == asked
    assert states.endswith("answered failed") and states.count("answered") == asked


@pytest.mark.parametrize("persona", sorted(PASSING))
async def test_what_may_pass_is_tried_again_and_given_up(persona: str, client: str) -> None:
    states, error, server = await story(persona, client, timeout_s=0.3 if persona in ("hang", "stall") else 20.0)
    assert states == "sent backoff sent backoff sent failed"
    assert isinstance(error, ModelError) and not error.fatal
    assert len(server.log) == 3


@pytest.mark.parametrize("persona", sorted(FATAL))
async def test_what_nothing_mends_is_fatal_at_once(persona: str, client: str) -> None:
    states, error, server = await story(persona, client)
    assert (states, len(server.log)) == ("sent failed", 1)
    assert isinstance(error, ModelError) and error.fatal


async def test_a_prompt_that_is_too_long_is_not_sent_again_and_not_fatal(client: str) -> None:
    states, error, server = await story("http400_overflow", client)
    assert (states, len(server.log)) == ("sent failed", 1)
    assert isinstance(error, ModelError) and not error.fatal


@pytest.mark.parametrize("persona", sorted(name for name in PERSONAS if name.endswith("_once")))
async def test_what_passes_is_mended(persona: str, client: str) -> None:
    slow = persona.startswith(("hang", "stall"))
    _, answer, server = await story(persona, client, timeout_s=0.5 if slow else 20.0, max_tokens_ceiling=200)
    assert isinstance(answer, Completion) and answer.text and not answer.fault
    assert len(server.log) == 2


async def test_a_prompt_with_pictures_arrives(client: str) -> None:
    async with ModelServer() as server:
        asking = model(server, client)
        chat = [CHAT[0], Message("user", CHAT[1].content, (Picture("image/png", b"\x89PNG"),))]
        answer = await asking.complete(asking.request(chat))
        await asking.close()
        assert "SEARCH" in answer.text
        assert answer.cost_usd == pytest.approx(server.paid()[0].cost_usd)


async def test_a_body_without_end_is_cut_off_by_the_direct_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_KEY", "key")
    async with ModelServer("enormous") as server:
        asking = model(server, "direct")
        with pytest.raises(ModelError, match="larger than"):
            await asking.complete(asking.request(CHAT))
        await asking.close()
        assert len(server.log) == 1
