"""Rows on their way back to values."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, bindparam, distinct, func, select

from evolve.domain.evaluation import REUSABLE, Evaluation, Outcome
from evolve.domain.objective import Direction, Objective
from evolve.domain.problem import SEALED
from evolve.domain.program import Program
from evolve.domain.proposal import (
    Called,
    CallState,
    Choice,
    Completion,
    Event,
    Finished,
    Lesson,
    LessonKind,
    Message,
    Picture,
    Placement,
    Request,
    Selected,
    Unfinished,
    Usage,
)
from evolve.domain.steering import Order, parse_order
from evolve.errors import ConfigurationError, NotFound, StoreError
from evolve.interfaces import RunInfo
from evolve.store.encoding import Packer, PackerWithBase, decode, encode, from_json
from evolve.store.tables import (
    artifacts,
    blobs,
    calls,
    completions,
    evaluations,
    events,
    lessons,
    metrics,
    names,
    objectives,
    orders,
    programs,
    proposals,
    runs,
    tallies,
)

_CHUNK = 500
_COMPARED = 16
"""Evaluations of the same files that are looked at for noise."""
_EVALUATION = [*(c for c in evaluations.columns if c.name not in ("key", "run", "judge")), names.c.name]
_KNOWN: Select[Any] = (  # made once: it is asked before every evaluation
    select(*_EVALUATION, evaluations.c.run)
    .join(programs, and_(programs.c.run == evaluations.c.run, programs.c.step == evaluations.c.step))
    .join(names, names.c.key == evaluations.c.judge)
    .where(
        programs.c.fingerprint == bindparam("of_files"),
        evaluations.c.stage == bindparam("of_stage"),
        names.c.name == bindparam("of_judge"),
        evaluations.c.reused == 0,
        evaluations.c.outcome.in_([outcome.value for outcome in REUSABLE]),
    )
    .order_by(evaluations.c.key)
    .limit(_COMPARED)
)
_HAS_VERDICT: Select[Any] = (
    select(evaluations.c.stage)
    .join(programs, and_(programs.c.run == evaluations.c.run, programs.c.step == evaluations.c.step))
    .where(programs.c.fingerprint == bindparam("of_files"))
)
_T = TypeVar("_T")
_EvaluationKey = tuple[int, str, int]


class Reader:
    """Builds values from rows, many steps with a handful of queries.

    Every method runs inside the caller's transaction; ``run`` is a run's key.
    """

    def __init__(self, connection: Connection, packer: Packer) -> None:
        self._connection = connection
        self._packer = packer
        self._has_verdict = str(_HAS_VERDICT.compile(dialect=connection.dialect))

    def key(self, run_id: str) -> int:
        """Return the key of a run. Raises NotFound."""
        found = self._connection.execute(select(runs.c.key).where(runs.c.id == run_id)).scalar()
        if found is None:
            raise NotFound(f"There is no run {run_id!r} in this database.")
        return int(found)

    def infos(self, condition: ColumnElement[bool]) -> list[RunInfo]:
        """Return the runs that meet a condition, newest first, with totals."""
        query = select(runs).where(condition).order_by(runs.c.created_at.desc(), runs.c.key.desc())
        return [self._info(row) for row in self._connection.execute(query)]

    def counted_infos(self, condition: ColumnElement[bool]) -> list[RunInfo]:
        """Return the runs that meet a condition, newest first; totals count finished attempts alone."""
        query = select(runs).where(condition).order_by(runs.c.created_at.desc(), runs.c.key.desc())
        found = self._connection.execute(query).all()
        totals = self._counted([row.key for row in found])
        return [replace(self._head(row), **totals.get(row.key, {})) for row in found]

    def _counted(self, keys: Sequence[int]) -> dict[int, dict[str, Any]]:
        columns = ("attempts", "judged", "calls", "tokens", "cost_usd", "evaluation_s")
        sums = [func.coalesce(func.sum(tallies.c[name]), 0).label(name) for name in columns]
        query = select(tallies.c.run, *sums).group_by(tallies.c.run)
        found = {}
        for chunk in _chunks(keys):
            for row in self._connection.execute(query.where(tallies.c.run.in_(chunk))):
                usage = Usage(int(row.calls), int(row.tokens), float(row.cost_usd))
                found[row.run] = {
                    "proposals": int(row.attempts),
                    "evaluated": int(row.judged),
                    "usage": usage,
                    "evaluation_s": float(row.evaluation_s),
                }
        return found

    def unfinished(self, run: int) -> list[Unfinished]:
        """Return what was selected and not finished, by step."""
        query = select(proposals).where(proposals.c.run == run, proposals.c.sequence.is_(None))
        rows = self._connection.execute(query.order_by(proposals.c.step)).all()
        steps = [row.step for row in rows]
        made = self._programs(run, steps, with_files=True)
        verdicts = self._evaluations(run, steps, complete=True)
        return [Unfinished(selected_of(row), made.get(row.step), tuple(verdicts.get(row.step, ()))) for row in rows]

    def events(self, run: int) -> list[tuple[float, Event]]:
        """Return the events of a run in the order written."""
        query = select(events.c.written_at, events.c.kind, events.c.data).where(events.c.run == run)
        rows = self._connection.execute(query.order_by(events.c.key))
        return [(at, Event(kind, self._json(data))) for at, kind, data in rows]

    def orders(self, run: int, after: int) -> list[tuple[int, float, Order]]:
        """Return (number, written at, order) of the orders of a run after one of them. Raises StoreError."""
        query = select(orders).where(orders.c.run == run, orders.c.number > after).order_by(orders.c.number)
        rows = self._connection.execute(query).all()
        return [(row.number, row.written_at, self._order(row.number, row.data)) for row in rows]

    def objectives(self, run: int) -> tuple[Objective, ...]:
        """Return what programs of a run are ranked by; empty if it is not known."""
        columns = (objectives.c.direction, objectives.c.target, objectives.c.reference, names.c.name)
        query = select(*columns).join(names, names.c.key == objectives.c.name).where(objectives.c.run == run)
        rows = self._connection.execute(query.order_by(objectives.c.position))
        return tuple(Objective(decode(row.name), Direction(row.direction), row.target, row.reference) for row in rows)

    def last_events(self, run: int, fence: int, count: int) -> list[tuple[str, bytes]]:
        """Return (kind, JSON) of the last events written under ``fence``, oldest first."""
        query = select(events.c.kind, events.c.data).where(events.c.run == run, events.c.fence == fence)
        rows = self._connection.execute(query.order_by(events.c.key.desc()).limit(count))
        return [(kind, self._packer.unpack(data)) for kind, data in rows][::-1]

    def program(self, run: int, step: int) -> Program:
        """Return a program with its files. Raises NotFound."""
        found = self._programs(run, [step], with_files=True)
        if step not in found:
            raise NotFound(f"Step {step} made no program.")
        return found[step]

    def evaluations(self, run: int, step: int) -> list[Evaluation]:
        """Return the evaluations of a step with artifacts, in the order written. Raises NotFound."""
        self._require(run, step)
        return self._evaluations(run, [step], complete=True).get(step, [])

    def known_evaluation(self, judge_hash: str, stage: str, fingerprint: str) -> Evaluation | None:
        """Return the first evaluation of these files by a judge on a stage if all of them agree."""
        mark = bytes.fromhex(fingerprint)
        if self._connection.exec_driver_sql(self._has_verdict, (mark,)).first() is None:
            return None  # as nearly always; the whole question takes five times as long
        of = {"of_files": mark, "of_stage": stage, "of_judge": encode(judge_hash)}
        rows = self._connection.execute(_KNOWN, of).all()
        keys = [(row.step, row.stage, row.repeat) for row in rows]
        found = [
            self._evaluation(row, self._metrics(row.run, [row.step]).get(key, {}), {})
            for row, key in zip(rows, keys, strict=True)
        ]
        if not found or not all(found[0].agrees(other) for other in found):
            return None
        return replace(found[0], artifacts=self._artifacts(rows[0].run, [rows[0].step]).get(keys[0], {}))

    def scores(self, run: int, stage: str, metric: str, outcome: Outcome) -> dict[int, float]:
        """Return step -> value of a metric of the first evaluation on a stage if it ended so."""
        same = [evaluations.c[name] == metrics.c[name] for name in ("run", "step", "stage", "repeat")]
        query = (
            select(metrics.c.step, metrics.c.value)
            .join(evaluations, and_(*same))
            .join(names, names.c.key == metrics.c.name)
            .where(
                metrics.c.run == run,
                metrics.c.stage == stage,
                metrics.c.repeat == 0,
                names.c.name == encode(metric),
                evaluations.c.outcome == outcome.value,
            )
            .order_by(metrics.c.step)
        )
        return {int(step): float(value) for step, value in self._connection.execute(query)}

    def completion(self, run: int, step: int, request_hash: str) -> Completion | None:
        """Return the answer to a request, or None. Raises NotFound."""
        found = self._calls(run, step, completions.c.request_hash == request_hash)
        return found[0][1] if found else None

    def requests(self, run: int, step: int) -> list[tuple[Request, Completion | None]]:
        """Return the model calls of a step in the order sent. Raises NotFound."""
        return self._calls(run, step, completions.c.step == step)

    def calls(self, run: int, step: int) -> list[tuple[float, Called]]:
        """Return (time, transition) of the model calls of a step, call by call. Raises NotFound."""
        self._require(run, step)
        query = select(calls).join(completions, same_call()).where(calls.c.run == run, calls.c.step == step)
        rows = self._connection.execute(query.order_by(completions.c.key, calls.c.fence, calls.c.number))
        return [(row.written_at, self._called(row)) for row in rows]

    def blobs(self, hashes: Sequence[bytes]) -> dict[bytes, bytes]:
        """Return the contents of blobs by name; unknown names are left out."""
        kept = self._blobs_as_kept(hashes)
        bases = {base for base, _ in kept.values() if base is not None}
        # Usually a base is whole; one whose content was first written as a difference is not.
        contents = self.blobs(sorted(bases)) if bases else {}
        packers = {base: PackerWithBase(content) for base, content in contents.items()}
        return {
            name: (self._packer if base is None else packers[base]).decompress(frame)
            for name, (base, frame) in kept.items()
        }

    def names_of_files(self, run: int) -> set[bytes]:
        """Return the names of all blobs that programs of a run need: of their files, and of what these are
        differences from."""
        cells = self._connection.execute(select(programs.c.files).where(programs.c.run == run)).scalars()
        found = {bytes.fromhex(name) for cell in cells for name in self._json(cell).values()}
        for chunk in _chunks(sorted(found)):
            used = select(blobs.c.base).where(blobs.c.hash.in_(chunk), blobs.c.base.is_not(None))
            found.update(self._connection.execute(used).scalars())
        return found

    def bases(self, run: int, step: int) -> dict[str, bytes]:
        """Return path -> name of the blob that a changed file would best be kept as difference from."""
        query = select(programs.c.files).where(programs.c.run == run, programs.c.step == step)
        files = self._connection.execute(query).scalar()
        if files is None:
            return {}
        hashes = {path: bytes.fromhex(name) for path, name in self._json(files).items()}
        query_bases = select(blobs.c.hash, blobs.c.base).where(blobs.c.hash.in_(hashes.values()))
        kept = {row.hash: row.base for row in self._connection.execute(query_bases)}
        return {path: kept[name] or name for path, name in hashes.items()}

    def _require(self, run: int, step: int) -> None:
        query = select(proposals.c.step).where(proposals.c.run == run, proposals.c.step == step)
        if self._connection.execute(query).first() is None:
            raise NotFound(f"The run has no step {step}.")

    def _info(self, row: Row[Any]) -> RunInfo:
        of_run = select(func.count()).select_from(proposals).where(proposals.c.run == row.key)
        judged = select(func.count(distinct(evaluations.c.step))).where(evaluations.c.run == row.key)
        seconds = select(func.coalesce(func.sum(evaluations.c.seconds), 0.0)).where(
            evaluations.c.run == row.key, evaluations.c.stage != SEALED
        )
        return replace(
            self._head(row),
            proposals=self._number(of_run),
            evaluated=self._number(judged),
            usage=self._usage(row.key),
            evaluation_s=float(self._connection.execute(seconds).scalar_one()),
        )

    def _head(self, row: Row[Any]) -> RunInfo:
        """Return a run without totals."""
        return RunInfo(
            id=row.id,
            problem=row.problem,
            status=row.status,
            config=self._json(row.config),
            provenance=self._json(row.provenance),
            created_at=row.created_at,
            elapsed_s=row.elapsed_s,
            objectives=self.objectives(row.key),
            last_order=row.last_order,
        )

    def _usage(self, run: int) -> Usage:
        """Return what all calls used, with what was paid for those that have no answer yet."""
        tokens = completions.c.prompt_tokens + completions.c.completion_tokens
        totals = (
            func.count(),
            func.coalesce(func.sum(tokens), 0),
            func.coalesce(func.sum(completions.c.cost_usd), 0.0),
        )
        query = select(*totals).select_from(completions).where(completions.c.run == run)
        count, used, cost_usd = self._connection.execute(query).one()
        lost = (
            select(func.coalesce(func.sum(calls.c.cost_usd), 0.0))
            .join(completions, same_call())
            .where(completions.c.run == run, completions.c.response.is_(None))
        )
        return Usage(int(count), int(used), float(cost_usd) + float(self._connection.execute(lost).scalar_one()))

    def _number(self, query: Select[Any]) -> int:
        return int(self._connection.execute(query).scalar_one())

    def _finished(self, row: Row[Any]) -> Finished:
        return Finished(
            step=row.step,
            sequence=row.sequence,
            outcome=Outcome(row.outcome),
            cause=row.cause,
            detail=self._text(row.detail),
            placement=Placement(row.placement),
            cell=row.cell,
        )

    def _programs(self, run: int, steps: Sequence[int], with_files: bool) -> dict[int, Program]:
        found: dict[int, Program] = {}
        query = select(programs.c.step, programs.c.parents, programs.c.detail, programs.c.files)
        for chunk in _chunks(steps):
            of_steps = query.where(programs.c.run == run, programs.c.step.in_(chunk))
            for step, parents, detail, files in self._connection.execute(of_steps).all():
                texts = self._files(self._json(files)) if with_files else {}
                found[step] = Program(step, texts, numbers_of(parents), self._json(detail))
        return found

    def _files(self, hashes: Mapping[str, str]) -> dict[str, str]:
        contents = self.blobs([bytes.fromhex(name) for name in hashes.values()])
        return {path: decode(contents[bytes.fromhex(name)]) for path, name in hashes.items()}

    def _blobs_as_kept(self, hashes: Sequence[bytes]) -> dict[bytes, tuple[bytes | None, bytes]]:
        """Return (base, frame) by name."""
        found: dict[bytes, tuple[bytes | None, bytes]] = {}
        for chunk in _chunks(hashes):
            rows = self._connection.execute(select(blobs).where(blobs.c.hash.in_(chunk)))
            found.update((row.hash, (row.base, row.data)) for row in rows)
        return found

    def _evaluations(self, run: int, steps: Sequence[int], complete: bool) -> dict[int, list[Evaluation]]:
        """Return evaluations by step in the order written; artifacts only if ``complete``."""
        by_step: dict[int, list[Evaluation]] = defaultdict(list)
        query = select(*_EVALUATION).join(names, names.c.key == evaluations.c.judge)
        for chunk in _chunks(steps):
            of_steps = query.where(evaluations.c.run == run, evaluations.c.step.in_(chunk))
            numbers = self._metrics(run, chunk)
            contents = self._artifacts(run, chunk) if complete else {}
            for row in self._connection.execute(of_steps.order_by(evaluations.c.key)):
                key = (row.step, row.stage, row.repeat)
                by_step[row.step].append(self._evaluation(row, numbers.get(key, {}), contents.get(key, {})))
        return dict(by_step)

    def _evaluation(self, row: Any, numbers: Mapping[str, float], contents: Mapping[str, bytes]) -> Evaluation:
        return Evaluation(
            stage=row.stage,
            outcome=Outcome(row.outcome),
            judge_hash=decode(row.name),
            repeat=row.repeat,
            metrics=numbers,
            feedback=self._text(row.feedback),
            artifacts=contents,
            per_instance=self._json(row.per_instance) if row.per_instance else {},
            seconds=row.seconds,
            reused=bool(row.reused),
        )

    def _metrics(self, run: int, steps: Sequence[int]) -> dict[_EvaluationKey, dict[str, float]]:
        found: dict[_EvaluationKey, dict[str, float]] = defaultdict(dict)
        columns = (metrics.c.step, metrics.c.stage, metrics.c.repeat, names.c.name, metrics.c.value)
        query = select(*columns).join(names, names.c.key == metrics.c.name)
        of_steps = query.where(metrics.c.run == run, metrics.c.step.in_(steps))
        ordered = of_steps.order_by(metrics.c.step, metrics.c.stage, metrics.c.repeat, metrics.c.position)
        for step, stage, repeat, name, value in self._connection.execute(ordered):
            found[step, stage, repeat][decode(name)] = value
        return found

    def _artifacts(self, run: int, steps: Sequence[int]) -> dict[_EvaluationKey, dict[str, bytes]]:
        found: dict[_EvaluationKey, dict[str, bytes]] = defaultdict(dict)
        query = select(artifacts).where(artifacts.c.run == run, artifacts.c.step.in_(steps))
        rows = self._connection.execute(query.order_by(artifacts.c.position)).all()
        contents = self.blobs([row.blob for row in rows])
        for row in rows:
            found[row.step, row.stage, row.repeat][decode(row.name)] = contents[row.blob]
        return found

    def _lessons(self, run: int, steps: Sequence[int]) -> dict[int, list[Lesson]]:
        found: dict[int, list[Lesson]] = defaultdict(list)
        query = select(lessons).where(lessons.c.run == run, lessons.c.step.in_(steps)).order_by(lessons.c.id)
        for row in self._connection.execute(query):
            grounds = (numbers_of(row.parents), numbers_of(row.evidence), row.confidence, row.expires_after)
            found[row.step].append(Lesson(row.id, LessonKind(row.kind), self._text(row.text), *grounds))
        return found

    def _called(self, row: Row[Any]) -> Called:
        what = (CallState(row.state), row.model, self._text(row.detail), row.cost_usd)
        return Called(row.step, row.request_hash, row.number, *what)

    def _calls(self, run: int, step: int, condition: ColumnElement[bool]) -> list[tuple[Request, Completion | None]]:
        self._require(run, step)
        query = select(completions).where(completions.c.run == run, completions.c.step == step, condition)
        rows = self._connection.execute(query.order_by(completions.c.key)).all()
        contents = self.blobs([name for row in rows for name in (row.request, row.response) if name is not None])
        return [(self._request(contents[row.request]), completion_of(row, contents)) for row in rows]

    def _request(self, raw: bytes) -> Request:
        model, messages, settings, call = from_json(raw)
        return Request(model, tuple(self._message(*parts) for parts in messages), settings, call)

    def _message(self, role: str, content: str, shown: Sequence[tuple[str, str]] = ()) -> Message:
        if not shown:
            return Message(role, content)
        contents = self.blobs(list({bytes.fromhex(name) for _, name in shown}))
        return Message(role, content, tuple(Picture(kind, contents[bytes.fromhex(name)]) for kind, name in shown))

    def _order(self, number: int, cell: bytes) -> Order:
        try:
            return parse_order(self._json(cell))
        except ConfigurationError as error:
            raise StoreError(f"Order {number} cannot be read: {error}") from error

    def _text(self, cell: bytes) -> str:
        return decode(self._packer.unpack(cell))

    def _json(self, cell: bytes) -> Any:
        return from_json(self._packer.unpack(cell))


def selected_of(row: Row[Any]) -> Selected:
    """Return what a row of proposals says of the choice."""
    choice = Choice(row.parent, numbers_of(row.inspirations), row.island)
    return Selected(row.step, choice, row.operator, row.finished_before, row.model, numbers_of(row.lessons))


def completion_of(row: Row[Any], contents: Mapping[bytes, bytes]) -> Completion | None:
    """Return the answer that a row of completions names, or None."""
    if row.response is None:
        return None
    return Completion(
        text=decode(contents[row.response]),
        model=row.model,
        finish_reason=row.finish_reason,
        prompt_tokens=row.prompt_tokens,
        completion_tokens=row.completion_tokens,
        cost_usd=row.cost_usd,
        seconds=row.seconds,
        fault=row.fault or "",
    )


def numbers_of(cell: str) -> tuple[int, ...]:
    """Return the numbers of a comma-separated cell."""
    return tuple(map(int, cell.split(","))) if cell else ()


def _chunks(items: Sequence[_T]) -> Iterator[Sequence[_T]]:
    return (items[start : start + _CHUNK] for start in range(0, len(items), _CHUNK))


def same_call() -> ColumnElement[bool]:
    """Return what joins the transitions of calls with the calls."""
    return (
        (completions.c.run == calls.c.run)
        & (completions.c.step == calls.c.step)
        & (completions.c.request_hash == calls.c.request_hash)
    )
