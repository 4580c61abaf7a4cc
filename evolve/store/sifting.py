"""What is already written: the slow path of ``append``, taken when a batch met rows that are there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, select

from evolve.domain.proposal import (
    Applied,
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
from evolve.errors import NotFound
from evolve.store.tables import calls, completions, evaluations, lessons, programs, proposals

Identity = tuple[object, ...]
OfStep = Selected | Prompted | Called | Completed | Learned | Applied | Evaluated | Finished


def step_of(record: OfStep) -> int:
    """Return the step that a record belongs to."""
    return record.program.step if isinstance(record, Applied) else record.step


def identity(record: OfStep, fence: int) -> Identity:
    """Return what makes a record, written under ``fence``, the same as another, whatever else it says."""
    kind, step = type(record), step_of(record)
    match record:
        case Prompted() | Completed():
            return (kind, step, record.request_hash)
        case Called():
            return (kind, step, record.request_hash, fence, record.number)
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


def leaves_a_trace(record: Record) -> bool:
    """Whether a record says anything: one that drew no lessons does not."""
    return not isinstance(record, Learned) or bool(record.lessons)


@dataclass
class Sieve:
    """Lets each record pass once that is written under ``fence``. ``written`` holds the identities of
    records that are there."""

    run: str
    fence: int
    written: set[Identity] = field(default_factory=set)

    def sift(self, records: Sequence[Record]) -> list[Record]:
        """Return the records that are new. Raises NotFound for a step that was never selected and
        for an answer to a request that was never recorded."""
        records = [record for record in records if leaves_a_trace(record)]
        self._check(records)
        return [record for record in records if isinstance(record, Event) or self._first(record)]

    def _first(self, record: OfStep) -> bool:
        key = identity(record, self.fence)
        new = key not in self.written
        self.written.add(key)
        return new

    def _check(self, records: Sequence[Record]) -> None:
        known = self.written | {
            identity(record, self.fence) for record in records if isinstance(record, Selected | Prompted)
        }
        for record in records:
            if not isinstance(record, Event) and (Selected, step_of(record)) not in known:
                raise NotFound(f"Run {self.run!r} has no step {step_of(record)}: nothing was written.")
            if isinstance(record, Called | Completed) and (Prompted, record.step, record.request_hash) not in known:
                raise NotFound(
                    f"Step {record.step} of run {self.run!r} has no request {record.request_hash!r}: "
                    "nothing was written."
                )


def sieve(connection: Connection, run_id: str, run: int, fence: int, records: Sequence[Record]) -> Sieve:
    """Return a sieve that knows what is written of the steps of these records."""
    steps = sorted({step_of(record) for record in records if not isinstance(record, Event)})
    written: set[Identity] = set()
    for chunk in (steps[start : start + 1000] for start in range(0, len(steps), 1000)):
        written |= _proposals(connection, run, chunk) | _requests(connection, run, chunk)
        written |= _calls(connection, run, fence, chunk)
        of_step = select(programs.c.step).where(programs.c.run == run, programs.c.step.in_(chunk))
        written |= {(Applied, step) for (step,) in connection.execute(of_step)}
        learned = select(lessons.c.step).where(lessons.c.run == run, lessons.c.step.in_(chunk))
        written |= {(Learned, step) for (step,) in connection.execute(learned)}
        columns = (evaluations.c.step, evaluations.c.stage, evaluations.c.repeat)
        judged = select(*columns).where(evaluations.c.run == run, evaluations.c.step.in_(chunk))
        written |= {(Evaluated, *row) for row in connection.execute(judged)}
    return Sieve(run_id, fence, written)


def _proposals(connection: Connection, run: int, steps: Sequence[int]) -> set[Identity]:
    query = select(proposals.c.step, proposals.c.sequence).where(proposals.c.run == run, proposals.c.step.in_(steps))
    found = connection.execute(query).all()
    selected: set[Identity] = {(Selected, step) for step, _ in found}
    return selected | {(Finished, step) for step, sequence in found if sequence is not None}


def _requests(connection: Connection, run: int, steps: Sequence[int]) -> set[Identity]:
    columns = (completions.c.step, completions.c.request_hash, completions.c.response)
    query = select(*columns).where(completions.c.run == run, completions.c.step.in_(steps))
    found = connection.execute(query).all()
    prompted: set[Identity] = {(Prompted, step, request) for step, request, _ in found}
    return prompted | {(Completed, step, request) for step, request, response in found if response is not None}


def _calls(connection: Connection, run: int, fence: int, steps: Sequence[int]) -> set[Identity]:
    columns = (calls.c.step, calls.c.request_hash, calls.c.fence, calls.c.number)
    query = select(*columns).where(calls.c.run == run, calls.c.step.in_(steps), calls.c.fence == fence)
    return {(Called, *row) for row in connection.execute(query)}
