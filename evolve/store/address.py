"""Which store is meant, and how its place is named to people: never with a password. Needs no database library."""

from __future__ import annotations

import os
import re
from typing import Final

DEFAULT_STORE: Final = "sqlite:///runs/evolve.db"
_POSTGRES = re.compile(r"postgres(ql)?(\+psycopg)?")
_PASSWORD = re.compile(r"(?<=://)([^:/@?]*):.*@")
_IN_QUERY = re.compile(r"((?:^|[?&])(?:ssl)?password=)[^&]*", re.IGNORECASE)


def usual_store() -> str:
    """Return the URL of the store that is used unless another is named."""
    return os.environ.get("EVOLVE_STORE", DEFAULT_STORE)


def public(url: str) -> str:
    """Return a URL as it may be shown, logged and recorded: what could be a password is left out."""
    return _IN_QUERY.sub(r"\1***", _PASSWORD.sub(r"\1@", url))


def is_postgres(url: str) -> bool:
    """Whether a URL names a database on a PostgreSQL server."""
    return _POSTGRES.fullmatch(url.partition("://")[0]) is not None
