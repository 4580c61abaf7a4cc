"""A run as a folder of files that other programs read: JSON lines, CSV or Parquet, one file per table."""

from __future__ import annotations

import base64
import csv
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from evolve import __version__
from evolve.errors import ConfigurationError, StoreError
from evolve.interfaces import Store
from evolve.store.columns import FORMAT, TABLES, ExportTable, Kind, Row
from evolve.store.rows import rows_of, run_data

RUN_FILE = "run.json"
_BATCH = 2000


class Form(StrEnum):
    """A file format. Only JSON lines can be taken in again."""

    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"


class Writer(Protocol):
    """Writes the rows of one table."""

    def write(self, row: Row) -> None: ...

    def close(self) -> None: ...


def export_run(store: Store, run: str, folder: Path, form: Form) -> dict[str, int]:
    """Write a run to a new or empty folder; return the number of rows by table.

    Raises ConfigurationError if the folder holds something, or a library is missing; NotFound.
    """
    info = store.run(run)
    make = _maker(form)
    _make_empty(folder)
    (folder / RUN_FILE).write_text(header_text(run_data(info)), encoding="utf-8")
    counts = dict.fromkeys((table.name for table in TABLES), 0)
    with ExitStack() as stack:
        writers = {table.name: stack.enter_context(_closing(make(folder, table))) for table in TABLES}
        for name, row in rows_of(store.entries(run)):
            writers[name].write(row)
            counts[name] += 1
    return counts


def header_text(run: Mapping[str, Any]) -> str:
    """Return the content of RUN_FILE."""
    return json.dumps({"format": FORMAT, "written_by": __version__, "run": run}, indent=1) + "\n"


def json_line(table: ExportTable, row: Row) -> str:
    """Return a row as a line of JSON: ASCII, so that every text survives."""
    cells = {column.name: _json_cell(column.kind, row[column.name]) for column in table.columns}
    return json.dumps(cells, separators=(",", ":")) + "\n"


def _json_cell(kind: Kind, value: Any) -> Any:
    return base64.b64encode(value).decode("ascii") if kind is Kind.BYTES and value is not None else value


def _make_empty(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise ConfigurationError(f"--out {folder}: expected a new or an empty folder, found files in it.")


@contextmanager
def _closing(writer: Writer) -> Iterator[Writer]:
    try:
        yield writer
    finally:
        writer.close()


def _maker(form: Form) -> Any:
    if form is Form.PARQUET:
        try:
            import pyarrow.parquet  # noqa: F401 - missing, it is missed before anything is written
        except ImportError as error:
            raise ConfigurationError(
                f"Parquet files need pyarrow ({error}). Install it: pip install 'evolve-search[parquet]'"
            ) from error
        return _Parquet
    return _Csv if form is Form.CSV else _JsonLines


class _JsonLines:
    def __init__(self, folder: Path, table: ExportTable) -> None:
        self._table = table
        self._file = (folder / f"{table.name}.jsonl").open("w", encoding="ascii")

    def write(self, row: Row) -> None:
        self._file.write(json_line(self._table, row))

    def close(self) -> None:
        self._file.close()


class _Csv:
    def __init__(self, folder: Path, table: ExportTable) -> None:
        self._kinds = {column.name: column.kind for column in table.columns}
        self._file = (folder / f"{table.name}.csv").open("w", newline="", encoding="utf-8", errors="backslashreplace")
        self._writer = csv.writer(self._file)
        self._writer.writerow(self._kinds)

    def write(self, row: Row) -> None:
        self._writer.writerow([_csv_cell(kind, row[name]) for name, kind in self._kinds.items()])

    def close(self) -> None:
        self._file.close()


def _csv_cell(kind: Kind, value: Any) -> object:
    if value is None:
        return ""
    return _IN_CSV[kind](value) if kind in _IN_CSV else value


def _as_json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


_IN_CSV: Mapping[Kind, Callable[[Any], str]] = {
    Kind.NUMBERS: lambda value: ",".join(map(str, value)),
    Kind.JSON: _as_json,
    Kind.BYTES: lambda value: base64.b64encode(value).decode("ascii"),
    Kind.FLAG: lambda value: "true" if value else "false",
    Kind.TEXT: lambda value: value.replace("\0", "\\x00"),  # readers of CSV stop at it, or refuse it
}


class _Parquet:
    def __init__(self, folder: Path, table: ExportTable) -> None:
        import pyarrow
        import pyarrow.parquet

        types = {
            Kind.INT: pyarrow.int64(),
            Kind.REAL: pyarrow.float64(),
            Kind.TEXT: pyarrow.string(),
            Kind.FLAG: pyarrow.bool_(),
            Kind.NUMBERS: pyarrow.list_(pyarrow.int64()),
            Kind.JSON: pyarrow.string(),
            Kind.BYTES: pyarrow.binary(),
        }
        fields = [
            pyarrow.field(c.name, types[c.kind], nullable=c.may_lack, metadata={"meaning": c.meaning})
            for c in table.columns
        ]
        self._schema = pyarrow.schema(fields, metadata={"meaning": table.meaning, "format": str(FORMAT)})
        self._kinds = {column.name: column.kind for column in table.columns}
        self._pyarrow = pyarrow
        self._writer = pyarrow.parquet.ParquetWriter(folder / f"{table.name}.parquet", self._schema, compression="zstd")
        self._rows: list[Row] = []

    def write(self, row: Row) -> None:
        self._rows.append({name: _parquet_cell(kind, row[name]) for name, kind in self._kinds.items()})
        if len(self._rows) >= _BATCH:
            self._flush()

    def close(self) -> None:
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        if self._rows:
            self._writer.write_table(self._pyarrow.Table.from_pylist(self._rows, schema=self._schema))
            self._rows = []


def _parquet_cell(kind: Kind, value: Any) -> Any:
    if kind is Kind.JSON:
        return _as_json(value)
    if kind is Kind.TEXT and value is not None:
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    return value


def check_row(table: ExportTable, cells: object, where: str) -> Row:
    """Return a row of a JSON line as rows are. Raises StoreError that names the place, and what was expected."""
    if not isinstance(cells, dict) or {column.name for column in table.columns} != cells.keys():
        expected = ", ".join(column.name for column in table.columns)
        raise StoreError(f"{where}: expected the columns {expected}.")
    row: Row = {}
    for column in table.columns:
        value = cells[column.name]
        if value is None and column.may_lack:
            row[column.name] = None
        elif not _fits(column.kind, value):
            raise StoreError(f"{where}: expected {column.kind} in {column.name!r}, found {value!r:.80}.")
        else:
            row[column.name] = base64.b64decode(value, validate=True) if column.kind is Kind.BYTES else value
    return row


def _fits(kind: Kind, value: Any) -> bool:
    match kind:
        case Kind.INT:
            return type(value) is int and abs(value) < 1 << 63
        case Kind.REAL:
            return type(value) in (int, float)
        case Kind.FLAG:
            return type(value) is bool
        case Kind.NUMBERS:
            return isinstance(value, list) and all(type(item) is int for item in value)
        case Kind.TEXT | Kind.BYTES:
            return isinstance(value, str)
        case Kind.JSON:
            return isinstance(value, list | dict)
