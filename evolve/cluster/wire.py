"""Jobs and verdicts between an executor and its workers: MessagePack, checked while it is read.

Nothing of a program's is ever unpickled on its way back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import msgspec

from evolve.domain.evaluation import Outcome
from evolve.domain.objective import Direction
from evolve.domain.problem import Problem
from evolve.errors import SandboxUnavailable
from evolve.interfaces import Bar, Job, Verdict, Watch

Message = TypeVar("Message", bound=msgspec.Struct)


class BarMessage(msgspec.Struct, array_like=True, frozen=True):
    """What an evaluation must still be able to reach."""

    metric: str
    direction: Direction
    limit: float


class JobMessage(msgspec.Struct, array_like=True, frozen=True):
    """A job; the worker has the problem."""

    number: int
    stage: str
    files: Mapping[str, str]
    bar: BarMessage | None

    @classmethod
    def of(cls, number: int, job: Job) -> JobMessage:
        """Return a job as it is sent."""
        bar = BarMessage(job.bar.metric, job.bar.direction, job.bar.limit) if job.bar is not None else None
        return cls(number, job.stage.name, job.files, bar)

    def job(self, problem: Problem, watch: Watch) -> Job:
        """Return the job of this message."""
        bar = Bar(self.bar.metric, self.bar.direction, self.bar.limit) if self.bar is not None else None
        return Job(problem, problem.stage(self.stage), self.files, bar, watch)


class DoneMessage(msgspec.Struct, array_like=True, frozen=True):
    """The verdict on a job."""

    number: int
    outcome: Outcome
    metrics: dict[str, float]
    feedback: str
    artifacts: dict[str, bytes]
    per_instance: dict[str, float]
    seconds: float
    log: str

    @classmethod
    def of(cls, number: int, verdict: Verdict) -> DoneMessage:
        """Return a verdict as it is sent."""
        return cls(
            number,
            verdict.outcome,
            dict(verdict.metrics),
            verdict.feedback,
            dict(verdict.artifacts),
            dict(verdict.per_instance),
            verdict.seconds,
            verdict.log,
        )

    def verdict(self) -> Verdict:
        """Return the verdict of this message."""
        return Verdict(
            outcome=self.outcome,
            metrics=self.metrics,
            feedback=self.feedback,
            artifacts=self.artifacts,
            per_instance=self.per_instance,
            seconds=self.seconds,
            log=self.log,
        )


class JobsMessage(msgspec.Struct, array_like=True, frozen=True):
    """What a worker is to do, and what it need not do any more."""

    jobs: list[JobMessage]
    dropped: list[int] = []


class NewsMessage(msgspec.Struct, array_like=True, frozen=True):
    """What happened at a worker since it was last asked: nothing but that it lives, perhaps."""

    done: list[DoneMessage]
    interim: dict[int, dict[str, float]]


class ReadyMessage(msgspec.Struct, array_like=True, frozen=True):
    """Where a worker is, or why it cannot judge there."""

    node: str
    machine: str
    error: str = ""


def encode(message: msgspec.Struct) -> bytes:
    """Return a message as bytes."""
    return msgspec.msgpack.encode(message)


def decode(data: bytes, kind: type[Message]) -> Message:
    """Return a received message. Raises SandboxUnavailable for one that is malformed."""
    try:
        return msgspec.msgpack.decode(data, type=kind)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise SandboxUnavailable(f"A worker sent a malformed message: {error}") from error
