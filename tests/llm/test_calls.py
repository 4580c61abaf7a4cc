"""The state machine of one call: every arrow of it, and what it costs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from evolve.domain.proposal import CallState, Completion, Message, Request
from evolve.errors import ModelError
from evolve.llm.answers import Answer
from evolve.llm.calls import Caller, Patience
from evolve.llm.failures import CallFailed, Remedy
from evolve.llm.limits import Limits

Happening = Answer | CallFailed
ASKED = Request("m", (Message("user", "improve this"),), {"max_tokens": 100})
GOOD = Answer("```\nx\n```", "m-1", "stop", 10, 5)
EMPTY = Answer("", "m-1", "stop", 10, 1)
CUT = Answer("half", "m-1", "length", 10, 100)
REFUSED = Answer("", "m-1", "content_filter", 10, 0)
LOST = CallFailed("connection lost")
WRONG_KEY = CallFailed.with_status(401, "who are you?")
BAD = CallFailed.with_status(400, "temperature is not supported")
TOO_LONG = CallFailed.with_status(400, "maximum context length is 8192 tokens")


class Server:
    """Sends what a test has written down, and remembers what it was asked."""

    def __init__(self, happenings: Sequence[Happening]) -> None:
        self.happenings = list(happenings)
        self.asked: list[Request] = []

    async def send(self, request: Request) -> Answer:
        self.asked.append(request)
        happening = self.happenings.pop(0)
        if isinstance(happening, CallFailed):
            raise happening
        return happening


class Told:
    """A Report that keeps what it is told."""

    def __init__(self) -> None:
        self.all: list[tuple[CallState, str, str, float]] = []

    def __call__(self, state: CallState, model: str, detail: str, cost_usd: float) -> None:
        self.all.append((state, model, detail, cost_usd))

    @property
    def states(self) -> str:
        return " ".join(state for state, *_ in self.all)

    @property
    def cost_usd(self) -> float:
        return sum(cost for *_, cost in self.all)


def caller(
    send: Callable[[Request], object],
    limits: Limits | None = None,
    rng: np.random.Generator | None = None,
    **changed: object,
) -> Caller:
    patience: dict[str, object] = {"timeout_s": 5.0, "retries": 2, "backoff_s": 0.0, "reasks": 1, **changed}
    return Caller(
        "me",
        send=send,  # type: ignore[arg-type]
        cost_usd=lambda answer: answer.completion_tokens * 0.5,
        explain=lambda failure, attempts: f"{failure.message} after {attempts}",
        limits=limits or Limits(),
        patience=Patience(**patience),  # type: ignore[arg-type]
        rng=rng or np.random.default_rng(0),
    )


async def story(*happenings: Happening, **changed: object) -> tuple[str, Completion | ModelError, Server]:
    """Return the states, what came out, and the server; money is checked on the way."""
    server, told = Server(happenings), Told()
    outcome: Completion | ModelError
    try:
        outcome = await caller(server.send, **changed).complete(ASKED, told)  # type: ignore[arg-type]
        assert outcome.cost_usd == told.cost_usd
    except ModelError as error:
        outcome = error
        assert told.cost_usd == 0.0
    assert {model for _, model, *_ in told.all} == {"me"}
    assert server.happenings == []
    return told.states, outcome, server


async def test_an_answer_is_validated() -> None:
    states, answer, _ = await story(GOOD)
    assert states == "sent answered validated"
    assert isinstance(answer, Completion)
    assert (answer.text, answer.model, answer.fault, answer.cost_usd) == (GOOD.text, "m-1", "", 2.5)


async def test_what_may_pass_is_tried_again() -> None:
    states, answer, _ = await story(LOST, LOST, GOOD)
    assert states == "sent backoff sent backoff sent answered validated"
    assert isinstance(answer, Completion) and answer.cost_usd == 2.5


async def test_retries_end_and_are_not_fatal() -> None:
    states, error, _ = await story(LOST, LOST, LOST)
    assert states == "sent backoff sent backoff sent failed"
    assert isinstance(error, ModelError) and not error.fatal
    assert "after 3" in str(error)


@pytest.mark.parametrize(("failure", "fatal"), [(WRONG_KEY, True), (BAD, True), (TOO_LONG, False)])
async def test_what_cannot_pass_is_not_tried_again(failure: CallFailed, fatal: bool) -> None:
    states, error, _ = await story(failure)
    assert states == "sent failed"
    assert isinstance(error, ModelError) and error.fatal is fatal


async def test_a_model_that_has_answered_refuses_requests_not_settings() -> None:
    server = Server([GOOD, BAD, WRONG_KEY])
    asking = caller(server.send)
    await asking.complete(ASKED, Told())
    with pytest.raises(ModelError) as refused:
        await asking.complete(ASKED, Told())
    with pytest.raises(ModelError) as locked_out:
        await asking.complete(ASKED, Told())
    assert (refused.value.fatal, locked_out.value.fatal) == (False, True)


async def test_an_empty_answer_is_asked_for_again_and_both_are_paid() -> None:
    states, answer, server = await story(EMPTY, GOOD)
    assert states == "sent answered reasked sent answered validated"
    assert isinstance(answer, Completion)
    assert (answer.text, answer.cost_usd, answer.prompt_tokens, answer.completion_tokens) == (GOOD.text, 3.0, 20, 6)
    assert server.asked == [ASKED, ASKED]


async def test_reasks_end_with_the_last_answer_and_its_fault() -> None:
    states, answer, _ = await story(EMPTY, EMPTY)
    assert states == "sent answered reasked sent answered failed"
    assert isinstance(answer, Completion)
    assert (answer.fault, answer.cost_usd) == ("empty_answer", 1.0)


async def test_a_failure_after_a_paid_answer_gives_that_answer() -> None:
    states, answer, _ = await story(EMPTY, LOST, WRONG_KEY)
    assert states == "sent answered reasked sent backoff sent failed"
    assert isinstance(answer, Completion)
    assert (answer.fault, answer.cost_usd) == ("empty_answer", 0.5)


@pytest.mark.parametrize(("happening", "fault"), [(REFUSED, "refused"), (CUT, "truncated")])
async def test_what_asking_again_does_not_mend_is_not_asked_again(happening: Answer, fault: str) -> None:
    states, answer, _ = await story(happening)
    assert states == "sent answered failed"
    assert isinstance(answer, Completion) and answer.fault == fault


async def test_a_cut_answer_is_asked_for_again_where_there_is_room() -> None:
    _, answer, server = await story(CUT, GOOD, max_tokens_ceiling=150)
    assert isinstance(answer, Completion) and answer.fault == ""
    assert [request.settings["max_tokens"] for request in server.asked] == [100, 150]
    states, _, _ = await story(CUT, max_tokens_ceiling=100)
    assert states == "sent answered failed"


async def test_without_reasks_the_first_answer_stands() -> None:
    assert (await story(EMPTY, reasks=0))[0] == "sent answered failed"


async def test_an_attempt_ends_at_its_timeout_and_counts_as_a_failure_that_may_pass() -> None:
    told = Told()

    async def hang(_: Request) -> Answer:
        await asyncio.sleep(60)
        return GOOD

    with pytest.raises(ModelError, match=r"timeout_s=0.01"):
        await caller(hang, timeout_s=0.01, retries=1).complete(ASKED, told)
    assert told.states == "sent backoff sent failed"


async def test_a_call_says_when_it_waits_for_its_turn() -> None:
    limits, told, server = Limits(concurrency=1), Told(), Server([GOOD])
    async with limits.turn():
        task = asyncio.create_task(caller(server.send, limits).complete(ASKED, told))
        await asyncio.sleep(0)
        assert told.states == "queued"
        assert server.asked == []
    assert (await task).text == GOOD.text
    assert told.states == "queued sent answered validated"


async def test_a_call_holds_no_place_while_it_backs_off() -> None:
    limits = Limits(concurrency=1)
    told = Told()
    task = asyncio.create_task(caller(Server([CallFailed("x", retry_after_s=60.0)]).send, limits).complete(ASKED, told))
    async with asyncio.timeout(5):
        while "backoff" not in told.states:
            await asyncio.sleep(0)
    assert not limits.full()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert told.states == "sent backoff failed"


@pytest.mark.parametrize(
    ("failure", "backoff_s", "least", "most"),
    [
        (CallFailed("x", retry_after_s=50.0), 1.0, 50.0, 55.0),
        (CallFailed("x", retry_after_s=1e9), 1.0, 120.0, 120.0),
        (CallFailed("x", retry_after_s=0.0), 1e9, 0.0, 0.0),
        (CallFailed("x"), 60.0, 0.0, 60.0),
        (CallFailed("x"), 1e9, 0.0, 120.0),
    ],
)
async def test_waits_are_spread_capped_and_as_asked(
    failure: CallFailed, backoff_s: float, least: float, most: float
) -> None:
    waits = []
    rng = np.random.default_rng(0)
    for _ in range(30):
        told = Told()
        asking = caller(Server([failure] * 3).send, backoff_s=backoff_s, rng=rng)
        task = asyncio.create_task(asking.complete(ASKED, told))
        async with asyncio.timeout(5):
            while "backoff" not in told.states:
                await asyncio.sleep(0)
        task.cancel()
        with pytest.raises((asyncio.CancelledError, ModelError)):
            await task
        waits.append(float(told.all[1][2].rpartition("in ")[2].removesuffix(" s")))
    assert least <= min(waits) and max(waits) <= most
    if most - least > 10:
        assert max(waits) - min(waits) > (most - least) / 2


def test_an_account_without_money_is_no_rate_limit() -> None:
    assert CallFailed.with_status(429, "You exceeded your current quota").remedy is Remedy.NONE
    assert CallFailed.with_status(429, "slow down").remedy is Remedy.WAIT
    assert CallFailed.with_status(403, "flagged by moderation").remedy is Remedy.ANOTHER_REQUEST
    assert CallFailed.with_status(413, "").blames_prompt
