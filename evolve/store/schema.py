"""Bringing a database to the schema that this version reads and writes.

A new database gets the tables of :mod:`evolve.store.tables` at once and is stamped with HEAD; an
older one is copied and then upgraded by Alembic, whose history starts with the same tables. Alembic
is imported only for that: most databases are new or at HEAD, and its import takes 0.1 s.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    insert,
    inspect,
    select,
)

from evolve.errors import StoreError, StoreTooNew
from evolve.store.connection import READ, WRITE, transaction
from evolve.store.tables import metadata
from evolve.store.url import sqlite_path
from evolve.store.views import create_views

HEAD = "0005"
MIGRATIONS = Path(__file__).resolve().parent / "migrations"

_version = Table(
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)


def bring_to_head(connection: Connection, place: str, history: Path = MIGRATIONS, head: str = HEAD) -> None:
    """Create the schema, or upgrade it after copying a SQLite file beside itself.

    Raises StoreTooNew for a database of a newer version, StoreError for one of another program.
    """
    with transaction(connection, READ, place):
        found = _revision(connection, place)
    if found is None:
        with transaction(connection, WRITE, place):
            found = _revision(connection, place) or _create(connection, head)  # another process may have been faster
    if found != head:
        _upgrade(connection, place, found, history, head)


def _create(connection: Connection, head: str) -> str:
    metadata.create_all(connection, checkfirst=False)
    create_views(connection, head)
    _version.create(connection)
    connection.execute(insert(_version).values(version_num=head))
    return head


def _revision(connection: Connection, place: str) -> str | None:
    """Return the revision of a database, or None if it is empty."""
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
    _back_up(connection.engine, found)
    with transaction(connection, WRITE, place):
        config.attributes["connection"] = connection
        command.upgrade(config, head)


def _back_up(engine: Engine, revision: str) -> None:
    """Copy a SQLite file to ``<file>.<revision>.bak``; other databases are backed up by their own means."""
    if engine.dialect.name != "sqlite":
        return
    path = sqlite_path(engine.url)
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(f"{path}.{revision}.bak")) as copy:
        source.backup(copy)
