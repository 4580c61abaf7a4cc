"""A store whose process dies at a chosen moment of the record: before, within or after a write."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

import sqlalchemy
from sqlalchemy import Engine

from evolve.domain.proposal import (
    Called,
    Completed,
    Evaluated,
    Event,
    Finished,
    Learned,
    Prompted,
    Record,
    Selected,
)
from evolve.interfaces import Lease, RunInfo
from evolve.store.sql import SqlStore


class When(StrEnum):
    """Where in a write the process dies."""

    BEFORE = "before"
    WITHIN = "within"
    """After the rows were written, before they are committed."""
    AFTER = "after"
    """The write is durable; whoever asked for it never learns."""


@dataclass(frozen=True, slots=True)
class Moment:
    """The ``nth`` write (from 1) that has a record of this kind, or is an operation of this name."""

    kind: str
    when: When
    nth: int = 1

    def __str__(self) -> str:
        return f"{self.when} {self.kind}"


def kind_of(record: Record) -> str:
    """Return the name of the transition that a record stands for."""
    match record:
        case Called():
            return str(record.state)
        case Evaluated():
            return f"evaluated({record.evaluation.stage})"
        case Event():
            return "order taken" if record.kind == "steered" else record.kind
        case Finished():
            return "placed"
        case Selected() | Prompted() | Completed() | Learned():
            return type(record).__name__.lower()
        case _:
            return "applied"


class StoppingStore(SqlStore):
    """Kills its own process with SIGKILL at a moment; until then it is a SqlStore.

    Args:
        url: as SqlStore's.
        moment: when to die.
        clock: as SqlStore's.
    """

    def __init__(self, url: str, moment: Moment | None, clock: Callable[[], float]) -> None:
        super().__init__(url, clock=clock)
        self._moment = moment
        self._seen = 0
        self._armed = False
        sqlalchemy.event.listen(Engine, "commit", lambda _: self._die() if self._armed else None)

    def create_run(self, run: RunInfo) -> None:
        """See SqlStore."""
        with self._dying("run created"):
            super().create_run(run)

    def acquire(self, run: str, holder: str, seconds: float) -> Lease:
        """See SqlStore."""
        with self._dying("lease taken"):
            return super().acquire(run, holder, seconds)

    def renew(self, lease: Lease, seconds: float, elapsed_s: float, status: str) -> None:
        """See SqlStore."""
        with self._dying("lease renewed"):
            super().renew(lease, seconds, elapsed_s, status)

    def release(self, lease: Lease, elapsed_s: float, status: str) -> None:
        """See SqlStore."""
        with self._dying("lease given back"):
            super().release(lease, elapsed_s, status)

    def append(self, lease: Lease, records: Sequence[Record]) -> None:
        """See SqlStore."""
        with self._dying(*map(kind_of, records)):
            super().append(lease, records)

    @contextmanager
    def _dying(self, *kinds: str) -> Iterator[None]:
        moment = self._moment
        self._seen += moment is not None and moment.kind in kinds
        if moment is None or moment.kind not in kinds or self._seen < moment.nth:
            yield
            return
        if moment.when is When.BEFORE:
            self._die()
        self._armed = moment.when is When.WITHIN
        yield
        self._die()

    def _die(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)
