"""Several models as one: who is asked, who instead, and what a configuration may say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from evolve.bench.model_server import ModelServer
from evolve.domain.proposal import CallState, Completion, Message, Request
from evolve.errors import ConfigurationError, ModelError
from evolve.interfaces import LanguageModel, Member, Report, Tier, tell_nobody
from evolve.llm.ensemble import Ensemble, ensemble_of
from evolve.llm.requests import request_hash
from evolve.llm.scripted import ScriptedModel

CHAT = [Message("user", "improve this")]
EACH = {
    "temperature": None,
    "max_tokens": 100,
    "timeout_s": 20.0,
    "retries": 0,
    "backoff_s": 0.0,
    "input_usd_per_million": 1.0,
    "output_usd_per_million": 2.0,
}


class Broken(ScriptedModel):
    """Fails every call."""

    def __init__(self, name: str, *, fatal: bool = False, ready: bool = True) -> None:
        super().__init__(["never"], name=name)
        self._fatal = fatal
        self._is_ready = ready

    async def ready(self) -> None:
        if not self._is_ready:
            raise ConfigurationError(f"{self.name} has no key")

    async def complete(self, request: Request, report: Report = tell_nobody) -> Completion:
        report(CallState.SENT, self.name, "", 0.0)
        report(CallState.FAILED, self.name, "down", 0.0)
        raise ModelError(f"{self.name} is down", fatal=self._fatal)


def scripted(name: str) -> ScriptedModel:
    return ScriptedModel([f"from {name}"], name=name, cost_usd=0.5)


def ensemble(*models: LanguageModel, **fallbacks: Sequence[str]) -> Ensemble:
    """Return an ensemble of cheap models of falling weight, and strong ones by a capital name."""
    members = [
        Member(model, Tier.STRONG if model.name.isupper() else Tier.CHEAP, 10.0 - place)
        for place, model in enumerate(models)
    ]
    return Ensemble(members, fallbacks)


async def story(model: LanguageModel) -> tuple[str, list[tuple[str, str]]]:
    told: list[tuple[str, str]] = []

    def report(state: CallState, model: str, _detail: str, _cost_usd: float) -> None:
        told.append((state, model))

    try:
        text = (await model.complete(model.request(CHAT), report)).text
    except ModelError as error:
        text = str(error)
    return text, told


async def test_a_member_is_asked_by_its_name() -> None:
    several = ensemble(scripted("a"), scripted("b"), scripted("C"))
    for name in ("a", "b", "C"):
        assert (await story(several.member(name)))[0] == f"from {name}"
    with pytest.raises(ConfigurationError, match="Did you mean 'a'"):
        several.member("aa")


async def test_it_acts_as_its_heaviest_cheap_member_and_knows_who_made_a_request() -> None:
    several = ensemble(scripted("STRONG"), scripted("a"), scripted("b"))
    assert several.name == "a"
    assert (await story(several))[0] == "from a"
    request = several.member("STRONG").request(CHAT)
    assert (await several.complete(request)).text == "from STRONG"
    assert ensemble(scripted("ONLY")).name == "ONLY"


async def test_who_fails_is_replaced_by_the_next_of_its_tier_and_the_story_tells_it() -> None:
    several = ensemble(Broken("a"), Broken("b"), scripted("S"), scripted("c"))
    text, told = await story(several.member("a"))
    assert text == "from c"
    assert told == [
        ("sent", "a"),
        ("fallback", "b"),
        ("sent", "b"),
        ("fallback", "c"),
        ("sent", "c"),
        ("answered", "c"),
        ("validated", "c"),
    ]


async def test_fallbacks_of_ones_own_come_in_their_own_order() -> None:
    several = ensemble(Broken("a"), scripted("b"), scripted("S"), a=["S", "b"])
    assert (await story(several.member("a")))[0] == "from S"
    alone = ensemble(Broken("a"), scripted("b"), a=[])
    text, told = await story(alone.member("a"))
    assert text == "a is down"
    assert told == [("sent", "a"), ("failed", "a")]


async def test_when_all_fail_the_call_fails_once() -> None:
    text, told = await story(ensemble(Broken("a"), Broken("b")).member("a"))
    assert text == "b is down"
    assert [state for state, _ in told] == ["sent", "fallback", "sent", "failed"]


async def test_a_member_that_is_set_up_wrongly_is_not_hidden_by_another() -> None:
    text, told = await story(ensemble(Broken("a", fatal=True), scripted("b")).member("a"))
    assert text == "a is down"
    assert told == [("sent", "a"), ("failed", "a")]


async def test_all_are_checked_before_anything_is_sent() -> None:
    with pytest.raises(ConfigurationError, match="b has no key"):
        await ensemble(scripted("a"), Broken("b", ready=False)).ready()
    with pytest.raises(ConfigurationError, match="b has no key"):
        await ensemble(scripted("a"), Broken("b", ready=False)).member("a").ready()


def test_names_are_unique_and_someone_has_a_weight() -> None:
    with pytest.raises(ConfigurationError, match="different names"):
        ensemble(scripted("a"), scripted("a"))
    with pytest.raises(ConfigurationError, match="weight above 0"):
        Ensemble([Member(scripted("a"), weight=0.0)])
    with pytest.raises(ConfigurationError, match="weight above 0"):
        Ensemble([])
    with pytest.raises(ConfigurationError, match=r"weight: expected"):
        Ensemble([Member(scripted("a"), weight=-1.0), Member(scripted("b"))])
    with pytest.raises(ConfigurationError, match="no member 'x'"):
        ensemble(scripted("a"), a=["x"])


# ── from a configuration ──────────────────────────────────────────────────────────────────────
async def test_members_of_a_configuration_ask_their_own_servers_with_their_own_settings() -> None:
    async with ModelServer() as one, ModelServer("http500") as other:
        made = ensemble_of(
            {
                "small": {"model": "openai/x", "api_base": one.url, "temperature": 0.5},
                "same": {"model": "openai/x", "api_base": one.url, "weight": 0.5, "max_tokens": 7},
                "big": {"model": "openai/y", "api_base": other.url, "tier": "strong", "fallbacks": ["same"]},
            },
            each=EACH,
        )
        tiers = [(member.model.name, member.tier, member.weight) for member in made.members]
        assert tiers == [("small", "cheap", 1.0), ("same", "cheap", 0.5), ("big", "strong", 1.0)]
        chat = [Message("user", "```\nx = 1\n```")]
        answer = await made.member("big").complete(made.member("big").request(chat))
        assert answer.cost_usd == pytest.approx(one.paid()[0].cost_usd)
        assert (len(one.log), len(other.log)) == (1, 1)
        request = made.member("same").request(chat)
        assert (request.model, request.settings) == ("openai/x", {"max_tokens": 7})
        assert made.member("small").request(chat).settings == {"temperature": 0.5, "max_tokens": 100}
        await made.close()


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({}, "at least one"),
        ({"a": {}}, r"llm.members.a.model has no value"),
        ({"a": {"model": "m", "temprature": 1}}, r"llm.members.a.temprature. Did you mean 'temperature'"),
        ({"a": {"model": "m", "tier": "huge"}}, r"tier: expected 'cheap' or 'strong'"),
        ({"a": {"model": "m", "weight": "x"}}, r"weight: expected a number"),
        ({"a": {"model": "m", "fallbacks": "b"}}, r"fallbacks: expected a list"),
        ({"a": {"model": "m", "fallbacks": ["b"]}}, r"no member 'b'"),
        ({"a": {"model": "m", "timeout_s": 0}}, r"llm.members.a.timeout_s: expected a number above 0"),
        ({"a": {"model": "m", "retries": -1}}, r"llm.members.a.retries: expected at least 0"),
        ({"a": {"model": "m", "concurrency": 0}}, r"concurrency: expected at least 1"),
        ({"a": {"model": "m", "requests_per_minute": 0}}, r"requests_per_minute: expected a number above 0"),
        ({"a": {"model": "m", "temperature": []}}, r"temperature: .*empty list"),
        ({"a": {"model": "m", "temperature": [0.5, "hot"]}}, r"temperature: expected a number, found 'hot'"),
        ({"a": {"model": "m", "reasoning_effort": 3}}, r"reasoning_effort: expected text"),
        ({"a": {"model": "m", "input_usd_per_million": None}}, r"llm.members.a.input_usd_per_million"),
        ({"a": {"model": "m", "api_base": "localhost"}}, r"llm.members.a.api_base"),
    ],
)
def test_a_wrong_setting_is_named(members: dict[str, dict[str, object]], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        ensemble_of(members, each=EACH)


def test_choices_are_made_by_the_request_alone_and_all_are_made() -> None:
    choices = {"model": "m", "temperature": [0.2, 0.7, 1.0], "reasoning_effort": ["low", "high"]}
    first, second = (ensemble_of({"a": choices}, each=EACH) for _ in range(2))
    requests = [first.request([Message("user", f"prompt {number}")]) for number in range(60)]
    again = [second.request([Message("user", f"prompt {number}")]) for number in range(60)]
    assert list(map(request_hash, requests)) == list(map(request_hash, again))
    drawn = {(request.settings["temperature"], request.settings["reasoning_effort"]) for request in requests}
    assert len(drawn) == 6
    calls = {first.request(CHAT, call).settings["temperature"] for call in range(30)}
    assert len(calls) == 3


def test_tiers_that_are_left_out_stand_in_for_nobody() -> None:
    members: dict[str, dict[str, Any]] = {
        "small": {"model": "m", "fallbacks": ["big", "other"]},
        "other": {"model": "n"},
        "big": {"model": "o", "tier": "strong", "fallbacks": ["small"]},
    }
    made = ensemble_of(members, each=EACH, tiers=["cheap"])
    assert [member.model.name for member in made.members] == ["small", "other"]
    with pytest.raises(ConfigurationError, match="no member 'big'"):
        made.member("big")
    for tiers, said in ((["chep"], "no tier 'chep'.*'cheap'"), ([], "no member of the ensemble is of tier none")):
        with pytest.raises(ConfigurationError, match=said):
            ensemble_of(members, each=EACH, tiers=tiers)
