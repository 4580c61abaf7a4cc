"""What databases say when something is wrong, in words for people: what it is, and what to do."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, IntegrityError

from evolve.errors import StoreAway, StoreError

Advice = tuple[str, type[StoreError], str]
"""How a code begins, what it means for the caller, what a person can do."""

_SQLITE: tuple[Advice, ...] = (
    ("SQLITE_BUSY", StoreAway, "Another process is writing to it; wait for it or stop it, then try again."),
    ("SQLITE_LOCKED", StoreAway, "Another process is writing to it; wait for it or stop it, then try again."),
    ("SQLITE_FULL", StoreAway, "The disk is full: free some space."),
    ("SQLITE_READONLY", StoreAway, "It is read-only: give yourself the right to write to the file and its folder."),
    ("SQLITE_CANTOPEN", StoreAway, "It cannot be opened: the path must be a file in a folder you may write to."),
    ("SQLITE_IOERR", StoreAway, "The disk failed to read or write: check it, and that it has room."),
    ("SQLITE_PROTOCOL", StoreAway, "Its file system does not lock: keep the database on a local disk."),
    ("SQLITE_NOTADB", StoreError, "The file is not a SQLite database: choose another path."),
    (
        "SQLITE_CORRUPT",
        StoreError,
        "The file is damaged: restore a backup, or save what `sqlite3 FILE .recover` reads.",
    ),
)
_POSTGRES: tuple[Advice, ...] = (  # https://www.postgresql.org/docs/15/errcodes-appendix.html
    ("08", StoreAway, "The connection was lost."),
    ("25006", StoreAway, "The server takes no writes: it is a standby, or was set read-only."),
    ("25P03", StoreAway, "The server ended the connection, because this process did not go on for too long."),
    ("40", StoreAway, "Two processes wrote the same at once; try again."),
    ("53100", StoreAway, "The server's disk is full: free some space there."),
    ("53", StoreAway, "The server has no room for this now: end other connections, or allow more."),
    ("55P03", StoreAway, "Another process is writing to it; wait for it or stop it, then try again."),
    ("57", StoreAway, "The server is being stopped, or is not ready yet."),
    ("58", StoreAway, "The server's disk failed to read or write: check it."),
    ("42501", StoreError, "Let its owner give the role the right to create and use tables here."),
    ("3F000", StoreError, "Let its owner give the role the right to create and use tables here."),
    ("54000", StoreError, "A name is too long to be looked up: shorten it."),
    ("XX001", StoreError, "The server's files are damaged: restore a backup."),
    ("XX002", StoreError, "The server's files are damaged: restore a backup."),
)
_UNREACHED: Advice = (
    "",
    StoreAway,
    "Start the server, or check the URL, the role and its password (~/.pgpass or PGPASSWORD).",
)


@contextmanager
def translated(place: str) -> Iterator[None]:
    """Turn errors of the database at ``place`` into StoreError, or StoreAway where another try may pass.

    IntegrityError is left alone, for the caller to judge.
    """
    try:
        yield
    except IntegrityError:
        raise
    except DBAPIError as error:
        raise explained(error.orig, place) from error
    except UnicodeEncodeError as error:
        raise StoreError(
            f"{place}: a run, stage, operator or model has a name that is not Unicode: {error}."
        ) from error


def explained(error: BaseException | None, place: str) -> StoreError:
    """Return what a driver's error means for the one who uses the database at ``place``."""
    said = f"Database {place}: {' '.join(str(error).split()).removesuffix('.')}."
    for code, kind, advice in _candidates(error):
        if _code(error).startswith(code):
            return kind(f"{said} {advice}")
    return StoreError(said)


def _candidates(error: BaseException | None) -> tuple[Advice, ...]:
    if isinstance(error, sqlite3.DatabaseError):
        return () if isinstance(error, sqlite3.ProgrammingError) else _SQLITE
    if type(error).__name__ == "OperationalError" and not _code(error):
        return (_UNREACHED,)  # psycopg's error of a connection that was not made, or is gone, has no code
    return _POSTGRES


def _code(error: BaseException | None) -> str:
    code = getattr(error, "sqlite_errorname", None) or getattr(error, "sqlstate", None)
    return code or ""
