"""Finished attempts on their way back to a search: a million of them at a go.

What a resumed run waits for is this module, so it is written for speed: a statement for each table and
chunk, compiled once; rows as the driver gives them; enums and repeated words looked up; what few readers
look at (what an operator noted of its program) decoded when somebody does.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Select, Table, and_, bindparam, select

from evolve.domain.evaluation import Evaluation, Outcome
from evolve.domain.problem import SEALED
from evolve.domain.program import Program
from evolve.domain.proposal import (
    NO_USAGE,
    Attempt,
    Choice,
    Finished,
    Lesson,
    LessonKind,
    Placement,
    Selected,
    Usage,
)
from evolve.store.encoding import Packer, decode, from_json
from evolve.store.tables import completions, evaluations, lessons, metrics, names, programs, proposals

_CHUNK = 500
_OUTCOMES = {outcome.value: outcome for outcome in Outcome}
_PLACEMENTS = {int(placement): placement for placement in Placement}

Rows = Sequence[Sequence[Any]]


class PackedDetail(Mapping[str, object]):
    """The detail of a program on record, unpacked when it is first looked at."""

    __slots__ = ("_cell", "_packer", "_value")

    def __init__(self, cell: bytes, packer: Packer) -> None:
        self._cell = cell
        self._packer = packer
        self._value: Mapping[str, object] | None = None

    def __getitem__(self, name: str) -> object:
        return self._read()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._read())

    def __len__(self) -> int:
        return len(self._read())

    def __repr__(self) -> str:
        return repr(self._read())

    def _read(self) -> Mapping[str, object]:
        if self._value is None:
            value: Mapping[str, object] = from_json(self._packer.unpack(self._cell))
            self._value = value
        return self._value


class HistoryReader:
    """Reads the finished attempts of runs. Every method runs inside the caller's transaction."""

    def __init__(self, connection: Connection, packer: Packer) -> None:
        self._connection = connection
        self._packer = packer
        self._names: dict[int, str] = {}
        self._attempts = f"{self._text(_attempts())} LIMIT {_CHUNK}"  # with limit() SQLite gets a parameter more
        self._verdicts = self._text(_of_steps(evaluations, _VERDICT).order_by(evaluations.c.key))
        self._numbers = self._text(
            _of_steps(metrics, ("step", "stage", "repeat", "name", "value")).order_by(
                metrics.c.step, metrics.c.stage, metrics.c.repeat, metrics.c.position
            )
        )
        self._calls = self._text(_of_steps(completions, ("step", "prompt_tokens", "completion_tokens", "cost_usd")))
        self._drawn = self._text(_of_steps(lessons, _LESSON).order_by(lessons.c.id))

    def finished(self, run: int, after: int) -> list[Attempt]:
        """Return the next few hundred finished attempts whose sequence is greater than ``after``."""
        rows = self._rows(self._attempts, run, after)
        if not rows:
            return []
        steps = _Steps([row[0] for row in rows])
        judged = self._judged(run, steps)
        usages = self._usages(run, steps)
        learned = self._learned(run, steps)
        return [
            self._attempt(row, judged.get(row[0], ()), usages.get(row[0], NO_USAGE), learned.get(row[0], ()))
            for row in rows
        ]

    def _attempt(
        self, row: Sequence[Any], judged: Sequence[Evaluation], usage: Usage, drawn: Sequence[Lesson]
    ) -> Attempt:
        step, parent, inspirations, island, operator, before, model, shown = row[:8]
        sequence, outcome, cause, detail, placement, cell, fingerprint, parents, made = row[8:]
        choice = Choice(parent, _numbers(inspirations), island)
        program = None
        if fingerprint is not None:
            program = Program(step, {}, _numbers(parents), PackedDetail(made, self._packer))
        told = of_search(judged) if len(judged) > 1 else judged
        return Attempt(
            Selected(step, choice, operator, before, model, _numbers(shown)),
            program,
            told[-1] if told else None,
            Finished(step, sequence, _OUTCOMES[outcome], cause, self._words(detail), _PLACEMENTS[placement], cell),
            usage,
            fingerprint.hex() if fingerprint is not None else "",
            tuple(drawn),
            math.fsum([e.seconds for e in judged if e.stage != SEALED]),
        )

    def _judged(self, run: int, steps: _Steps) -> Mapping[int, Sequence[Evaluation]]:
        found: dict[int, list[Evaluation]] = {}
        numbers = self._metrics(run, steps)
        for step, stage, repeat, outcome, judge, feedback, scores, seconds, reused in self._of(
            self._verdicts, run, steps
        ):
            evaluation = Evaluation(
                stage,
                _OUTCOMES[outcome],
                self._name(judge),
                repeat,
                numbers.get((step, stage, repeat)) or {},
                self._words(feedback),
                {},
                from_json(self._packer.unpack(scores)) if scores else {},
                seconds,
                bool(reused),
            )
            found.setdefault(step, []).append(evaluation)
        return found

    def _metrics(self, run: int, steps: _Steps) -> Mapping[tuple[int, str, int], dict[str, float]]:
        found: dict[tuple[int, str, int], dict[str, float]] = {}
        known, last, values = self._names, (-1, "", -1), dict[str, float]()
        for step, stage, repeat, name, value in self._of(self._numbers, run, steps):
            if step != last[0] or stage != last[1] or repeat != last[2]:
                last = (step, stage, repeat)
                values = found[last] = {}
            values[known[name] if name in known else self._name(name)] = value
        return found

    def _usages(self, run: int, steps: _Steps) -> Mapping[int, Usage]:
        found: dict[int, list[tuple[int, float]]] = defaultdict(list)
        for step, prompt, answer, cost_usd in self._of(self._calls, run, steps):
            found[step].append(((prompt or 0) + (answer or 0), cost_usd or 0.0))
        return {
            step: Usage(len(used), sum(tokens for tokens, _ in used), math.fsum(cost_usd for _, cost_usd in used))
            for step, used in found.items()
        }

    def _learned(self, run: int, steps: _Steps) -> Mapping[int, Sequence[Lesson]]:
        found: dict[int, list[Lesson]] = defaultdict(list)
        for step, id_, kind, text, parents, evidence, confidence, expires_after in self._of(self._drawn, run, steps):
            grounds = (_numbers(parents), _numbers(evidence), confidence, expires_after)
            found[step].append(Lesson(id_, LessonKind(kind), self._words(text), *grounds))
        return found

    def _name(self, key: int) -> str:
        """Return the word that a small integer stands for; words never change."""
        if key not in self._names:
            found = self._connection.execute(select(names.c.key, names.c.name)).all()
            self._names.update((number, decode(word)) for number, word in found)
        return self._names[key]

    def _words(self, cell: bytes) -> str:
        return decode(self._packer.unpack(cell)) if cell else ""

    def _of(self, statement: str, run: int, steps: _Steps) -> Iterator[Sequence[Any]]:
        """Return the rows of these steps, in the order of the statement."""
        for first, last in steps.ranges:
            rows = self._rows(statement, run, first, last)
            if steps.exact:
                yield from rows
            else:
                yield from (row for row in rows if row[0] in steps.known)

    def _rows(self, statement: str, *values: int) -> Rows:
        """Return rows as the driver gives them: without the names and types that SQLAlchemy would add to each."""
        result = self._connection.exec_driver_sql(statement, values)
        cursor = result.cursor
        assert cursor is not None  # the statement returns rows
        rows: Rows = cursor.fetchall()
        result.close()
        return rows

    def _text(self, statement: Select[Any]) -> str:
        return str(statement.compile(dialect=self._connection.dialect))


