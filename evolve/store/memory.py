"""The store in plain Python: what every store promises, executable. Nothing outlives the process."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from evolve.domain.evaluation import REUSABLE, Evaluation, Outcome
from evolve.domain.objective import Objective
from evolve.domain.problem import SEALED
from evolve.domain.program import Program
from evolve.domain.proposal import (
    Applied,
    Attempt,
    Called,
    Completed,
    Completion,
    Evaluated,
    Event,
    Finished,
    Learned,
    Lesson,
    Prompted,
    Record,
    Request,
    Selected,
    Unfinished,
    Usage,
)
from evolve.domain.steering import Order, Posted, order_data, parse_order
from evolve.errors import NotFound, StoreError
from evolve.interfaces import Entry, Lease, Prunable, Questions, RunInfo, Size
from evolve.store.encoding import encode, from_json, to_json
from evolve.store.holder import holds, lease_lost, refuse_if_held
from evolve.store.plain_questions import PlainQuestions
from evolve.store.pruning import note_of
from evolve.store.sifting import Sieve, leaves_a_trace, overlap


@dataclass
class _Call:
    request: Request
    prompted_at: float
    completion: Completion | None = None
    transitions: list[tuple[float, int, Called]] = field(default_factory=list)


@dataclass
class _Step:
    selected: Selected
    selected_at: float
    calls: dict[str, _Call] = field(default_factory=dict)
    program: Program | None = None
    evaluations: list[Evaluation] = field(default_factory=list)
    lessons: tuple[Lesson, ...] = ()
    finished: Finished | None = None
    finished_at: float = 0.0

    def usage(self, of_run: bool = False) -> Usage:
        """Return what its calls used; ``of_run`` adds what was paid for calls that have no answer yet."""
        answers = [call.completion for call in self.calls.values() if call.completion]
        lost = [
            called.cost_usd for call in self.calls.values() if not call.completion for *_, called in call.transitions
        ]
        return Usage(
            calls=len(self.calls),
            tokens=sum(answer.prompt_tokens + answer.completion_tokens for answer in answers),
            cost_usd=math.fsum([*(answer.cost_usd for answer in answers), *(lost if of_run else ())]),
        )

    @property
    def evaluation_s(self) -> float:
        return math.fsum(evaluation.seconds for evaluation in self.evaluations if evaluation.stage != SEALED)

    def entries(self) -> Iterator[Entry]:
        yield Entry(self.selected, self.selected_at)
        step = self.selected.step
        for key, call in self.calls.items():
            yield Entry(Prompted(step, key, call.request), call.prompted_at)
            yield from (Entry(called, at, fence) for at, fence, called in sorted(call.transitions, key=_told))
            if call.completion is not None:
                yield Entry(Completed(step, key, call.completion))
        if self.program is not None:
            yield Entry(Applied(self.program))
        if self.lessons:
            yield Entry(Learned(step, self.lessons))
        yield from (Entry(Evaluated(step, evaluation)) for evaluation in self.evaluations)
        if self.finished is not None:
            yield Entry(self.finished, self.finished_at)

    def prune(self, what: Collection[Prunable]) -> None:
        for call in self.calls.values():
            if Prunable.PROMPTS in what:
                call.request = replace(call.request, messages=())
            if Prunable.ANSWERS in what and call.completion is not None:
                call.completion = replace(call.completion, text="")
        if Prunable.ARTIFACTS in what:
            self.evaluations = [replace(evaluation, artifacts={}) for evaluation in self.evaluations]

    def attempt(self, finished: Finished) -> Attempt:
        program = replace(self.program, files={}) if self.program else None
        told = [evaluation for evaluation in self.evaluations if evaluation.stage != SEALED] or self.evaluations
        last = replace(told[-1], artifacts={}) if told else None
        fingerprint = self.program.fingerprint if self.program else ""
        return Attempt(
            self.selected, program, last, finished, self.usage(), fingerprint, self.lessons, self.evaluation_s
        )


@dataclass
class _Run:
    info: RunInfo
    holder: str | None = None
    expires_at: float = 0.0
    fence: int = 0
    steps: dict[int, _Step] = field(default_factory=dict)
    sieve: Sieve = field(default_factory=lambda: Sieve("", 0))
    events: list[tuple[int, float, Event]] = field(default_factory=list)
    orders: list[tuple[int, float, Order]] = field(default_factory=list)

    def with_totals(self) -> RunInfo:
        return replace(
            self.info,
            proposals=len(self.steps),
            evaluated=sum(1 for step in self.steps.values() if step.evaluations),
            usage=_sum([step.usage(of_run=True) for step in self.steps.values()]),
            evaluation_s=math.fsum(step.evaluation_s for step in self.steps.values()),
        )


def _sum(usages: Sequence[Usage]) -> Usage:
    return Usage(
        calls=sum(usage.calls for usage in usages),
        tokens=sum(usage.tokens for usage in usages),
        cost_usd=math.fsum(usage.cost_usd for usage in usages),
    )


class MemoryStore:
    """Keeps runs in this process; implements :class:`evolve.interfaces.Store`.

    Args:
        clock: seconds since the epoch.
    """

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._runs: dict[str, _Run] = {}

    def create_run(self, run: RunInfo) -> None:
        """Add a run. Raises StoreError if the id exists."""
        if run.id in self._runs:
            raise StoreError(f"There is a run {run.id!r} already; choose another id or resume it.")
        self._runs[run.id] = self._new(run)

    def runs(self) -> Sequence[RunInfo]:
        """Return all runs, newest first, with totals."""
        latest_first = reversed(self._runs.values())
        return sorted((run.with_totals() for run in latest_first), key=lambda info: -info.created_at)

    def run(self, run: str) -> RunInfo:
        """Return one run with totals."""
        return self._run(run).with_totals()

    def acquire(self, run: str, holder: str, seconds: float) -> Lease:
        """Take the right to write for ``seconds``. Raises StoreLocked, naming the holder."""
        held, now = self._run(run), self._clock()
        refuse_if_held(run, holder, held.holder, held.expires_at - now)
        held.holder, held.expires_at, held.fence = holder, now + seconds, held.fence + 1
        return Lease(run, holder, held.fence)

    def renew(self, lease: Lease, seconds: float, elapsed_s: float, status: str) -> None:
        """Extend the lease and note the run's progress. Raises LeaseLost."""
        run = self._held(lease)
        run.expires_at = self._clock() + seconds
        run.info = replace(run.info, elapsed_s=elapsed_s, status=status)

    def release(self, lease: Lease, elapsed_s: float, status: str) -> None:
        """Give the lease back, for good, and note the run's status. Raises LeaseLost."""
        run = self._held(lease)
        run.holder = None
        run.info = replace(run.info, elapsed_s=elapsed_s, status=status)

    def holder(self, run: str) -> str | None:
        """Return who holds the lease on a run; None when nobody does, or when that process is gone."""
        held = self._run(run)
        return held.holder if holds(held.holder, held.expires_at - self._clock()) else None

    def append(self, lease: Lease, records: Sequence[Record]) -> None:
        """Write all records or none. Raises LeaseLost; NotFound for steps that were never selected.

        A record is there already if its step has one of the same kind (and request hash, or number
        under this lease, or stage and repeat); an event, if it repeats the end of what was written under this lease.
        """
        run = self._held(lease)
        frozen = [_frozen(record) for record in records]
        sieve = Sieve(lease.run, lease.fence, set(run.sieve.written))
        fresh = sieve.sift(frozen)
        _refuse_equal_sequences(run, fresh)
        _refuse_equal_lessons(run, fresh)
        run.sieve = sieve
        for record in sorted(fresh, key=lambda record: _ORDER.get(type(record), 1)):
            self._write(run, lease.fence, record, self._clock())
        self._write_events(run, lease.fence, [record for record in fresh if isinstance(record, Event)])

    def history(self, run: str) -> Iterator[Attempt]:
        """Yield the finished attempts by ``sequence``."""
        over = [(step.finished, step) for step in self._run(run).steps.values() if step.finished]
        for finished, step in sorted(over, key=lambda pair: pair[0].sequence):
            yield step.attempt(finished)

    def unfinished(self, run: str) -> Sequence[Unfinished]:
        """Return attempts that were selected but not finished, by step."""
        cut_off = [step for _, step in sorted(self._run(run).steps.items()) if step.finished is None]
        return [Unfinished(step.selected, step.program, tuple(step.evaluations)) for step in cut_off]

    def events(self, run: str) -> Sequence[tuple[float, Event]]:
        """Return (seconds since the epoch, event) in the order written."""
        return [(at, event) for _, at, event in self._run(run).events]

    def order(self, run: str, order: Order) -> int:
        """Put an order into the run's inbox; return its number."""
        inbox = self._run(run).orders
        number = self._last_order() + 1
        inbox.append((number, self._clock(), parse_order(_copy(order_data(order)))))
        return number

    def orders(self, run: str, after: int) -> Sequence[tuple[int, float, Order]]:
        """Return (number, seconds since the epoch, order) of the orders with a larger number than ``after``."""
        return [item for item in self._run(run).orders if item[0] > after]

    def program(self, run: str, step: int) -> Program:
        """Return a program with its files."""
        program = self._step(run, step).program
        if program is None:
            raise NotFound(f"Step {step} made no program.")
        return program

    def evaluations(self, run: str, step: int) -> Sequence[Evaluation]:
        """Return every evaluation of a program, artifacts included, in the order written."""
        return list(self._step(run, step).evaluations)

    def known_evaluation(self, judge_hash: str, stage: str, fingerprint: str) -> Evaluation | None:
        """Return what a judge said of these files before, in any run, or None."""
        found = [
            evaluation
            for run in list(self._runs.values())  # another thread may be writing
            for step in list(run.steps.values())
            for evaluation in (
                list(step.evaluations) if step.program and step.program.fingerprint == fingerprint else ()
            )
            if (evaluation.judge_hash, evaluation.stage) == (judge_hash, stage)
            and not evaluation.reused
            and evaluation.outcome in REUSABLE
        ]
        return found[0] if found and all(found[0].agrees(other) for other in found) else None

    def scores(self, run: str, stage: str, metric: str, outcome: Outcome = Outcome.VALID) -> Mapping[int, float]:
        """Return step -> value of a metric of the programs that ended so on a stage."""
        return {
            number: evaluation.metrics[metric]
            for number, step in sorted(self._run(run).steps.items())
            for evaluation in step.evaluations
            if (evaluation.stage, evaluation.repeat, evaluation.outcome) == (stage, 0, outcome)
            and metric in evaluation.metrics
        }

    def completion(self, run: str, step: int, request_hash: str) -> Completion | None:
        """Return the stored answer to a request of this step, or None if it was never answered."""
        call = self._step(run, step).calls.get(request_hash)
        return call.completion if call else None

    def requests(self, run: str, step: int) -> Sequence[tuple[Request, Completion | None]]:
        """Return the model calls of a step in the order sent."""
        return [(call.request, call.completion) for call in self._step(run, step).calls.values()]

    def calls(self, run: str, step: int) -> Sequence[tuple[float, Called]]:
        """Return (seconds since the epoch, transition) of the model calls of a step, call by call."""
        told = (sorted(call.transitions, key=_told) for call in self._step(run, step).calls.values())
        return [(at, called) for transitions in told for at, _, called in transitions]

    def declare(self, run: str, objectives: Sequence[Objective]) -> None:
        """Note what programs of a run are ranked by; without effect if that is known."""
        found = self._run(run)
        if not found.info.objectives:
            found.info = replace(found.info, objectives=tuple(objectives))

    def questions(self) -> Questions:
        """Return who answers questions about a run as a whole."""
        return PlainQuestions(self)

    def entries(self, run: str, steps: range | None = None) -> Iterator[Entry]:
        """Yield everything on record of a run, or of some steps."""
        found = self._run(run)
        for number, step in sorted(found.steps.items()):
            if steps is None or number in steps:
                yield from step.entries()
        if steps is None:
            yield from (Entry(event, at, fence) for fence, at, event in found.events)
            yield from (Entry(Posted(number, order), at) for number, at, order in found.orders)

    def take_in(self, run: RunInfo, entries: Iterable[Entry]) -> None:
        """Add a run with all of its record. Raises StoreError if the id exists, or for a contradiction."""
        if run.id in self._runs:
            raise StoreError(f"Run {run.id!r} cannot be added: there is a run of that name already.")
        new = self._new(run)
        given = list(entries)
        _refuse_equal_sequences(new, [entry.record for entry in given if isinstance(entry.record, Finished)])
        _refuse_equal_lessons(new, [entry.record for entry in given if isinstance(entry.record, Learned)])
        for entry in given:
            self._take(new, entry)
        self._runs[run.id] = new

    def prune(self, lease: Lease, what: Collection[Prunable], steps: Collection[int]) -> None:
        """Give some of what finished attempts keep up for good. Raises LeaseLost."""
        run = self._held(lease)
        over = [number for number, step in run.steps.items() if step.finished is not None and number in set(steps)]
        for number in over:
            run.steps[number].prune(what)
        if over and what:
            run.events.append((lease.fence, self._clock(), note_of(what, over)))

    def size(self, run: str) -> Size:
        """Return what a run holds, uncompressed; nothing here has rows or indices."""
        kinds: dict[str, set[bytes]] = {kind: set() for kind in ("files", "prompts", "answers", "artifacts")}
        steps = self._run(run).steps.values()
        for step in steps:
            kinds["files"].update(encode(text) for text in (step.program.files.values() if step.program else ()))
            kinds["prompts"].update(encode(m.content) for call in step.calls.values() for m in call.request.messages)
            kinds["answers"].update(encode(call.completion.text) for call in step.calls.values() if call.completion)
            kinds["artifacts"].update(raw for e in step.evaluations for raw in e.artifacts.values())
        made = sum(step.program is not None for step in steps)
        counts = {"programs": made, **{kind: len(found) for kind, found in kinds.items()}}
        sizes = {kind: sum(map(len, found)) for kind, found in kinds.items()}
        return Size(counts, {**sizes, "rows": 0, "indices": 0})

    def reclaim(self) -> int:
        """Do nothing: nothing here is on a disk."""
        return 0

    def close(self) -> None:
        """Do nothing: there is nothing to release."""

    def _new(self, run: RunInfo) -> _Run:
        info = replace(
            run,
            config=_copy(run.config),
            provenance=_copy(run.provenance),
            objectives=tuple(run.objectives),
            last_order=max(run.last_order, self._last_order()),
        )
        return _Run(info, sieve=Sieve(run.id, 0))

    def _last_order(self) -> int:
        """Return the largest number that an order of any run may have."""
        posted = (number for run in self._runs.values() for number, *_ in run.orders)
        return max((*posted, *(run.info.last_order for run in self._runs.values())), default=0)

    def _take(self, run: _Run, entry: Entry) -> None:
        at, fence = entry.at or 0.0, entry.fence or 0
        run.fence = max(run.fence, fence)
        match entry.record:
            case Posted(number, order):
                run.orders.append((number, at, parse_order(_copy(order_data(order)))))
            case Event() as event:
                run.events.append((fence, at, replace(event, data=_copy(event.data))))
            case record:
                run.sieve.fence = fence
                fresh = run.sieve.sift([_frozen(record)])
                if not fresh and leaves_a_trace(record):
                    raise StoreError(f"Run {run.info.id!r} cannot be added: its record says twice: {record}.")
                for new in fresh:
                    self._write(run, fence, new, at)

    def _run(self, run: str) -> _Run:
        if run not in self._runs:
            raise NotFound(f"There is no run {run!r} in this store.")
        return self._runs[run]

    def _step(self, run: str, step: int) -> _Step:
        steps = self._run(run).steps
        if step not in steps:
            raise NotFound(f"Run {run!r} has no step {step}.")
        return steps[step]

    def _held(self, lease: Lease) -> _Run:
        run = self._run(lease.run)
        if run.holder is None or run.fence != lease.fence:
            raise lease_lost(lease, run.holder)
        return run

    def _write(self, run: _Run, fence: int, record: Record, at: float) -> None:
        match record:
            case Selected():
                run.steps[record.step] = _Step(record, at)
            case Prompted():
                run.steps[record.step].calls[record.request_hash] = _Call(record.request, at)
            case Called():
                transitions = run.steps[record.step].calls[record.request_hash].transitions
                transitions.append((at, fence, record))
            case Learned():
                run.steps[record.step].lessons = record.lessons
            case Completed():
                run.steps[record.step].calls[record.request_hash].completion = record.completion
            case Applied():
                run.steps[record.program.step].program = record.program
            case Evaluated():
                run.steps[record.step].evaluations.append(record.evaluation)
            case Finished():
                run.steps[record.step].finished = record
                run.steps[record.step].finished_at = at

    def _write_events(self, run: _Run, fence: int, new: Sequence[Event]) -> None:
        written = [(event.kind, event.data) for under, _, event in run.events if under == fence]
        repeated = overlap(written, [(event.kind, event.data) for event in new])
        run.events += [(fence, self._clock(), event) for event in new[repeated:]]


