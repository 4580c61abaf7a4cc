"""What the host makes of what a judge sends."""

from __future__ import annotations

import math
import socket
import struct
from collections.abc import Iterator

import msgspec
import pytest

from evaluators.messages import Interim, Ready, Verdict
from evolve.domain.evaluation import Outcome
from evolve.domain.objective import Direction
from evolve.errors import SandboxUnavailable
from evolve.evaluation import guest_protocol
from evolve.evaluation.guest_protocol import GuestLink, InterimMessage, ReadyMessage, VerdictMessage
from evolve.interfaces import Bar

BAR = Bar("cost", Direction.MINIMIZE, 10.0)


@pytest.fixture
def ends() -> Iterator[tuple[GuestLink, socket.socket]]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with ours, theirs:
        yield GuestLink(ours), theirs


def framed(message: msgspec.Struct) -> bytes:
    body = msgspec.msgpack.encode(message)
    return struct.pack("<I", len(body)) + body


def said(outcome: str, **metrics: float) -> Verdict:
    return Verdict(1, outcome, metrics, "", {}, {}, 0.1, "", True)


def received(outcome: str, **metrics: float) -> VerdictMessage:
    return msgspec.convert(msgspec.to_builtins(said(outcome, **metrics)), VerdictMessage)


@pytest.mark.parametrize("size", [1, 1 << 17])
async def test_interim_results_and_the_verdict_may_come_at_once(
    ends: tuple[GuestLink, socket.socket], size: int
) -> None:
    link, guest = ends
    verdict = Verdict(1, "valid", {"cost": 1.0}, "x" * size, {}, {}, 0.1, "", True)
    guest.sendall(b"".join(framed(Interim(1, {"cost": float(i)})) for i in range(3)) + framed(verdict))
    messages = [await link.receive(guest_protocol.judgements()) for _ in range(4)]
    bounds = [message.metrics["cost"] for message in messages if isinstance(message, InterimMessage)]
    assert bounds == [0.0, 1.0, 2.0]
    assert isinstance(messages[3], VerdictMessage)
    assert len(messages[3].feedback) == size


@pytest.mark.parametrize("first", [said("valid", cost=1.0), Ready()])
async def test_nothing_follows_a_last_word(ends: tuple[GuestLink, socket.socket], first: Verdict | Ready) -> None:
    link, guest = ends
    guest.sendall(framed(first) + framed(Interim(1, {})))
    with pytest.raises(SandboxUnavailable, match="more than it was asked for"):
        if isinstance(first, Ready):
            await link.receive(guest_protocol.decoder(ReadyMessage))
        else:
            await link.receive(guest_protocol.judgements())


async def test_a_message_of_another_kind_is_refused(ends: tuple[GuestLink, socket.socket]) -> None:
    link, guest = ends
    guest.sendall(framed(Ready()))
    with pytest.raises(SandboxUnavailable, match="malformed"):
        await link.receive(guest_protocol.judgements())


def test_an_evaluation_that_misses_its_bar_may_be_stopped() -> None:
    verdict = guest_protocol.verdict(received("rejected", cost=10.5), 1, BAR)
    assert (verdict.outcome, verdict.metrics) == (Outcome.REJECTED, {"cost": 10.5})


@pytest.mark.parametrize(
    ("metrics", "bar"), [({"cost": 10.5}, None), ({"cost": 10.0}, BAR), ({}, BAR), ({"speed": 99.0}, BAR)]
)
def test_no_other_evaluation_may(metrics: dict[str, float], bar: Bar | None) -> None:
    with pytest.raises(SandboxUnavailable, match="impossible verdict"):
        guest_protocol.verdict(received("rejected", **metrics), 1, bar)


@pytest.mark.parametrize("message", [InterimMessage(2, {}), InterimMessage(1, {"cost": math.inf})])
def test_impossible_interim_results_are_refused(message: InterimMessage) -> None:
    with pytest.raises(SandboxUnavailable, match="impossible interim"):
        guest_protocol.interim(message, 1)
