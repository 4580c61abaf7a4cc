"""Where a store is."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from evolve.errors import ConfigurationError
from evolve.store.address import is_postgres, public

EXPECTED = "sqlite:///path/to/file.db or postgresql://USER@HOST/DATABASE"


def parse(url: str) -> URL:
    """Return a URL that names its driver. Raises ConfigurationError for anything but SQLite and PostgreSQL."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # said without what they quote, which may be a part of a password
        raise ConfigurationError(f"Expected a database URL, {EXPECTED}, found {public(url)!r}.") from None
    if is_postgres(url):
        return _of_server(parsed)
    if parsed.drivername not in ("sqlite", "sqlite+pysqlite"):
        raise ConfigurationError(f"Runs are kept in {EXPECTED}, not in {public(url)!r}.")
    return parsed


def sqlite_path(url: URL) -> Path:
    """Return the file that a SQLite URL names. Raises ConfigurationError."""
    if not url.database or url.database == ":memory:":
        raise ConfigurationError(f"The store needs a file: expected sqlite:///path/to/file.db, found {url}.")
    return Path(url.database)


def _of_server(url: URL) -> URL:
    if "@" in (url.host or ""):
        raise ConfigurationError(
            "A password in a URL writes @ as %40, / as %2F and : as %3A; better keep it in ~/.pgpass."
        )
    if not url.database:
        raise ConfigurationError(
            f"The store needs a database: expected postgresql://USER@HOST/DATABASE, found {public(str(url))!r}."
        )
    return url.set(drivername="postgresql+psycopg")