def _told(transition: tuple[float, int, Called]) -> tuple[int, int]:
    _, fence, called = transition
    return fence, called.number


_ORDER: Mapping[type, int] = {Selected: 0, Called: 2, Completed: 2}
"""Within one call a step comes before what belongs to it, and a request before its answer."""


def _refuse_equal_sequences(run: _Run, records: Sequence[Record]) -> None:
    taken = {step.finished.sequence for step in run.steps.values() if step.finished}
    for record in records:
        if isinstance(record, Finished):
            if record.sequence in taken:
                raise StoreError(f"Two attempts of run {run.info.id!r} have the sequence {record.sequence}.")
            taken.add(record.sequence)


def _refuse_equal_lessons(run: _Run, records: Sequence[Record]) -> None:
    taken = {lesson.id for step in run.steps.values() for lesson in step.lessons}
    for record in records:
        for lesson in record.lessons if isinstance(record, Learned) else ():
            if lesson.id in taken:
                raise StoreError(f"Two lessons of run {run.info.id!r} have the id {lesson.id}.")
            taken.add(lesson.id)


def _frozen(record: Record) -> Record:
    """Return the record as a reader will see it, sharing nothing that its owner may change."""
    match record:
        case Applied(program):
            return Applied(replace(program, files=dict(program.files), detail=_copy(program.detail)))
        case Prompted(_, _, request):
            return replace(record, request=replace(request, settings=_copy(request.settings)))
        case Evaluated(_, verdict):
            return replace(record, evaluation=_frozen_evaluation(verdict))
        case Learned():
            return replace(record, lessons=tuple(sorted(record.lessons, key=lambda lesson: lesson.id)))
        case Event():
            return replace(record, data=_copy(record.data))
        case _:
            return record


def _frozen_evaluation(verdict: Evaluation) -> Evaluation:
    return replace(
        verdict,
        metrics={name: value + 0.0 for name, value in verdict.metrics.items()},  # databases keep no sign of zero
        artifacts=dict(verdict.artifacts),
        per_instance=_copy(verdict.per_instance),
    )


def _copy(value: Mapping[str, object]) -> dict[str, Any]:
    copy: dict[str, Any] = from_json(to_json(value))
    return copy
