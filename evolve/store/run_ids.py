"""The ids of a store's runs, for completion: without SQLAlchemy, which takes longer to import than a key press may."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from evolve.store.address import is_postgres

_NEWEST = "select id from runs order by created_at desc limit 200"
_WAIT_S = 1


def run_ids(url: str) -> list[str]:
    """Return the ids of the newest runs; none where the store cannot be read at once."""
    if is_postgres(url):
        return _on_server(url)
    path = Path(url.removeprefix("sqlite:///"))
    if not url.startswith("sqlite:///") or not path.is_file():
        return []
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=_WAIT_S)) as connection:
            return [id for (id,) in connection.execute(_NEWEST)]
    except sqlite3.Error:
        return []


def _on_server(url: str) -> list[str]:
    import psycopg

    address = f"postgresql{url[url.index('://') :]}"
    try:
        with psycopg.connect(address, connect_timeout=_WAIT_S) as connection:
            return [id for (id,) in connection.execute(_NEWEST.encode())]
    except psycopg.Error:
        return []
