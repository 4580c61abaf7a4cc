"""The host's half of the wire to a sandbox; ``evaluators/README.md`` describes the format.

Nothing that arrives is trusted: sizes are bounded before memory is taken, types are exact, numbers
are finite.
"""

from __future__ import annotations

import asyncio
import math
import socket
import struct
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Final, TypeVar

import msgspec

from evolve.domain.evaluation import Outcome
from evolve.domain.objective import Direction
from evolve.domain.problem import Problem
from evolve.errors import SandboxUnavailable
from evolve.interfaces import Bar, Job, Verdict

MAX_MESSAGE_BYTES: Final = 64 << 20
_LENGTH: Final = struct.Struct("<I")
_FIRST_READ_BYTES: Final = 1 << 16
_OUTCOMES: Final = {
    outcome.value: outcome for outcome in (Outcome.VALID, Outcome.INVALID, Outcome.CRASHED, Outcome.TIMED_OUT)
}

Message = TypeVar("Message")


class Walls(Enum):
    """What stands around the processes of candidates: a container, own namespaces, or nothing."""

    CONTAINER = "container"
    NAMESPACES = "namespaces"
    NONE = "none"


class LimitsMessage(msgspec.Struct, frozen=True):
    """What one candidate may use."""

    memory_mb: int
    processes: int
    output_mb: int
    scratch_mb: int
    gpus: int


class SetupMessage(msgspec.Struct, frozen=True):
    """How to build the sandbox."""

    walls: Walls
    limits: LimitsMessage
    preload: list[str]
    hidden: list[str]
    scratch: str
    pin: bool
    sockets: bool


class ReadyMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the isolation is made of, or why there is none."""

    error: str = ""
    walls: Walls = Walls.NONE
    user_namespace: bool = False
    candidate_uid: int = -1
    landlock: int = 0
    seccomp: bool = False
    scratch_bounded: bool = False
    unlimited: list[str] = []


class BarMessage(msgspec.Struct, frozen=True):
    """A job whose metric will at best be worse than the limit is stopped."""

    metric: str
    limit: float
    maximize: bool


class JobMessage(msgspec.Struct, frozen=True):
    """One stage of one evaluation."""

    id: int
    folder: str
    stage: str
    params: Mapping[str, object]
    files: Mapping[str, str]
    entry: str
    timeout_s: float
    seed: int
    bar: BarMessage | None


class InterimMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="interim"):
    """What the result of a job will at best be; more messages follow."""

    id: int
    metrics: dict[str, float]


class VerdictMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="verdict"):
    """What the judge found."""

    id: int
    outcome: str
    metrics: dict[str, float]
    feedback: str
    artifacts: dict[str, bytes]
    per_instance: dict[str, float]
    seconds: float
    log: str
    healthy: bool


def setup_message(
    problem: Problem,
    walls: Walls,
    *,
    pin: bool,
    hidden: Sequence[str] = (),
    scratch: str = "",
    sockets: bool = False,
) -> SetupMessage:
    """Return the first message to a slot that will judge ``problem``."""
    limits = problem.limits
    return SetupMessage(
        walls=walls,
        limits=LimitsMessage(limits.memory_mb, limits.processes, limits.output_mb, limits.scratch_mb, limits.gpus),
        preload=list(problem.preload),
        hidden=list(hidden),
        pin=pin,
        scratch=scratch,
        sockets=sockets,
    )


def job_message(job: Job, id: int, seed: int) -> JobMessage:
    """Return a job as it is sent."""
    problem, bar = job.problem, job.bar
    return JobMessage(
        id=id,
        folder=str(problem.folder),
        stage=job.stage.name,
        params=problem.params,
        files=job.files,
        entry=problem.entry,
        timeout_s=job.stage.timeout_s,
        seed=seed,
        bar=BarMessage(bar.metric, bar.limit, bar.direction is Direction.MAXIMIZE) if bar is not None else None,
    )


def interim(message: InterimMessage, id: int) -> Mapping[str, float]:
    """Return received bounds. Raises SandboxUnavailable when they are impossible."""
    if message.id != id or not all(map(math.isfinite, message.metrics.values())):
        raise SandboxUnavailable(f"The judge sent an impossible interim result: {message!r:.300}")
    return message.metrics


def verdict(message: VerdictMessage, id: int, bar: Bar | None = None) -> Verdict:
    """Return a received verdict. Raises SandboxUnavailable when it says something impossible.

    Only an evaluation that misses its bar may have been stopped.
    """
    outcome = _OUTCOMES.get(message.outcome)
    if message.outcome == Outcome.REJECTED and bar is not None and bar.metric in message.metrics:
        outcome = Outcome.REJECTED if bar.is_missed(message.metrics[bar.metric]) else None
    numbers = [*message.metrics.values(), *message.per_instance.values(), message.seconds]
    if message.id != id or outcome is None or not all(map(math.isfinite, numbers)):
        raise SandboxUnavailable(f"The judge sent an impossible verdict: {message!r:.300}")
    return Verdict(
        outcome=outcome,
        metrics=message.metrics if outcome in (Outcome.VALID, Outcome.REJECTED) else {},
        feedback=message.feedback,
        artifacts=message.artifacts,
        per_instance=message.per_instance,
        seconds=message.seconds,
        log=message.log,
    )


class GuestLink:
    """Messages to and from a slot over a non-blocking socket.

    Both directions raise SandboxUnavailable when the slot is gone or does not keep to the format.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._encoder = msgspec.msgpack.Encoder()
        self._first = bytearray(_FIRST_READ_BYTES)
        self._rest = b""

    async def send(self, message: msgspec.Struct) -> None:
        """Send one message."""
        body = self._encoder.encode(message)
        try:
            await asyncio.get_running_loop().sock_sendall(self._socket, _LENGTH.pack(len(body)) + body)
        except OSError as error:
            raise SandboxUnavailable(f"The sandbox process is gone: {error}") from error

    async def receive(self, decoder: msgspec.msgpack.Decoder[Message]) -> Message:
        """Return the next message; nothing may follow it, unless it is an interim one."""
        view = await self._frame()
        try:
            message = decoder.decode(view)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise SandboxUnavailable(f"The sandbox process sent a malformed message: {error}") from error
        if self._rest and not isinstance(message, InterimMessage):
            raise SandboxUnavailable("The sandbox process sent more than it was asked for.")
        return message

    async def _frame(self) -> memoryview:
        view = memoryview(self._first)
        have = len(self._rest)
        view[:have] = self._rest
        have = await self._fill(view, have, _LENGTH.size)
        size: int = _LENGTH.unpack_from(view)[0]
        if size > MAX_MESSAGE_BYTES:
            raise SandboxUnavailable(f"The sandbox process announced a message of {size} bytes.")
        end = _LENGTH.size + size
        if end > len(view):
            larger = memoryview(bytearray(end))
            larger[:have] = view[:have]
            view = larger
        have = await self._fill(view, have, end)
        self._rest = bytes(view[end:have])
        return view[_LENGTH.size : end]

    async def _fill(self, view: memoryview, have: int, wanted: int) -> int:
        loop = asyncio.get_running_loop()
        while have < wanted:
            try:
                count = await loop.sock_recv_into(self._socket, view[have:])
            except OSError as error:
                raise SandboxUnavailable(f"The sandbox process is gone: {error}") from error
            if not count:
                raise SandboxUnavailable("The sandbox process ended unexpectedly.")
            have += count
        return have


def decoder(kind: type[Message]) -> msgspec.msgpack.Decoder[Message]:
    """Return a decoder that accepts exactly this message."""
    return msgspec.msgpack.Decoder(kind)


def judgements() -> msgspec.msgpack.Decoder[InterimMessage | VerdictMessage]:
    """Return a decoder that accepts what a judge may say of a job."""
    return msgspec.msgpack.Decoder(InterimMessage | VerdictMessage)
