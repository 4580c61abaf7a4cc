"""The SQL views that people may ask, one file per revision of the schema that changed them.

A view is dropped before a revision that rebuilds a table it reads, and made again after it: SQLite
refuses to rename tables under a view.
"""

from __future__ import annotations

import re
from pathlib import Path

from sqlalchemy import Connection

_FOLDER = Path(__file__).resolve().parent
_WORD = re.compile(r"WORD\((\w+\.\w+)\)")
_VIEW = re.compile(r"^CREATE VIEW (\w+)", re.MULTILINE)
_WORDS_IN = {
    "sqlite": r"CAST(\1 AS TEXT)",
    "postgresql": (
        r"CASE WHEN encode(\1, 'escape') ~ '^[ -~]*$' THEN convert_from(\1, 'UTF8') ELSE encode(\1, 'escape') END"
    ),
}


def create_views(connection: Connection, revision: str) -> None:
    """Create the views of a revision."""
    for statement in statements(revision, connection.dialect.name):
        connection.exec_driver_sql(statement)


def drop_views(connection: Connection, revision: str) -> None:
    """Drop the views of a revision, those that read others first."""
    for name in reversed(names(revision)):
        connection.exec_driver_sql(f"DROP VIEW {name}")


def names(revision: str) -> list[str]:
    """Return the names of the views of a revision, in the order in which they are made."""
    return _VIEW.findall(_text(revision))


def statements(revision: str, dialect: str) -> list[str]:
    """Return one statement per view. ``WORD(x)`` in the file stands for the text of a column of bytes."""
    plain = "\n".join(line for line in _text(revision).splitlines() if not line.startswith("--"))
    # Statements go to the driver as they are, and psycopg takes a single % for a parameter.
    text = _WORD.sub(_WORDS_IN[dialect], plain)
    return [statement.strip() for statement in text.split(";") if statement.strip()]


def _text(revision: str) -> str:
    """Return the file of the last revision up to this one that changed the views."""
    files = sorted(path for path in _FOLDER.glob("r*.sql") if path.stem[1:] <= revision)
    return files[-1].read_text("utf-8") if files else ""
