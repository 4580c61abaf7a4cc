"""An independent look at the record of a run: is anything lost, doubled, or at odds with the rest?

It shares no code with what reads and writes runs. What can be asked in SQL is asked there
(:mod:`evolve.store.probes`); lineages, files, orders and totals are followed here. That the search
would decide the same again is for a replay to say (:mod:`evolve.controller.replay`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, text

from evolve.domain.problem import SEALED
from evolve.domain.steering import INJECT
from evolve.errors import NotFound
from evolve.interfaces import RunInfo
from evolve.store.connection import READ, open_engine, transaction
from evolve.store.findings import Finding, Rule
from evolve.store.kept_blobs import Blobs, Unreadable, cell, cell_json, digest
from evolve.store.probes import PROBES, Probe

_LOCK_TIMEOUT_S = 30.0
_FORKED, _STEERED = "forked", "steered"
_BLOBS_OF_RUN = (
    "SELECT step, 'prompt' AS what, request AS name FROM completions WHERE run = :run",
    "SELECT step, 'answer' AS what, response AS name FROM completions WHERE run = :run AND response IS NOT NULL",
    "SELECT step, 'artifact' AS what, blob AS name FROM artifacts WHERE run = :run",
)
_CELLS_OF_RUN = (
    ("detail of step", "SELECT step AS number, detail AS cell FROM proposals WHERE run = :run AND detail IS NOT NULL"),
    ("feedback of step", "SELECT step AS number, feedback AS cell FROM evaluations WHERE run = :run"),
    ("scores of step", "SELECT step AS number, per_instance AS cell FROM evaluations WHERE run = :run"),
    ("call of step", "SELECT step AS number, detail AS cell FROM calls WHERE run = :run"),
    ("lesson", "SELECT id AS number, text AS cell FROM lessons WHERE run = :run"),
)


class Checker:
    """Looks at the runs of a database; writes nothing. The database must be of this version.

    Args:
        url: of the database.
    """

    def __init__(self, url: str) -> None:
        self._engine = open_engine(url, "normal", _LOCK_TIMEOUT_S)
        self._place = str(self._engine.url)
        isolation = {} if self._engine.dialect.name == "sqlite" else {"isolation_level": "REPEATABLE READ"}
        self._connect = self._engine.execution_options(**isolation).connect

    def check(self, info: RunInfo) -> list[Finding]:
        """Return what is wrong with a run. ``info`` is what the store says of it, totals included.

        What is read is of one moment; of a run that somebody works on, ``info`` may be of another.
        Raises NotFound, StoreError.
        """
        with closing(self._connect()) as connection, transaction(connection, READ, self._place):
            key = connection.execute(text("SELECT key FROM runs WHERE id = :id"), {"id": info.id}).scalar()
            if key is None:
                raise NotFound(f"There is no run {info.id!r} in {self._place}.")
            return list(_Look(connection, int(key)).findings(info))

    def close(self) -> None:
        """Release the connection."""
        self._engine.dispose()


@dataclass(frozen=True, slots=True)
class _Known:
    """What children may know of an attempt."""

    made_program: bool
    sequence: int | None


@dataclass
class _Look:
    """One look at one run, within a transaction."""

    connection: Connection
    run: int
    blobs: Blobs = field(init=False)
    steered: list[Mapping[str, Any]] = field(default_factory=list)
    forked: int = 0

    def __post_init__(self) -> None:
        self.blobs = Blobs(self.connection)

    def findings(self, info: RunInfo) -> Iterator[Finding]:
        yield from self._events()
        for probe in PROBES:
            yield from self._ask(probe)
        yield from self._lineage()
        yield from self._lessons()
        yield from self._files()
        yield from self._texts()
        yield from self._orders()
        yield from self._totals(info)

    def _ask(self, probe: Probe) -> Iterator[Finding]:
        for row in self._rows(probe.sql):
            told = dict(row._mapping)
            yield Finding(
                probe.rule,
                probe.where.format(**told),
                probe.expected.format(**told),
                probe.found.format(**told),
            )

    def _rows(self, sql: str) -> Sequence[Row[Any]]:
        wanted = {"run": self.run, "forked": self.forked}
        return self.connection.execute(text(sql), {name: wanted[name] for name in wanted if f":{name}" in sql}).all()

    def _number(self, sql: str) -> float:
        return float(self._rows(sql)[0][0] or 0)

    def _events(self) -> Iterator[Finding]:
        """Note what the log says of orders and of the run this one began as."""
        for row in self._rows("SELECT key, kind, data FROM events WHERE run = :run ORDER BY key"):
            try:
                data = cell_json(bytes(row.data))
            except Unreadable as error:
                yield Finding(Rule.FILES, f"event {row.key} ({row.kind})", "readable data", str(error))
                continue
            if row.kind == _STEERED:
                self.steered.append(data)
            elif row.kind == _FORKED:
                self.forked = data["attempts"]

    # ── lineage ───────────────────────────────────────────────────────────────────────────────
    def _lineage(self) -> Iterator[Finding]:
        rows = self._rows(
            """SELECT p.step, p.parent, p.inspirations, p.finished_before, p.sequence, g.parents
            FROM proposals p LEFT JOIN programs g ON g.run = p.run AND g.step = p.step
            WHERE p.run = :run ORDER BY p.step"""
        )
        known = {row.step: _Known(row.parents is not None, row.sequence) for row in rows}
        for row in rows:
            where = f"step {row.step}"
            chosen = list(dict.fromkeys([row.parent, *_numbers(row.inspirations)])) if row.step else []
            for parent in chosen:
                yield from _parent(where, row, parent, known.get(parent))
            if row.parents is not None and _numbers(row.parents) != chosen:
                told = f"the parents that were chosen, {chosen}"
                yield Finding(Rule.LINEAGE, where, told, f"{_numbers(row.parents)}")

    def _lessons(self) -> Iterator[Finding]:
        drawn = {row.id: row.step for row in self._rows("SELECT id, step FROM lessons WHERE run = :run")}
        given = {-int(data["number"]) for data in self.steered}
        for row in self._rows("SELECT step, lessons FROM proposals WHERE run = :run AND lessons <> ''"):
            for lesson in _numbers(row.lessons):
                if lesson not in given and drawn.get(lesson, row.step) >= row.step:
                    found = f"step {drawn[lesson]}" if lesson in drawn else "none"
                    where = f"step {row.step}, lesson {lesson}"
                    yield Finding(Rule.LINEAGE, where, "an earlier attempt or an order that taught it", found)

    # ── files and texts ───────────────────────────────────────────────────────────────────────
    def _files(self) -> Iterator[Finding]:
        sql = "SELECT step, fingerprint, detail, files FROM programs WHERE run = :run ORDER BY step"
        for row in self._rows(sql):
            where = f"program {row.step}"
            try:
                cell_json(bytes(row.detail))
                names = cell_json(bytes(row.files))
                found = digest({path: self.blobs.read(bytes.fromhex(name)) for path, name in names.items()})
            except Unreadable as error:
                yield Finding(Rule.FILES, where, "files that can be read", str(error))
                continue
            if found != bytes(row.fingerprint):
                yield Finding(Rule.FILES, where, f"fingerprint {bytes(row.fingerprint).hex()}", found.hex())

    def _texts(self) -> Iterator[Finding]:
        for sql in _BLOBS_OF_RUN:
            for row in self._rows(sql):
                try:
                    self.blobs.read(bytes(row.name))
                except Unreadable as error:
                    yield Finding(Rule.FILES, f"{row.what} of step {row.step}", "what was kept", str(error))
        for what, sql in _CELLS_OF_RUN:
            for row in self._rows(sql):
                try:
                    cell(bytes(row.cell))
                except Unreadable as error:
                    yield Finding(Rule.FILES, f"{what} {row.number}", "readable text", str(error))

    # ── orders ────────────────────────────────────────────────────────────────────────────────
    def _orders(self) -> Iterator[Finding]:
        inbox = {row.number for row in self._rows("SELECT number FROM orders WHERE run = :run")}
        own = [data for data in self.steered if data["told"] > self.forked or not self.forked]
        for earlier, later in zip(self.steered, self.steered[1:], strict=False):
            if later["number"] <= earlier["number"]:
                found = f"order {later['number']}"
                yield Finding(Rule.ORDERS, "the log", f"an order later than {earlier['number']} after it", found)
        for data in own:
            if data["number"] not in inbox:
                yield Finding(Rule.ORDERS, f"order {data['number']}", "an order in the inbox", "none")
        yield from self._injections()

    def _injections(self) -> Iterator[Finding]:
        ordered = {data["step"] for data in self.steered if data["order"]["kind"] == INJECT and not data["refused"]}
        begun = {
            row.step for row in self._rows(f"SELECT step FROM proposals WHERE run = :run AND operator = '{INJECT}'")
        }
        for step in sorted(ordered - begun):
            yield Finding(Rule.ORDERS, f"step {step}", "the program that was injected", "another attempt, or none")
        for step in sorted(begun - ordered):
            yield Finding(Rule.ORDERS, f"step {step}", "an order to inject this program", "none")

    # ── totals ────────────────────────────────────────────────────────────────────────────────
    def _totals(self, info: RunInfo) -> Iterator[Finding]:
        of_run = "WHERE run = :run"
        lost = """SELECT sum(k.cost_usd) FROM calls k JOIN completions c ON c.run = k.run AND c.step = k.step
            AND c.request_hash = k.request_hash WHERE k.run = :run AND c.response IS NULL"""
        tokens = "coalesce(prompt_tokens, 0) + coalesce(completion_tokens, 0)"
        cost_usd = self._number(f"SELECT sum(cost_usd) FROM completions {of_run}") + self._number(lost)
        for name, told, summed in (
            ("proposals", info.proposals, self._number(f"SELECT count(*) FROM proposals {of_run}")),
            ("evaluated", info.evaluated, self._number(f"SELECT count(DISTINCT step) FROM evaluations {of_run}")),
            ("calls", info.usage.calls, self._number(f"SELECT count(*) FROM completions {of_run}")),
            ("tokens", info.usage.tokens, self._number(f"SELECT sum({tokens}) FROM completions {of_run}")),
            ("cost_usd", info.usage.cost_usd, cost_usd),
            (
                "evaluation_s",
                info.evaluation_s,
                self._number(f"SELECT sum(seconds) FROM evaluations {of_run} AND stage <> '{SEALED}'"),
            ),
        ):
            if not math.isclose(told, summed, rel_tol=1e-9, abs_tol=1e-12):
                yield Finding(Rule.TOTALS, name, f"{summed:g}, the sum over its rows", f"{told:g}")


def _parent(where: str, row: Row[Any], parent: int, known: _Known | None) -> Iterable[Finding]:
    expected = f"parent {parent} to be an earlier program that was finished when it was chosen"
    if known is None or not known.made_program:
        yield Finding(Rule.LINEAGE, where, expected, "no such program")
    elif parent >= row.step:
        yield Finding(Rule.LINEAGE, where, expected, "a later one")
    elif known.sequence is None or known.sequence >= row.finished_before:
        told = "not finished" if known.sequence is None else f"told as number {known.sequence}"
        yield Finding(Rule.LINEAGE, where, f"{expected}, after {row.finished_before}", told)


def _numbers(joined: str) -> list[int]:
    return [int(number) for number in joined.split(",")] if joined else []
