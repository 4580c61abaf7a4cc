"""How a database fares: looked at, and left as it is."""

from __future__ import annotations

import os
import shutil
from contextlib import closing
from dataclasses import dataclass, field

from sqlalchemy import Connection, func, select, text

from evolve.store.connection import READ, open_engine, place_of, transaction
from evolve.store.faults import translated
from evolve.store.leases import Held, held, lease_time
from evolve.store.schema import HEAD, revision
from evolve.store.tables import runs
from evolve.store.url import sqlite_path


@dataclass(frozen=True, slots=True)
class Condition:
    """What was found.

    Args:
        place: the database, as people know it.
        engine: which program keeps it, and its version.
        revision: of its schema; None while it is empty.
        size_bytes: what it takes.
        free_bytes: of the disk it lies on; None for a server's.
        settings: name -> value of what decides how safe and how fast it is.
        writable: whether this process could write to it now.
        runs: how many it holds; 0 where the schema is another.
        held: who works on which run.
    """

    place: str
    engine: str
    revision: str | None
    size_bytes: int
    free_bytes: int | None
    settings: dict[str, str]
    writable: bool
    runs: int = 0
    held: list[Held] = field(default_factory=list)

    @property
    def is_current(self) -> bool:
        """Whether this version reads and writes its schema as it is."""
        return self.revision in (None, HEAD)

    @property
    def is_newer(self) -> bool:
        """Whether a later version made it. Revisions are numbers of equal length."""
        return self.revision is not None and self.revision > HEAD


def examine(url: str, lock_timeout_s: float = 5.0) -> Condition:
    """Look at a database that exists. Raises StoreError, also for one of another program."""
    engine = open_engine(url, "normal", lock_timeout_s)
    place = place_of(engine.url)
    try:
        with translated(place):
            opened = engine.connect()
        with closing(opened) as connection:
            found = revision(connection, place)
            with transaction(connection, READ, place):
                count = connection.execute(select(func.count()).select_from(runs)).scalar_one() if found else 0
                at_work = held(connection, lease_time(connection)) if found else []
                look = _server if connection.dialect.name == "postgresql" else _file
                return look(connection, place, found, int(count), at_work)
    finally:
        engine.dispose()


def _file(connection: Connection, place: str, found: str | None, count: int, at_work: list[Held]) -> Condition:
    path = sqlite_path(connection.engine.url)
    return Condition(
        place=place,
        engine=f"SQLite {connection.execute(select(func.sqlite_version())).scalar_one()}",
        revision=found,
        size_bytes=sum(one.stat().st_size for one in path.parent.glob(f"{path.name}*") if one.suffix != ".bak"),
        free_bytes=shutil.disk_usage(path.parent).free,
        settings={"journal_mode": str(connection.exec_driver_sql("PRAGMA journal_mode").scalar())},
        writable=os.access(path, os.W_OK) and os.access(path.parent, os.W_OK),
        runs=count,
        held=at_work,
    )


def _server(connection: Connection, place: str, found: str | None, count: int, at_work: list[Held]) -> Condition:
    names = ("fsync", "synchronous_commit", "server_encoding", "max_connections", "default_transaction_read_only")
    settings = {name: _setting(connection, name) for name in names}
    in_recovery = connection.execute(select(func.pg_is_in_recovery())).scalar_one()
    return Condition(
        place=place,
        engine=f"PostgreSQL {_setting(connection, 'server_version')}",
        revision=found,
        size_bytes=int(connection.execute(select(func.pg_database_size(func.current_database()))).scalar_one()),
        free_bytes=None,
        settings=settings,
        writable=not in_recovery and settings["default_transaction_read_only"] == "off",
        runs=count,
        held=at_work,
    )


def _setting(connection: Connection, name: str) -> str:
    return str(connection.execute(text("select current_setting(:name)"), {"name": name}).scalar_one())
