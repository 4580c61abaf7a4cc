"""Opening a database, and transactions on it that survive its absence."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import sqlalchemy
from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import URL

from evolve.errors import ConfigurationError, StoreAway, StoreError
from evolve.store.address import public
from evolve.store.faults import translated
from evolve.store.url import parse, sqlite_path

READ = "BEGIN"
WRITE = "BEGIN IMMEDIATE"
"""SQLite takes the write lock at once: a transaction that reads first could not wait for it later."""

_CACHE_KIB = 16_384
_SYNCHRONOUS = ("normal", "full")
_IDLE_LIMIT_S = 20.0
"""A client that stops in the middle of a transaction loses its locks after this long."""
_REACHED: Final = {
    "application_name": "evolve",
    "connect_timeout": "5",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "2",
    "tcp_user_timeout": "10000",
}
"""How soon a server that went away without a word is noticed; a URL may say otherwise."""


def open_engine(url: str, synchronous: str, lock_timeout_s: float) -> Engine:
    """Return an engine whose connections are set up for one writer and many readers.

    Raises ConfigurationError for a URL that makes no sense, StoreError if the folder cannot be made.
    """
    parsed = parse(url)
    if synchronous not in _SYNCHRONOUS:
        raise ConfigurationError(f"synchronous is 'normal' or 'full', not {synchronous!r}.")
    if parsed.get_backend_name() == "sqlite":
        return _sqlite(parsed, synchronous, lock_timeout_s)
    return _postgres(parsed, lock_timeout_s)


def place_of(url: URL) -> str:
    """Return what people know a database by."""
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    return public(url.set(drivername="postgresql").render_as_string(hide_password=False))


@contextmanager
def transaction(connection: Connection, begin: str, place: str) -> Iterator[None]:
    """Commit what the block did, or nothing of it. ``begin`` is READ or WRITE.

    A READ sees one state of the database throughout. Raises StoreError, in words, for whatever the
    database says; IntegrityError passes, for the caller to judge. After StoreAway the next
    transaction has a new connection.
    """
    try:
        with translated(place):
            connection.info["begin"] = begin
            with connection.begin():
                yield
    except StoreAway:
        connection.invalidate()
        raise


def _sqlite(url: URL, synchronous: str, lock_timeout_s: float) -> Engine:
    file = _File(sqlite_path(url))
    engine = sqlalchemy.create_engine(url, connect_args={"check_same_thread": False, "timeout": lock_timeout_s})

    @event.listens_for(engine, "do_connect")
    def refuse_another_file(*_: object) -> None:
        file.require()

    @event.listens_for(engine, "connect")
    def set_up(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # transactions begin where this package says so
        for pragma in (
            "journal_mode=wal",
            f"synchronous={synchronous}",
            "foreign_keys=on",
            f"cache_size=-{_CACHE_KIB}",
        ):
            connection.execute(f"PRAGMA {pragma}")
        file.note()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        how = connection.info.get("begin", READ)
        if how is WRITE:
            file.require()
        connection.exec_driver_sql(how)

    return engine


class _File:
    """The file of a database, which may be moved, removed or replaced while it is open.

    SQLite in WAL mode does not notice: it would go on writing to a file that nobody finds again.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._identity: tuple[int, int] | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"The folder {path.parent} for the database cannot be made: {error}.") from error

    def note(self) -> None:
        """Remember which file was opened."""
        self._identity = self._found()

    def require(self) -> None:
        """Raise StoreAway unless the file that was opened, if one was, is still there."""
        if self._identity is not None and self._found() != self._identity:
            raise StoreAway(f"Database {self._path}: the file was moved, removed or replaced. Put it back.")

    def _found(self) -> tuple[int, int] | None:
        try:
            stat = self._path.stat()
        except OSError:
            return None
        return stat.st_dev, stat.st_ino


def _postgres(url: URL, lock_timeout_s: float) -> Engine:
    settings = {name: value for name, value in _REACHED.items() if name not in url.query}
    try:
        engine = sqlalchemy.create_engine(url, paramstyle="format", connect_args=settings)
    except ImportError as error:
        raise ConfigurationError(f"PostgreSQL needs psycopg, which is not installed: {error}") from error
    limits = {"lock_timeout": lock_timeout_s, "idle_in_transaction_session_timeout": _IDLE_LIMIT_S}

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, _record: object) -> None:
        with connection.cursor() as cursor:
            for name, seconds in limits.items():
                cursor.execute("select set_config(%s, %s, false)", (name, f"{seconds * 1000:.0f}ms"))
        connection.commit()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        from psycopg import IsolationLevel

        reads = connection.info.get("begin", READ) is READ
        driver: Any = connection.connection.dbapi_connection
        driver.read_only = reads
        driver.isolation_level = IsolationLevel.REPEATABLE_READ if reads else IsolationLevel.READ_COMMITTED

    return engine
