"""What is kept, as SQLAlchemy Core tables that work on SQLite and PostgreSQL alike.

::

    runs ─┬─ proposals ─┬─ programs           one row per attempt; at most one program each
          │             ├─ completions ─ calls   one row per model call; one per transition of it
          │             ├─ lessons            what it drew from evidence
          │             └─ evaluations ─┬─ metrics
          │                             └─ artifacts
          ├─ events
          ├─ orders                 what people order; written without the lease
          ├─ objectives ─┬─ rankings   valid programs by each objective
          │              └─ records    those that were the best when the search was told of them
          └─ tallies                finished attempts by what became of them
    blobs   file texts, requests, answers and artifacts, once per content; some as difference from a base
    names   words that repeat in many rows: metric names, judge hashes

A proposal's row is written when it is selected and changed once, when it is finished; ``sequence``
is null until then. How far it got in between is what other rows exist, so no state is kept twice.
Its placement is part of its row: an attempt is placed exactly once, when it finishes. The lease is
part of the run's row, so that the fence is checked by the same lookup that finds the run.

Rankings, records and tallies repeat what the other tables say, for questions about a run as a whole; they
are written with the row that finishes an attempt (:mod:`evolve.store.counting`).

Rows are named within their run by (run, step, ...), where ``run`` is a small integer. Tables of
short rows are ordered by that key alone (``sqlite_with_rowid=False``), which makes files smaller.
Columns of type LargeBinary hold what :mod:`evolve.store.encoding` makes of texts and JSON.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    UniqueConstraint,
    text,
)

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    }
)


def _of_proposal() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["run", "step"], ["proposals.run", "proposals.step"])


def _of_objective() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["run", "objective"], ["objectives.run", "objectives.position"])


def _of_evaluation() -> ForeignKeyConstraint:
    key = ["run", "step", "stage", "repeat"]
    return ForeignKeyConstraint(key, [f"evaluations.{column}" for column in key])


runs = Table(
    "runs",
    metadata,
    Column("key", Integer, primary_key=True),
    Column("id", String, nullable=False, unique=True),
    Column("problem", String, nullable=False),
    Column("status", String, nullable=False),
    Column("config", LargeBinary, nullable=False),
    Column("provenance", LargeBinary, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("elapsed_s", Double, nullable=False),
    Column("holder", String),
    Column("expires_at", Double),
    Column("fence", Integer, nullable=False, server_default=text("0")),
    Column("last_order", Integer, nullable=False, server_default=text("0")),
)

blobs = Table(
    "blobs",
    metadata,
    Column("hash", LargeBinary(16), primary_key=True),
    Column("base", ForeignKey("blobs.hash")),
    Column("data", LargeBinary, nullable=False),
)

names = Table(
    "names",
    metadata,
    Column("key", Integer, primary_key=True),
    Column("name", LargeBinary, nullable=False, unique=True),
)

proposals = Table(
    "proposals",
    metadata,
    Column("run", ForeignKey("runs.key"), primary_key=True),
    Column("step", Integer, primary_key=True, autoincrement=False),
    Column("parent", Integer, nullable=False),
    Column("inspirations", String, nullable=False),
    Column("island", Integer, nullable=False),
    Column("operator", String, nullable=False),
    Column("finished_before", Integer, nullable=False),
    Column("selected_at", Double, nullable=False),
    Column("sequence", Integer),
    Column("outcome", String),
    Column("cause", String),
    Column("detail", LargeBinary),
    Column("placement", SmallInteger),
    Column("cell", String),
    Column("finished_at", Double),
    Column("model", String, nullable=False, server_default=""),
    Column("lessons", String, nullable=False, server_default=""),
    UniqueConstraint("run", "sequence"),
    sqlite_with_rowid=False,
)
Index(
    "ix_proposals_unfinished",
    proposals.c.run,
    proposals.c.step,
    sqlite_where=proposals.c.sequence.is_(None),
    postgresql_where=proposals.c.sequence.is_(None),
)
Index(
    "ix_proposals_placed",
    proposals.c.run,
    proposals.c.sequence,
    sqlite_where=proposals.c.placement > 0,
    postgresql_where=proposals.c.placement > 0,
)
Index("ix_proposals_parent", proposals.c.run, proposals.c.parent, proposals.c.sequence)
Index(
    "ix_proposals_cells",
    proposals.c.run,
    proposals.c.cell,
    proposals.c.sequence,
    proposals.c.placement,  # so that the table itself need not be read
    sqlite_where=proposals.c.placement > 0,
    postgresql_where=proposals.c.placement > 0,
)

programs = Table(
    "programs",
    metadata,
    Column("run", Integer, primary_key=True, autoincrement=False),
    Column("step", Integer, primary_key=True, autoincrement=False),
    Column("fingerprint", LargeBinary(16), nullable=False),
    Column("parents", String, nullable=False),
    Column("detail", LargeBinary, nullable=False),
    Column("files", LargeBinary, nullable=False),
    _of_proposal(),
    sqlite_with_rowid=False,
)
Index("ix_programs_fingerprint", programs.c.fingerprint)

completions = Table(
    "completions",
    metadata,
    Column("key", Integer, primary_key=True),
    Column("run", Integer, nullable=False),
    Column("step", Integer, nullable=False),
    Column("request_hash", String, nullable=False),
    Column("request", ForeignKey("blobs.hash"), nullable=False),
    Column("prompted_at", Double, nullable=False),
    Column("response", ForeignKey("blobs.hash")),
    Column("model", String),
    Column("finish_reason", String),
    Column("prompt_tokens", Integer),
    Column("completion_tokens", Integer),
    Column("cost_usd", Double),
    Column("seconds", Double),
    Column("fault", String),
    UniqueConstraint("run", "step", "request_hash"),
    _of_proposal(),
)

calls = Table(
    "calls",
    metadata,
    Column("run", Integer, primary_key=True, autoincrement=False),
    Column("step", Integer, primary_key=True, autoincrement=False),
    Column("request_hash", String, primary_key=True),
    Column("fence", Integer, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("written_at", Double, nullable=False),
    Column("state", String, nullable=False),
    Column("model", String, nullable=False),
    Column("detail", LargeBinary, nullable=False),
    Column("cost_usd", Double, nullable=False),
    ForeignKeyConstraint(
        ["run", "step", "request_hash"], ["completions.run", "completions.step", "completions.request_hash"]
    ),
    sqlite_with_rowid=False,
)

lessons = Table(
    "lessons",
    metadata,
    Column("run", Integer, primary_key=True, autoincrement=False),
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("step", Integer, nullable=False),
    Column("kind", String, nullable=False),
    Column("text", LargeBinary, nullable=False),
    Column("parents", String, nullable=False),
    Column("evidence", String, nullable=False),
    Column("confidence", Double, nullable=False),
    Column("expires_after", Integer),
    _of_proposal(),
    sqlite_with_rowid=False,
)
Index("ix_lessons_step", lessons.c.run, lessons.c.step)

evaluations = Table(
    "evaluations",
    metadata,
    Column("key", Integer, primary_key=True),
    Column("run", Integer, nullable=False),
    Column("step", Integer, nullable=False),
    Column("stage", String, nullable=False),
    Column("repeat", Integer, nullable=False),
    Column("outcome", String, nullable=False),
    Column("judge", ForeignKey("names.key"), nullable=False),
    Column("feedback", LargeBinary, nullable=False),
    Column("per_instance", LargeBinary, nullable=False),
    Column("seconds", Double, nullable=False),
    Column("reused", SmallInteger, nullable=False, server_default=text("0")),
    UniqueConstraint("run", "step", "stage", "repeat"),
    _of_proposal(),
)

metrics = Table(
    "metrics",
    metadata,
    Column("run", Integer, primary_key=True, autoincrement=False),
    Column("step", Integer, primary_key=True, autoincrement=False),
    Column("stage", String, primary_key=True),
    Column("repeat", Integer, primary_key=True, autoincrement=False),
    Column("position", SmallInteger, primary_key=True, autoincrement=False),
    Column("name", ForeignKey("names.key"), nullable=False),
    Column("value", Double, nullable=False),
    _of_evaluation(),
    sqlite_with_rowid=False,
)

artifacts = Table(
    "artifacts",
    metadata,
    Column("run", Integer, primary_key=True, autoincrement=False),
    Column("step", Integer, primary_key=True, autoincrement=False),
    Column("stage", String, primary_key=True),
    Column("repeat", Integer, primary_key=True, autoincrement=False),
    Column("position", SmallInteger, primary_key=True, autoincrement=False),
    Column("name", LargeBinary, nullable=False),
    Column("blob", ForeignKey("blobs.hash"), nullable=False),
    _of_evaluation(),
    sqlite_with_rowid=False,
)

events = Table(
    "events",
    metadata,
    Column("key", Integer, primary_key=True),
    Column("run", ForeignKey("runs.key"), nullable=False),
    Column("fence", Integer, nullable=False),
    Column("written_at", Double, nullable=False),
    Column("kind", String, nullable=False),
    Column("data", LargeBinary, nullable=False),
    Index("ix_events_run", "run", "key"),
)

orders = Table(
    "orders",
    metadata,
    Column("key", Integer, primary_key=True),
    Column("run", ForeignKey("runs.key"), nullable=False),
    Column("written_at", Double, nullable=False),
    Column("data", LargeBinary, nullable=False),
    Column("number", Integer, nullable=False, server_default=text("0")),
    Index("ix_orders_run", "run", "key"),
    Index("ix_orders_number", "run", "number", unique=True),
)

objectives = Table(
    "objectives",
    metadata,
    Column("run", ForeignKey("runs.key"), primary_key=True),
    Column("position", SmallInteger, primary_key=True, autoincrement=False),
    Column("name", ForeignKey("names.key"), nullable=False),
    Column("direction", String, nullable=False),
    Column("target", Double),
    Column("reference", Double),
    sqlite_with_rowid=False,
)

rankings = Table(
    "rankings",
    metadata,
    Column("run", Integer, primary_key=True, autoincrement=False),
    Column("objective", SmallInteger, primary_key=True, autoincrement=False),
    Column("gain", Double, primary_key=True, autoincrement=False),
    Column("step", Integer, primary_key=True, autoincrement=False),
    _of_objective(),
    sqlite_with_rowid=False,
)

records = Table(
    "records",
    metadata,
    Column("run", Integer, primary_key=True, autoincrement=False),
    Column("objective", SmallInteger, primary_key=True, autoincrement=False),
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("step", Integer, nullable=False),
    Column("gain", Double, nullable=False),
    Column("finished_at", Double, nullable=False),
    Column("cost_usd", Double, nullable=False),
    _of_objective(),
    sqlite_with_rowid=False,
)

tallies = Table(
    "tallies",
    metadata,
    Column("run", ForeignKey("runs.key"), primary_key=True),
    Column("operator", String, primary_key=True),
    Column("model", String, primary_key=True),
    Column("outcome", String, primary_key=True),
    Column("cause", String, primary_key=True),
    Column("placement", SmallInteger, primary_key=True, autoincrement=False),
    Column("attempts", Integer, nullable=False),
    Column("programs", Integer, nullable=False),
    Column("judged", Integer, nullable=False),
    Column("calls", Integer, nullable=False),
    Column("tokens", BigInteger, nullable=False),
    Column("cost_usd", Double, nullable=False),
    Column("evaluation_s", Double, nullable=False),
    sqlite_with_rowid=False,
)
