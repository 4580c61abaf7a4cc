"""Between the record of a run and the rows of an export, both ways, without loss."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from evolve.domain.evaluation import Evaluation, Outcome
from evolve.domain.objective import Direction, Objective
from evolve.domain.program import Program
from evolve.domain.proposal import (
    Applied,
    Called,
    CallState,
    Choice,
    Completed,
    Completion,
    Evaluated,
    Event,
    Finished,
    Learned,
    Lesson,
    LessonKind,
    Message,
    Picture,
    Placement,
    Prompted,
    Request,
    Selected,
)
from evolve.domain.steering import Posted, order_data, parse_order
from evolve.errors import ConfigurationError, StoreError
from evolve.interfaces import Entry, RunInfo
from evolve.store.columns import TABLES, Row

_OF_STEPS = [table.name for table in TABLES if table.name not in ("proposals", "events", "orders")]
_ENDING = ("sequence", "outcome", "cause", "detail", "placement", "cell", "finished_at")
_ANSWER = (
    "answer", "answered_by", "finish_reason", "prompt_tokens", "completion_tokens", "cost_usd", "seconds", "fault",
)  # fmt: skip


# ── to rows ───────────────────────────────────────────────────────────────────────────────────
def rows_of(entries: Iterable[Entry]) -> Iterator[tuple[str, Row]]:
    """Yield (table, row) for entries in the order in which a store yields them."""
    growing = _Growing()
    for entry in entries:
        yield from growing.done_before(entry)
        if not growing.takes(entry):
            yield from _whole_rows(entry)
    yield from growing.done_before(None)


class _Growing:
    """The rows that several entries make: an attempt's, from its choice to its end, and a call's with its answer."""

    def __init__(self) -> None:
        self._proposal: Row | None = None
        self._call: Row | None = None

    def done_before(self, entry: Entry | None) -> Iterator[tuple[str, Row]]:
        """Yield what the next entry, if there is one, adds nothing to any more."""
        record = entry.record if entry is not None else None
        if self._call is not None and not isinstance(record, Called | Completed):
            yield "calls", self._call
            self._call = None
        if self._proposal is not None and (record is None or isinstance(record, Selected | Event | Posted)):
            yield "proposals", self._proposal
            self._proposal = None

    def takes(self, entry: Entry) -> bool:
        """Whether an entry became part of a growing row."""
        match entry.record:
            case Selected() as selected:
                self._proposal = {**_selected(selected, entry.at), **dict.fromkeys(_ENDING)}
            case Finished() as finished:
                assert self._proposal is not None  # an attempt is selected before it ends
                self._proposal |= _finished(finished, entry.at)
            case Prompted() as prompted:
                self._call = {**_prompted(prompted, entry.at), **dict.fromkeys(_ANSWER)}
            case Completed() as answer:
                assert self._call is not None  # a request comes before its answer
                self._call |= _answer(answer.completion)
            case _:
                return False
        return True


def _whole_rows(entry: Entry) -> Iterator[tuple[str, Row]]:
    match entry.record:
        case Called() as called:
            yield "transitions", _called(called, entry)
        case Applied(program):
            yield from _program(program)
        case Learned(step, lessons):
            yield from (("lessons", _lesson(step, lesson)) for lesson in lessons)
        case Evaluated(step, evaluation):
            yield from _evaluation(step, evaluation)
        case Event(kind, data):
            yield "events", {"written_at": entry.at, "fence": entry.fence, "kind": kind, "data": dict(data)}
        case Posted(number, order):
            yield "orders", {"number": number, "written_at": entry.at, "data": order_data(order)}


def run_data(info: RunInfo) -> dict[str, Any]:
    """Return what is on record of a run itself, as JSON-able data; totals are left out."""
    return {
        "id": info.id,
        "problem": info.problem,
        "status": info.status,
        "config": dict(info.config),
        "provenance": dict(info.provenance),
        "created_at": info.created_at,
        "elapsed_s": info.elapsed_s,
        "last_order": info.last_order,
        "objectives": [
            {
                "name": objective.name,
                "direction": objective.direction.value,
                "target": objective.target,
                "reference": objective.reference,
            }
            for objective in info.objectives
        ],
    }


def _selected(record: Selected, at: float | None) -> Row:
    return {
        "step": record.step,
        "operator": record.operator,
        "model": record.model,
        "parent": record.choice.parent,
        "inspirations": list(record.choice.inspirations),
        "island": record.choice.island,
        "finished_before": record.finished_before,
        "lessons": list(record.lessons),
        "selected_at": at,
    }


def _finished(record: Finished, at: float | None) -> Row:
    return {
        "sequence": record.sequence,
        "outcome": record.outcome.value,
        "cause": record.cause,
        "detail": record.detail,
        "placement": record.placement.name.lower(),
        "cell": record.cell,
        "finished_at": at,
    }


def _prompted(record: Prompted, at: float | None) -> Row:
    request = record.request
    return {
        "step": record.step,
        "request_hash": record.request_hash,
        "model": request.model,
        "messages": [_message(message) for message in request.messages],
        "settings": dict(request.settings),
        "call": request.call,
        "prompted_at": at,
    }


def _message(message: Message) -> dict[str, Any]:
    pictures = [
        {"media_type": picture.media_type, "data": base64.b64encode(picture.data).decode("ascii")}
        for picture in message.pictures
    ]
    return {"role": message.role, "content": message.content, "pictures": pictures}


def _answer(answer: Completion) -> Row:
    return {
        "answer": answer.text,
        "answered_by": answer.model,
        "finish_reason": answer.finish_reason,
        "prompt_tokens": answer.prompt_tokens,
        "completion_tokens": answer.completion_tokens,
        "cost_usd": answer.cost_usd,
        "seconds": answer.seconds,
        "fault": answer.fault,
    }


def _called(record: Called, entry: Entry) -> Row:
    return {
        "step": record.step,
        "request_hash": record.request_hash,
        "fence": entry.fence,
        "number": record.number,
        "written_at": entry.at,
        "state": record.state.value,
        "model": record.model,
        "detail": record.detail,
        "cost_usd": record.cost_usd,
    }


def _program(program: Program) -> Iterator[tuple[str, Row]]:
    yield (
        "programs",
        {
            "step": program.step,
            "fingerprint": program.fingerprint,
            "parents": list(program.parents),
            "detail": dict(program.detail),
        },
    )
    for path, text in program.files.items():
        yield "files", {"step": program.step, "path": path, "text": text}


def _lesson(step: int, lesson: Lesson) -> Row:
    return {
        "step": step,
        "id": lesson.id,
        "kind": lesson.kind.value,
        "text": lesson.text,
        "parents": list(lesson.parents),
        "evidence": list(lesson.evidence),
        "confidence": lesson.confidence,
        "expires_after": lesson.expires_after,
    }


def _evaluation(step: int, verdict: Evaluation) -> Iterator[tuple[str, Row]]:
    key = {"step": step, "stage": verdict.stage, "repeat": verdict.repeat}
    yield (
        "evaluations",
        {
            **key,
            "outcome": verdict.outcome.value,
            "judge_hash": verdict.judge_hash,
            "feedback": verdict.feedback,
            "per_instance": dict(verdict.per_instance),
            "seconds": verdict.seconds,
            "reused": verdict.reused,
        },
    )
    for name, value in verdict.metrics.items():
        yield "metrics", {**key, "name": name, "value": float(value)}
    for name, data in verdict.artifacts.items():
        yield "artifacts", {**key, "name": name, "data": data}


# ── from rows ─────────────────────────────────────────────────────────────────────────────────
Rows = Callable[[str], Iterator[Row]]
"""Gives the rows of a table by its name, in order."""


def entries_of(rows: Rows) -> Iterator[Entry]:
    """Yield the entries that ``rows_of`` made rows of. Raises StoreError for rows that make no sense."""
    try:
        yield from _attempts(rows)
        for row in rows("events"):
            yield Entry(Event(row["kind"], row["data"]), row["written_at"], row["fence"])
        for row in rows("orders"):
            yield Entry(Posted(row["number"], parse_order(row["data"])), row["written_at"])
    except (ValueError, KeyError, TypeError, AttributeError, ConfigurationError, binascii.Error) as error:
        raise StoreError(f"The export holds a row that no run could have: {error}") from error


def info_of(data: Mapping[str, Any]) -> RunInfo:
    """Return the run that ``run_data`` described. Raises StoreError."""
    try:
        aims = tuple(
            Objective(str(aim["name"]), Direction(aim["direction"]), aim["target"], aim["reference"])
            for aim in data["objectives"]
        )
        return RunInfo(
            id=_str(data["id"]),
            problem=_str(data["problem"]),
            status=_str(data["status"]),
            config=dict(data["config"]),
            provenance=dict(data["provenance"]),
            created_at=float(data["created_at"]),
            elapsed_s=float(data["elapsed_s"]),
            objectives=aims,
            last_order=int(data["last_order"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"The run's own data make no sense: {type(error).__name__} {error}") from error


def _str(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"expected text, found {value!r}")
    return value


class _OfStep:
    """Hands out the rows of a table step by step."""

    def __init__(self, name: str, rows: Iterator[Row]) -> None:
        self._name = name
        self._rows = rows
        self._next = next(rows, None)

    def take(self, step: int) -> Iterator[Row]:
        """Yield the rows of a step; steps must be asked for in order."""
        while self._next is not None and self._next["step"] == step:
            yield self._next
            self._next = next(self._rows, None)

    def check_empty(self) -> None:
        """Raise StoreError if rows are left."""
        if self._next is not None:
            raise StoreError(
                f"Table {self._name!r} has a row out of order, or of no attempt: step {self._next['step']}."
            )


def _attempts(rows: Rows) -> Iterator[Entry]:
    tables = {name: _OfStep(name, rows(name)) for name in _OF_STEPS}
    for row in rows("proposals"):
        step = row["step"]
        choice = Choice(row["parent"], tuple(row["inspirations"]), row["island"])
        who = (row["operator"], row["finished_before"], row["model"], tuple(row["lessons"]))
        yield Entry(Selected(step, choice, *who), row["selected_at"])
        yield from _calls(step, tables)
        yield from _made(step, tables)
        yield from _verdicts(step, tables)
        if row["sequence"] is not None:
            ending = (Outcome(row["outcome"]), row["cause"], row["detail"], Placement[row["placement"].upper()])
            yield Entry(Finished(step, row["sequence"], *ending, row["cell"]), row["finished_at"])
    for table in tables.values():
        table.check_empty()


def _calls(step: int, tables: Mapping[str, _OfStep]) -> Iterator[Entry]:
    transitions: dict[str, list[Entry]] = {}
    for row in tables["transitions"].take(step):
        what = (CallState(row["state"]), row["model"], row["detail"], row["cost_usd"])
        called = Called(step, row["request_hash"], row["number"], *what)
        transitions.setdefault(called.request_hash, []).append(Entry(called, row["written_at"], row["fence"]))
    for row in tables["calls"].take(step):
        key = row["request_hash"]
        messages = tuple(_message_of(message) for message in row["messages"])
        request = Request(row["model"], messages, row["settings"], row["call"])
        yield Entry(Prompted(step, key, request), row["prompted_at"])
        yield from transitions.pop(key, ())
        if row["answer"] is not None:
            yield Entry(Completed(step, key, Completion(*(row[name] for name in _ANSWER))))
    if transitions:
        raise StoreError(f"Step {step} has transitions of calls that it has not: {sorted(transitions)[0]!r}.")


def _message_of(data: Mapping[str, Any]) -> Message:
    pictures = (
        Picture(picture["media_type"], base64.b64decode(picture["data"], validate=True)) for picture in data["pictures"]
    )
    return Message(data["role"], data["content"], tuple(pictures))


def _made(step: int, tables: Mapping[str, _OfStep]) -> Iterator[Entry]:
    files = {row["path"]: row["text"] for row in tables["files"].take(step)}
    for row in tables["programs"].take(step):
        program = Program(step, files, tuple(row["parents"]), row["detail"])
        if program.fingerprint != row["fingerprint"]:
            raise StoreError(f"Program {step} is not what its fingerprint says: {program.fingerprint} was found.")
        yield Entry(Applied(program))
    lessons = [
        Lesson(
            id=row["id"],
            kind=LessonKind(row["kind"]),
            text=row["text"],
            parents=tuple(row["parents"]),
            evidence=tuple(row["evidence"]),
            confidence=row["confidence"],
            expires_after=row["expires_after"],
        )
        for row in tables["lessons"].take(step)
    ]
    if lessons:
        yield Entry(Learned(step, tuple(lessons)))


def _verdicts(step: int, tables: Mapping[str, _OfStep]) -> Iterator[Entry]:
    numbers: dict[tuple[str, int], dict[str, float]] = {}
    attached: dict[tuple[str, int], dict[str, bytes]] = {}
    for row in tables["metrics"].take(step):
        numbers.setdefault((row["stage"], row["repeat"]), {})[row["name"]] = row["value"]
    for row in tables["artifacts"].take(step):
        attached.setdefault((row["stage"], row["repeat"]), {})[row["name"]] = row["data"]
    for row in tables["evaluations"].take(step):
        key = (row["stage"], row["repeat"])
        verdict = Evaluation(
            stage=row["stage"],
            outcome=Outcome(row["outcome"]),
            judge_hash=row["judge_hash"],
            repeat=row["repeat"],
            metrics=numbers.pop(key, {}),
            feedback=row["feedback"],
            artifacts=attached.pop(key, {}),
            per_instance=row["per_instance"],
            seconds=row["seconds"],
            reused=row["reused"],
        )
        yield Entry(Evaluated(step, verdict))
    if numbers or attached:
        raise StoreError(f"Step {step} has metrics or artifacts of an evaluation that it has not.")
