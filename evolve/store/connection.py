"""Opening a database, and its errors in this package's words."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy
from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, NoSuchModuleError

from evolve.errors import ConfigurationError, StoreError, StoreLocked

READ = "BEGIN"
WRITE = "BEGIN IMMEDIATE"
"""SQLite takes the write lock at once: a transaction that reads first could not wait for it later."""

_CACHE_KIB = 16_384
_SYNCHRONOUS = ("normal", "full")
_ADVICE: tuple[tuple[str, type[StoreError], str], ...] = (
    ("SQLITE_BUSY", StoreLocked, "Another process is writing to it; wait for it or stop it, then try again."),
    ("SQLITE_LOCKED", StoreLocked, "Another process is writing to it; wait for it or stop it, then try again."),
    ("SQLITE_FULL", StoreError, "The disk is full: free some space, then resume the run."),
    ("SQLITE_READONLY", StoreError, "It is read-only: give yourself the right to write to the file and its folder."),
    ("SQLITE_NOTADB", StoreError, "The file is not a SQLite database: choose another path."),
    (
        "SQLITE_CORRUPT",
        StoreError,
        "The file is damaged: restore a backup, or save what `sqlite3 FILE .recover` reads.",
    ),
    ("SQLITE_CANTOPEN", StoreError, "It cannot be opened: the path must be a file in a folder you may write to."),
    ("SQLITE_IOERR", StoreError, "The disk failed to read or write: check it, then resume the run."),
    ("SQLITE_PROTOCOL", StoreError, "Its file system does not lock: keep the database on a local disk."),
)


def open_engine(url: str, synchronous: str, lock_timeout_s: float) -> Engine:
    """Return an engine whose SQLite connections are set up for one writer and many readers.

    Raises ConfigurationError for a URL that makes no sense, StoreError if the folder cannot be made.
    """
    parsed = _parse(url)
    if synchronous not in _SYNCHRONOUS:
        raise ConfigurationError(f"synchronous is 'normal' or 'full', not {synchronous!r}.")
    if parsed.get_backend_name() != "sqlite":
        return sqlalchemy.create_engine(parsed, paramstyle="format")
    _make_folder(sqlite_path(parsed))
    engine = sqlalchemy.create_engine(parsed, connect_args={"check_same_thread": False, "timeout": lock_timeout_s})

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

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(connection.info.get("begin", READ))

    return engine


def sqlite_path(url: URL) -> Path:
    """Return the file that a SQLite URL names."""
    if not url.database or url.database == ":memory:":
        raise ConfigurationError(f"The store needs a file: expected sqlite:///path/to/file.db, found {url}.")
    return Path(url.database)


@contextmanager
def transaction(connection: Connection, begin: str, place: str) -> Iterator[None]:
    """Commit what the block did, or nothing of it. ``begin`` is READ or WRITE.

    Raises StoreError, in words, for whatever the database says; IntegrityError passes, for the
    caller to judge.
    """
    connection.info["begin"] = begin
    with translated(place), connection.begin():
        yield


@contextmanager
def translated(place: str) -> Iterator[None]:
    """Turn errors of the database at ``place`` into StoreError or StoreLocked, IntegrityError left alone."""
    try:
        yield
    except IntegrityError:
        raise
    except DBAPIError as error:
        raise _explained(error.orig, place) from error
    except UnicodeEncodeError as error:
        raise StoreError(
            f"{place}: a run, stage, operator or model has a name that is not Unicode: {error}."
        ) from error


def _explained(error: BaseException | None, place: str) -> StoreError:
    said = f"Database {place}: {error}."
    if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.ProgrammingError):
        for name, kind, advice in _ADVICE:
            if error.sqlite_errorname.startswith(name):
                return kind(f"{said} {advice}")
    return StoreError(said)


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
        parsed.get_dialect()
    except (ArgumentError, NoSuchModuleError) as error:
        raise ConfigurationError(
            f"Expected a database URL such as sqlite:///runs/evolve.db, found {url!r}: {error}"
        ) from error
    return parsed


def _make_folder(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"The folder {path.parent} for the database cannot be made: {error}.") from error