class _Steps:
    """Steps, and the ranges of numbers to look for them in: finished in about the order in which they began,
    they are mostly neighbours."""

    def __init__(self, steps: Sequence[int]) -> None:
        self.known = frozenset(steps)
        self.ranges: list[tuple[int, int]] = []
        for step in sorted(steps):
            if self.ranges and step - self.ranges[-1][1] <= _GAP:
                self.ranges[-1] = (self.ranges[-1][0], step)
            else:
                self.ranges.append((step, step))
        self.exact = sum(last - first + 1 for first, last in self.ranges) == len(steps)


_GAP = 8
"""Steps of others between two that are read along rather than skipped by another statement."""
_VERDICT = ("step", "stage", "repeat", "outcome", "judge", "feedback", "per_instance", "seconds", "reused")
_LESSON = ("step", "id", "kind", "text", "parents", "evidence", "confidence", "expires_after")
_CHOSEN = ("step", "parent", "inspirations", "island", "operator", "finished_before", "model", "lessons")
_ENDED = ("sequence", "outcome", "cause", "detail", "placement", "cell")


def _attempts() -> Select[Any]:
    columns = [proposals.c[name] for name in (*_CHOSEN, *_ENDED)]
    return (
        select(*columns, programs.c.fingerprint, programs.c.parents, programs.c.detail)
        .outerjoin(programs, and_(programs.c.run == proposals.c.run, programs.c.step == proposals.c.step))
        .where(proposals.c.run == bindparam("of_run"), proposals.c.sequence > bindparam("after"))
        .order_by(proposals.c.sequence)
    )


def _of_steps(table: Table, columns: Sequence[str]) -> Select[Any]:
    return select(*(table.c[name] for name in columns)).where(
        table.c.run == bindparam("of_run"), table.c.step >= bindparam("first"), table.c.step <= bindparam("last")
    )


def of_search(judged: Sequence[Evaluation]) -> Sequence[Evaluation]:
    """Return what the search was told: the sealed stage comes after it, and is not for it to know, unless
    the attempt was an audit and has no other."""
    return [evaluation for evaluation in judged if evaluation.stage != SEALED] or judged


def _numbers(cell: str) -> tuple[int, ...]:
    return tuple(map(int, cell.split(","))) if cell else ()
