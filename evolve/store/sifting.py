"""What is already written: the slow path of ``append``, taken when a batch met rows that are there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, select

from evolve.domain.proposal import (
    Applied,
    Completed,
    Evaluated,
    Event,
    Finished,
    Prompted,
    Record,
    Selected,
)
from evolve.errors import NotFound
from evolve.store.tables import completions, evaluations, programs, proposals

Identity = tuple[object, ...]


def step_of(record: Selected | Prompted | Completed | Applied | Evaluated | Finished) -> int:
    """Return the step that a record belongs to."""
    return record.program.step if isinstance(record, Applied) else record.step


def identity(record: Selected | Prompted | Completed | Applied | Evaluated | Finished) -> Identity:
    """Return what makes a record the same as another, whatever else it says."""
    kind, step = type(record), step_of(record)
    match record:
        case Prompted() | Completed():
            return (kind, step, record.request_hash)
        case Evaluated():
            return (kind, step, record.evaluation.stage, record.evaluation.repeat)
        case _:
            return (kind, step)


def overlap(written: Sequence[tuple[str, object]], new: Sequence[tuple[str, object]]) -> int:
    """Return how many of the first ``new`` events are a repetition of the last ``written`` ones.

    Events have no name of their own. A batch that is sent again begins with the events with which
    the log ends.
    """
    for length in range(min(len(written), len(new)), 0, -1):
        if list(written[len(written) - length :]) == list(new[:length]):
            return length
    return 0


@dataclass
class Sieve:
    """Lets each record pass once. ``written`` holds the identities of records that are there."""

    run: str
    written: set[Identity] = field(default_factory=set)

    def sift(self, records: Sequence[Record]) -> list[Record]:
        """Return the records that are new. Raises NotFound for a step that was never selected and
        for an answer to a request that was never recorded."""
        self._check(records)
        return [record for record in records if isinstance(record, Event) or self._first(record)]

    def _first(self, record: Selected | Prompted | Completed | Applied | Evaluated | Finished) -> bool:
        key = identity(record)
        new = key not in self.written
        self.written.add(key)
        return new

    def _check(self, records: Sequence[Record]) -> None:
        known = self.written | {identity(record) for record in records if isinstance(record, Selected | Prompted)}
        for record in records:
            if not isinstance(record, Event) and (Selected, step_of(record)) not in known:
                raise NotFound(f"Run {self.run!r} has no step {step_of(record)}: nothing was written.")
            if isinstance(record, Completed) and (Prompted, record.step, record.request_hash) not in known:
                raise NotFound(
                    f"Step {record.step} of run {self.run!r} has no request {record.request_hash!r}: "
                    "nothing was written."
                )


def sieve(connection: Connection, run_id: str, run: int, records: Sequence[Record]) -> Sieve:
    """Return a sieve that knows what is written of the steps of these records."""
    steps = sorted({step_of(record) for record in records if not isinstance(record, Event)})
    written: set[Identity] = set()
    for chunk in (steps[start : start + 1000] for start in range(0, len(steps), 1000)):
        written |= _proposals(connection, run, chunk) | _calls(connection, run, chunk)
        of_step = select(programs.c.step).where(programs.c.run == run, programs.c.step.in_(chunk))
        written |= {(Applied, step) for (step,) in connection.execute(of_step)}
        columns = (evaluations.c.step, evaluations.c.stage, evaluations.c.repeat)
        judged = select(*columns).where(evaluations.c.run == run, evaluations.c.step.in_(chunk))
        written |= {(Evaluated, *row) for row in connection.execute(judged)}
    return Sieve(run_id, written)


def _proposals(connection: Connection, run: int, steps: Sequence[int]) -> set[Identity]:
    query = select(proposals.c.step, proposals.c.sequence).where(proposals.c.run == run, proposals.c.step.in_(steps))
    found = connection.execute(query).all()
    selected: set[Identity] = {(Selected, step) for step, _ in found}
    return selected | {(Finished, step) for step, sequence in found if sequence is not None}


def _calls(connection: Connection, run: int, steps: Sequence[int]) -> set[Identity]:
    columns = (completions.c.step, completions.c.request_hash, completions.c.response)
    query = select(*columns).where(completions.c.run == run, completions.c.step.in_(steps))
    found = connection.execute(query).all()
    prompted: set[Identity] = {(Prompted, step, request) for step, request, _ in found}
    return prompted | {(Completed, step, request) for step, request, response in found if response is not None}
