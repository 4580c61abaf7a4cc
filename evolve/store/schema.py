"""Bringing a database to the schema that this version reads and writes.

A new database gets the tables of :mod:`evolve.store.tables` at once and is stamped with HEAD; an
older one is upgraded by Alembic, whose history starts with the same tables, in one transaction and
unless somebody works on it. A SQLite file is copied before; a server's backups are pg_dump's.
Alembic is imported only for that: most databases are new or at HEAD, and its import takes 0.1 s.
"""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import (
    Column,
    Connection,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    func,
    insert,
    inspect,
    select,
)

from evolve.errors import StoreError, StoreTooNew
from evolve.store.connection import READ, WRITE, transaction
from evolve.store.faults import explained
from evolve.store.leases import lease_time, refuse_while_held
from evolve.store.tables import metadata
from evolve.store.url import sqlite_path
from evolve.store.views import create_views

HEAD = "0006"
MIGRATIONS = Path(__file__).resolve().parent / "migrations"

_LOCK = 0x65766F6C  # the advisory lock of whoever creates or changes the tables on a server
_log = logging.getLogger(__name__)
_version = Table(
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)


def bring_to_head(connection: Connection, place: str, history: Path = MIGRATIONS, head: str = HEAD) -> None:
    """Create the schema, or upgrade it after copying a SQLite file beside itself.

    Raises StoreTooNew for a database of a newer version, StoreError for one of another program, and
    StoreLocked where an upgrade would disturb a run.
    """
    found = revision(connection, place)
    if found is None:
        with transaction(connection, WRITE, place):
            _lock(connection)
            found = _revision(connection, place) or _create(connection, head)  # another process may have been faster
    if found != head:
        _upgrade(connection, place, found, history, head)


def revision(connection: Connection, place: str) -> str | None:
    """Return the revision of a database, or None if it is empty. Raises StoreError for another program's."""
    with transaction(connection, READ, place):
        return _revision(connection, place)


def _lock(connection: Connection) -> None:
    """Wait for others who create or change the tables; a SQLite file is locked by the transaction itself."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))


def _create(connection: Connection, head: str) -> str:
    metadata.create_all(connection, checkfirst=False)
    create_views(connection, head)
    _version.create(connection)
    connection.execute(insert(_version).values(version_num=head))
    return head


def _revision(connection: Connection, place: str) -> str | None:
    tables = inspect(connection).get_table_names()
    if not tables:
        return None
    found = connection.execute(select(_version.c.version_num)).scalar() if _version.name in tables else None
    if found is None:
        raise StoreError(
            f"Database {place} belongs to another program (tables {', '.join(sorted(tables)[:5])}). "
            "Give the record a database of its own."
        )
    return str(found)


def _upgrade(connection: Connection, place: str, found: str, history: Path, head: str) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(history).replace("%", "%%"))
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if found not in known:
        raise StoreTooNew(
            f"Database {place} is at revision {found!r}; this version of evolve-search knows up to {head!r}. "
            "Upgrade the package (pip install -U evolve-search), or use another database."
        )
    with transaction(connection, WRITE, place):
        _lock(connection)
        refuse_while_held(connection, place, lease_time(connection))
        backup = _back_up(connection, found)
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, head)
        except BaseException:
            if backup is not None:
                backup.unlink()
            raise
    kept = f"As it was, it is kept in {backup}." if backup is not None else "Its backups are yours to make: pg_dump."
    _log.warning("Database %s was upgraded from revision %s to %s. %s", place, found, head, kept)


def _back_up(connection: Connection, found: str) -> Path | None:
    """Copy a SQLite file, which nobody changes meanwhile, beside itself; return the copy. Raises StoreError."""
    if connection.dialect.name != "sqlite":
        return None
    path = sqlite_path(connection.engine.url)
    copy = _free_name(path, found)
    partial = copy.with_name(f"{copy.name}.partial")
    try:
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(partial)) as target:
            source.backup(target)
    except sqlite3.Error as error:
        if partial.is_file():
            partial.unlink()
        raise explained(error, f"{path} is to be copied before it is upgraded, but its copy {copy}") from error
    return partial.rename(copy)


def _free_name(path: Path, found: str) -> Path:
    number = 1
    while (copy := Path(f"{path}.{found}{'' if number == 1 else f'.{number}'}.bak")).exists():
        number += 1
    return copy
