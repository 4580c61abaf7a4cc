"""The whole record of a run, line by line: what another store can take in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from sqlalchemy import Row, select

from evolve.domain.proposal import Applied, Called, Completed, Evaluated, Event, Learned, Prompted
from evolve.domain.steering import Posted
from evolve.interfaces import Entry
from evolve.store.reading import Reader, completion_of, same_call, selected_of
from evolve.store.tables import calls, completions, events, proposals

_STEPS = 200
_TAKEN_AT_ONCE = 2000


class Ledger(Reader):
    """A Reader that also gives a run back as it was written."""

    def attempts(self, run: int, after: int, end: int | None) -> tuple[list[Entry], int]:
        """Return what is on record of the next steps after one and before ``end``, and the last of them."""
        query = select(proposals).where(proposals.c.run == run, proposals.c.step > after)
        if end is not None:
            query = query.where(proposals.c.step < end)
        rows = self._connection.execute(query.order_by(proposals.c.step).limit(_STEPS)).all()
        steps = [row.step for row in rows]
        parts = [self._asked(run, steps), self._made(run, steps), self._judged(run, steps)]
        entries: list[Entry] = []
        for row in rows:
            entries.append(Entry(selected_of(row), row.selected_at))
            for part in parts:
                entries += part.get(row.step, ())
            if row.sequence is not None:
                entries.append(Entry(self._finished(row), row.finished_at))
        return entries, steps[-1] if steps else after

    def told(self, run: int) -> list[Entry]:
        """Return the events of a run."""
        query = select(events).where(events.c.run == run).order_by(events.c.key)
        rows = self._connection.execute(query)
        return [Entry(Event(row.kind, self._json(row.data)), row.written_at, row.fence) for row in rows]

    def posted(self, run: int) -> list[Entry]:
        """Return the orders of a run."""
        return [Entry(Posted(number, order), at) for number, at, order in self.orders(run, -1)]

    def _asked(self, run: int, steps: Sequence[int]) -> dict[int, list[Entry]]:
        """Return model calls by step: each request, its transitions, its answer."""
        found: dict[int, list[Entry]] = defaultdict(list)
        query = select(completions).where(completions.c.run == run, completions.c.step.in_(steps))
        rows = self._connection.execute(query.order_by(completions.c.step, completions.c.key)).all()
        if not rows:
            return {}
        contents = self.blobs([name for row in rows for name in (row.request, row.response) if name is not None])
        transitions = self._transitions(run, steps)
        for row in rows:
            request = self._request(contents[row.request])
            found[row.step].append(Entry(Prompted(row.step, row.request_hash, request), row.prompted_at))
            found[row.step] += transitions.get((row.step, row.request_hash), ())
            answer = completion_of(row, contents)
            if answer is not None:
                found[row.step].append(Entry(Completed(row.step, row.request_hash, answer)))
        return found

    def _transitions(self, run: int, steps: Sequence[int]) -> dict[tuple[int, str], list[Entry]]:
        found: dict[tuple[int, str], list[Entry]] = defaultdict(list)
        query = select(calls).join(completions, same_call()).where(calls.c.run == run, calls.c.step.in_(steps))
        for row in self._connection.execute(query.order_by(calls.c.fence, calls.c.number)):
            called: Row[Any] = row
            told: Called = self._called(called)
            found[told.step, told.request_hash].append(Entry(told, row.written_at, row.fence))
        return found

    def _made(self, run: int, steps: Sequence[int]) -> dict[int, list[Entry]]:
        made: dict[int, list[Entry]] = defaultdict(list)
        for step, program in self._programs(run, steps, with_files=True).items():
            made[step].append(Entry(Applied(program)))
        for step, drawn in self._lessons(run, steps).items():
            made[step].append(Entry(Learned(step, tuple(drawn))))
        return made

    def _judged(self, run: int, steps: Sequence[int]) -> dict[int, list[Entry]]:
        verdicts = self._evaluations(run, steps, complete=True)
        return {step: [Entry(Evaluated(step, verdict)) for verdict in found] for step, found in verdicts.items()}


def in_chunks(entries: Iterable[Entry]) -> Iterator[Sequence[Entry]]:
    """Yield entries some thousands at a time."""
    left = iter(entries)
    while chunk := list(islice(left, _TAKEN_AT_ONCE)):
        yield chunk
