"""Giving up prompts, answers and artifacts of a run, without losing anything that something else needs."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from typing import TypeVar

from sqlalchemy import ColumnElement, Connection, delete, select, update

from evolve.domain.proposal import Event
from evolve.interfaces import PRUNED, Prunable
from evolve.store.encoding import Packer, blob_hash, from_json, to_json
from evolve.store.reading import Reader
from evolve.store.tables import artifacts, blobs, completions, metadata, programs, proposals
from evolve.store.writing import Statements

_CHUNK = 500
_USERS = (("completions", "request"), ("completions", "response"), ("artifacts", "blob"), ("blobs", "base"))
_T = TypeVar("_T")
_NAME = re.compile(rb'"([0-9a-f]{32})"')
"""A blob's name inside of a request: what may be a picture."""


def without_messages(request: Sequence[object]) -> list[object]:
    """Return a request as it is kept (model, messages, settings, call), without its messages."""
    model, _, settings, call = request
    return [model, [], settings, call]


def steps_in_words(steps: Collection[int]) -> list[list[int]]:
    """Return steps as ``[[first, last], ...]``."""
    ranges: list[list[int]] = []
    for step in sorted(steps):
        if ranges and step == ranges[-1][1] + 1:
            ranges[-1][1] = step
        else:
            ranges.append([step, step])
    return ranges


def note_of(what: Collection[Prunable], steps: Collection[int]) -> Event:
    """Return the event that says what was given up."""
    return Event(PRUNED, {"what": sorted(str(kind) for kind in what), "steps": steps_in_words(steps)})


class Pruner:
    """Prunes one run inside of the caller's transaction.

    Rows keep their places: a pruned prompt is a request without messages, a pruned answer an empty text. A
    content goes when no row of any run names it, and no other content is kept as the difference from it.
    """

    def __init__(
        self, connection: Connection, reader: Reader, packer: Packer, statements: Statements, run: int
    ) -> None:
        self.run = run
        self._connection = connection
        self._reader = reader
        self._packer = packer
        self._statements = statements
        self._loose: set[bytes] = set()

    def prune(self, what: Collection[Prunable], steps: Collection[int]) -> Event | None:
        """Prune; return the event to note, or None if none of the steps is finished."""
        over = self._finished(steps)
        for chunk in _chunks(over):
            if Prunable.PROMPTS in what:
                self._prompts(chunk)
            if Prunable.ANSWERS in what:
                self._answers(chunk)
            if Prunable.ARTIFACTS in what:
                self._artifacts(chunk)
        self._sweep()
        return note_of(what, over) if over and what else None

    def _finished(self, steps: Collection[int]) -> list[int]:
        query = select(proposals.c.step).where(proposals.c.run == self.run, proposals.c.sequence.is_not(None))
        wanted = set(steps)
        found = self._connection.execute(query.order_by(proposals.c.step)).scalars()
        return [step for step in found if step in wanted]

    def _prompts(self, steps: Sequence[int]) -> None:
        of_steps = (completions.c.run == self.run) & completions.c.step.in_(steps)
        query = select(completions.c.key, completions.c.request).where(of_steps)
        rows = self._connection.execute(query).all()
        contents = self._reader.blobs([row.request for row in rows])
        for key, name in rows:
            raw = contents[name]
            bare = self._put(to_json(without_messages(from_json(raw))))
            self._loose |= {name, *_named_in(raw)} - {bare}
            self._connection.execute(update(completions).where(completions.c.key == key).values(request=bare))

    def _answers(self, steps: Sequence[int]) -> None:
        answered = (completions.c.run == self.run) & completions.c.step.in_(steps) & completions.c.response.is_not(None)
        self._loose.update(self._connection.execute(select(completions.c.response).where(answered)).scalars())
        self._connection.execute(update(completions).where(answered).values(response=self._put(b"")))

    def _artifacts(self, steps: Sequence[int]) -> None:
        of_steps = (artifacts.c.run == self.run) & artifacts.c.step.in_(steps)
        self._loose.update(self._connection.execute(select(artifacts.c.blob).where(of_steps)).scalars())
        self._connection.execute(delete(artifacts).where(of_steps))

    def _put(self, raw: bytes) -> bytes:
        name = blob_hash(raw)
        self._connection.exec_driver_sql(self._statements.blob, [(name, None, self._packer.compress(raw))])
        return name

    def _sweep(self) -> None:
        """Delete the contents that may have lost their last user, if they have."""
        if not self._loose:
            return
        # Without them the database looks for users of each deleted row by reading whole tables.
        for table, column in _USERS:
            self._connection.exec_driver_sql(f"CREATE INDEX ix_sweep_{table}_{column} ON {table} ({column})")
        loose = self._loose - self._named_elsewhere()
        for table, column in _USERS:
            loose -= self._used(metadata.tables[table].c[column], loose)
        for chunk in _chunks(sorted(loose)):
            self._connection.execute(delete(blobs).where(blobs.c.hash.in_(chunk)))
        for table, column in _USERS:
            self._connection.exec_driver_sql(f"DROP INDEX ix_sweep_{table}_{column}")

    def _used(self, column: ColumnElement[bytes], names: Collection[bytes]) -> set[bytes]:
        found: set[bytes] = set()
        for chunk in _chunks(sorted(names)):
            found.update(self._connection.execute(select(column).where(column.in_(chunk))).scalars())
        return found

    def _named_elsewhere(self) -> set[bytes]:
        """Return the names that compressed cells mention: files of programs, pictures of prompts; of all runs."""
        found: set[bytes] = set()
        files = self._connection.execute(select(programs.c.files), execution_options={"stream_results": True})
        for (cell,) in files:
            found.update(bytes.fromhex(name) for name in from_json(self._packer.unpack(cell)).values())
        requests = self._connection.execute(select(completions.c.request).distinct()).scalars().all()
        for chunk in _chunks(requests):
            for raw in self._reader.blobs(chunk).values():
                found |= _named_in(raw)
        return found


def _named_in(raw: bytes) -> set[bytes]:
    return {bytes.fromhex(name.decode()) for name in _NAME.findall(raw)}


def _chunks(items: Sequence[_T]) -> Iterator[Sequence[_T]]:
    return (items[start : start + _CHUNK] for start in range(0, len(items), _CHUNK))
