"""How much room runs take."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, func, select, text

from evolve.interfaces import Size
from evolve.store.reading import Reader
from evolve.store.tables import artifacts, blobs, completions, metadata, programs, proposals

_CHUNK = 500


def size_of(connection: Connection, reader: Reader, run: int) -> Size:
    """Return what a run takes.

    Contents are counted exactly; rows and indices of all runs together are divided by numbers of attempts.
    """
    attempts = _number(connection, select(func.count()).where(proposals.c.run == run))
    every = _number(connection, select(func.count()).select_from(proposals))
    named = {
        "files": reader.names_of_files(run),
        "prompts": _names(connection, completions.c.request, completions.c.run == run),
        "answers": _names(connection, completions.c.response, completions.c.run == run),
        "artifacts": _names(connection, artifacts.c.blob, artifacts.c.run == run),
    }
    taken: dict[str, int] = {}
    counted: set[bytes] = set()
    for kind, found in named.items():
        taken[kind] = _length(connection, sorted(found - counted))
        counted |= found
    taken["rows"], taken["indices"] = (whole * attempts // max(every, 1) for whole in _rows_and_indices(connection))
    made = _number(connection, select(func.count()).where(programs.c.run == run))
    return Size({"programs": made, **{kind: len(found) for kind, found in named.items()}}, taken)


def reclaim(connection: Connection) -> int:
    """Have the database give unused space back; return how many bytes it takes less."""
    before = _whole(connection)
    connection.rollback()
    raw = connection.connection.driver_connection
    assert raw is not None  # the connection is open
    if connection.dialect.name == "sqlite":
        raw.execute("VACUUM")
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    else:
        raw.autocommit = True
        try:
            for table in metadata.sorted_tables:
                raw.execute(f"VACUUM FULL {table.name}")
        finally:
            raw.autocommit = False
    after = _whole(connection)
    connection.rollback()
    return max(before - after, 0)  # a small database may even grow


def _rows_and_indices(connection: Connection) -> tuple[int, int]:
    """Return bytes of the rows of all tables but the contents, and of all indices."""
    tables = {table.name for table in metadata.sorted_tables}
    sizes = _sizes_sqlite(connection) if connection.dialect.name == "sqlite" else _sizes_postgresql(connection)
    rows = sum(size for name, size in sizes.items() if name in tables - {blobs.name})
    return rows, sum(size for name, size in sizes.items() if name not in tables)


def _sizes_sqlite(connection: Connection) -> dict[str, int]:
    """Return bytes by table and index; tables that are their own index are tables."""
    query = text("SELECT name, sum(pgsize) FROM dbstat WHERE name NOT LIKE 'sqlite_schema%' GROUP BY name")
    return {name: int(size) for name, size in connection.execute(query)}


def _sizes_postgresql(connection: Connection) -> dict[str, int]:
    query = text(
        "SELECT relname, pg_table_size(oid) FROM pg_class WHERE relkind IN ('r', 'i') "
        "AND relnamespace = current_schema()::regnamespace"
    )
    return {name: int(size) for name, size in connection.execute(query)}


def _whole(connection: Connection) -> int:
    if connection.dialect.name == "sqlite":
        pages = text("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()")
        return _number(connection, pages)
    return _number(connection, text("SELECT pg_database_size(current_database())"))


def _names(connection: Connection, column: object, condition: object) -> set[bytes]:
    query = select(column).where(condition, column.is_not(None)).distinct()  # type: ignore
    return set(connection.execute(query).scalars())


def _length(connection: Connection, names: Sequence[bytes]) -> int:
    total = 0
    for start in range(0, len(names), _CHUNK):
        chunk = names[start : start + _CHUNK]
        total += _number(
            connection, select(func.coalesce(func.sum(func.length(blobs.c.data)), 0)).where(blobs.c.hash.in_(chunk))
        )
    return total


def _number(connection: Connection, query: object) -> int:
    return int(connection.execute(query).scalar_one())  # type: ignore
