"""Records on their way to rows: a batch per call, one statement per table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Dialect, Table, and_, bindparam, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql import ClauseElement

from evolve.domain.program import Program
from evolve.domain.proposal import (
    Applied,
    Called,
    Completed,
    Evaluated,
    Event,
    Finished,
    Learned,
    Message,
    Prompted,
    Record,
    Selected,
)
from evolve.store.deltas import Bases, first_parent
from evolve.store.encoding import Packer, blob_hash, encode, to_json
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
    programs,
    proposals,
    runs,
)

Row = tuple[Any, ...]

_ANSWER = ("response", "model", "finish_reason", "prompt_tokens", "completion_tokens", "cost_usd", "seconds", "fault")
_ENDING = ("sequence", "outcome", "cause", "detail", "placement", "cell", "finished_at")
_LEFT_OUT = {"key", *_ANSWER, *_ENDING} - {"model"}
_INSERTED = {  # parents first, for their foreign keys
    blobs: ("hash", "base", "data"),
    proposals: tuple(c.name for c in proposals.columns if c.name not in _LEFT_OUT),
    programs: ("run", "step", "fingerprint", "parents", "detail", "files"),
    completions: ("run", "step", "request_hash", "request", "prompted_at"),
    calls: tuple(c.name for c in calls.columns),
    lessons: tuple(c.name for c in lessons.columns),
    evaluations: tuple(c.name for c in evaluations.columns if c.name != "key"),
    metrics: tuple(c.name for c in metrics.columns),
    artifacts: tuple(c.name for c in artifacts.columns),
    events: tuple(c.name for c in events.columns if c.name != "key"),
}


class Statements:
    """SQL text for one dialect, compiled once: compiling costs more than most of these statements do.

    Every statement takes its values by position, as tuples.
    """

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self.inserts = {table: self._insert(table, columns) for table, columns in _INSERTED.items()}
        self.name = self._insert(names, ("name",))
        self.blob = self.inserts[blobs]
        self.held = self._text(
            select(runs.c.key)
            .where(runs.c.id == bindparam("of_id"), runs.c.fence == bindparam("of_fence"), runs.c.holder.is_not(None))
            .with_for_update()
        )
        self.answer = self._text(
            completions.update()
            .where(
                and_(
                    completions.c.run == bindparam("of_run"),
                    completions.c.step == bindparam("of_step"),
                    completions.c.request_hash == bindparam("of_hash"),
                    completions.c.response.is_(None),
                )
            )
            .values({column: bindparam(column) for column in _ANSWER})
        )
        self.finish = self._text(
            proposals.update()
            .where(
                and_(
                    proposals.c.run == bindparam("of_run"),
                    proposals.c.step == bindparam("of_step"),
                    proposals.c.sequence.is_(None),
                )
            )
            .values({column: bindparam(column) for column in _ENDING})
        )

    def _insert(self, table: Table, columns: Sequence[str]) -> str:
        values: dict[str, Any] = {column: bindparam(column) for column in columns}
        if table not in (blobs, names):
            return self._text(table.insert().inline().values(values))
        insert = postgresql.insert if self._dialect.name == "postgresql" else sqlite.insert
        return self._text(insert(table).inline().values(values).on_conflict_do_nothing())

    def _text(self, statement: ClauseElement) -> str:
        return str(statement.compile(dialect=self._dialect))


class Names:
    """The small integers that stand for repeating words, remembered between calls."""

    def __init__(self, statements: Statements) -> None:
        self._statements = statements
        self._keys: dict[str, int] = {}

    def learn(self, connection: Connection, words: Iterable[str]) -> None:
        """Make sure that every word has a key."""
        missing = set(words) - self._keys.keys()
        if missing:
            raw = {encode(word): word for word in sorted(missing)}
            connection.exec_driver_sql(self._statements.name, [(name,) for name in raw])
            found = connection.execute(select(names.c.name, names.c.key).where(names.c.name.in_(raw)))
            self._keys.update((raw[bytes(name)], key) for name, key in found)

    def key(self, word: str) -> int:
        """Return the key of a word that was learned."""
        return self._keys[word]

    def forget(self) -> None:
        """Forget all, because the transaction in which some were learned was undone."""
        self._keys.clear()


class Batch:
    """The rows of one ``append``.

    Args:
        run: key of the run.
        fence: under which the records are written.
        now: seconds since the epoch.
        names: knows every judge hash and metric name of the records.
        packer: compresses texts.
        bases: compresses program files.

    Attributes:
        finished: steps that it finishes.
    """

    def __init__(self, run: int, fence: int, now: float, names: Names, packer: Packer, bases: Bases) -> None:
        self._run = run
        self._fence = fence
        self._now = now
        self._names = names
        self._packer = packer
        self._bases = bases
        self._inserts: dict[Table, list[Row]] = {table: [] for table in _INSERTED}
        self._answers: list[Row] = []
        self._endings: list[Row] = []
        self.finished: list[int] = []

    def stamp(self, now: float, fence: int) -> None:
        """Note when, and under which lease, the records that are added from here on were written."""
        self._now, self._fence = now, fence

    def add(self, record: Record) -> None:
        """Add the rows of one record."""
        match record:
            case Selected():
                self._selected(record)
            case Prompted():
                self._prompted(record)
            case Called():
                self._called(record)
            case Completed():
                self._completed(record)
            case Learned():
                self._learned(record)
            case Applied():
                self._applied(record)
            case Evaluated():
                self._evaluated(record)
            case Finished():
                self._finished(record)
            case Event():
                data = self._packer.pack(to_json(record.data))
                self._inserts[events].append((self._run, self._fence, self._now, record.kind, data))

    def write(self, connection: Connection, statements: Statements) -> bool:
        """Write the rows; return whether each one was new.

        Raises IntegrityError when a row is already there or refers to one that is not.
        """
        for table, rows in self._inserts.items():
            if rows:
                connection.exec_driver_sql(statements.inserts[table], rows)
        return self._update(connection, statements.answer, self._answers) and self._update(
            connection, statements.finish, self._endings
        )

    def _update(self, connection: Connection, statement: str, rows: list[Row]) -> bool:
        return not rows or connection.exec_driver_sql(statement, rows).rowcount == len(rows)

    def _selected(self, record: Selected) -> None:
        choice = record.choice
        chosen = (choice.parent, _joined(choice.inspirations), choice.island)
        who = (record.model, _joined(record.lessons))
        row = (self._run, record.step, *chosen, record.operator, record.finished_before, self._now, *who)
        self._inserts[proposals].append(row)

    def _prompted(self, record: Prompted) -> None:
        request = record.request
        messages = [self._message(message) for message in request.messages]
        blob = self._blob(to_json([request.model, messages, request.settings, request.call]))
        self._inserts[completions].append((self._run, record.step, record.request_hash, blob, self._now))

    def _message(self, message: Message) -> list[Any]:
        """Return a message as its request keeps it: pictures by the names of their blobs, if it has any."""
        shown = [(picture.media_type, self._blob(picture.data).hex()) for picture in message.pictures]
        return [message.role, message.content, *([shown] if shown else ())]

    def _called(self, record: Called) -> None:
        key = (self._run, record.step, record.request_hash, self._fence, record.number)
        detail = self._packer.pack(encode(record.detail))
        self._inserts[calls].append((*key, self._now, record.state.value, record.model, detail, record.cost_usd))

    def _learned(self, record: Learned) -> None:
        for lesson in record.lessons:
            text = self._packer.pack(encode(lesson.text))
            grounds = (_joined(lesson.parents), _joined(lesson.evidence), lesson.confidence, lesson.expires_after)
            row = (self._run, lesson.id, record.step, lesson.kind.value, text, *grounds)
            self._inserts[lessons].append(row)

    def _completed(self, record: Completed) -> None:
        answer = record.completion
        blob = self._blob(encode(answer.text))
        tokens = (answer.prompt_tokens, answer.completion_tokens)
        values = (blob, answer.model, answer.finish_reason, *tokens, answer.cost_usd, answer.seconds, answer.fault)
        self._answers.append((*values, self._run, record.step, record.request_hash))

    def _applied(self, record: Applied) -> None:
        program = record.program
        files = to_json({path: name.hex() for path, name in self._files(program).items()})
        detail = to_json(program.detail)
        mark = bytes.fromhex(program.fingerprint)
        row = (
            self._run,
            program.step,
            mark,
            _joined(program.parents),
            self._packer.pack(detail),
            self._packer.pack(files),
        )
        self._inserts[programs].append(row)

    def _evaluated(self, record: Evaluated) -> None:
        verdict = record.evaluation
        key = (self._run, record.step, verdict.stage, verdict.repeat)
        feedback = self._packer.pack(encode(verdict.feedback))
        scores = self._packer.pack(to_json(verdict.per_instance) if verdict.per_instance else b"")
        judge = self._names.key(verdict.judge_hash)
        found = (verdict.outcome.value, judge, feedback, scores, verdict.seconds, int(verdict.reused))
        self._inserts[evaluations].append((*key, *found))
        self._inserts[metrics] += [
            (*key, position, self._names.key(name), float(value))
            for position, (name, value) in enumerate(verdict.metrics.items())
        ]
        self._inserts[artifacts] += [
            (*key, position, encode(name), self._blob(raw))
            for position, (name, raw) in enumerate(verdict.artifacts.items())
        ]

    def _finished(self, record: Finished) -> None:
        detail = self._packer.pack(encode(record.detail))
        ending = (record.sequence, record.outcome.value, record.cause, detail, int(record.placement), record.cell)
        self._endings.append((*ending, self._now, self._run, record.step))
        self.finished.append(record.step)

    def _files(self, program: Program) -> dict[str, bytes]:
        """Add the blobs of a program's files; return their names by path."""
        parent = first_parent(program.parents)
        inherited = {} if parent is None else self._bases.of_step(self._run, parent)
        found, bases = {}, {}
        for path, text in program.files.items():
            found[path], bases[path] = self._file(encode(text), inherited.get(path))
        self._bases.remember(self._run, program.step, bases)
        return found

    def _file(self, raw: bytes, base: bytes | None) -> tuple[bytes, bytes]:
        """Add the blob of a file, unless it is the base; return its name and the base for its children."""
        name = blob_hash(raw)
        if name == base:
            return name, name
        used, frame = self._bases.frame(name, raw, base)
        self._inserts[blobs].append((name, used, frame))
        return name, used or name

    def _blob(self, raw: bytes) -> bytes:
        name = blob_hash(raw)
        self._inserts[blobs].append((name, None, self._packer.compress(raw)))
        return name


def _joined(numbers: Iterable[int]) -> str:
    return ",".join(map(str, numbers))


def words_of(records: Iterable[Record]) -> set[str]:
    """Return the judge hashes and metric names that the rows of these records refer to by key."""
    verdicts = [record.evaluation for record in records if isinstance(record, Evaluated)]
    return {word for verdict in verdicts for word in (verdict.judge_hash, *verdict.metrics)}
