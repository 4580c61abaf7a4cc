"""Taking an exported run in: JSON lines only, read a line at a time, believed in nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from evolve.errors import StoreError, StoreTooNew
from evolve.interfaces import RunInfo, Store
from evolve.store.columns import BY_NAME, FORMAT, Row
from evolve.store.exporting import RUN_FILE, check_row
from evolve.store.rows import entries_of, info_of

LONGEST_LINE = 64 << 20
"""Bytes; longer ones are refused before they fill the memory."""


def import_folder(
    store: Store, folder: Path, run: str | None = None, provenance: Mapping[str, object] | None = None
) -> RunInfo:
    """Take in what ``export_run`` wrote as JSON lines, under another name if ``run`` gives one.

    ``provenance`` is added to the run's. Raises StoreError, and leaves nothing behind then.
    """
    info = header_of(_read_header(folder / RUN_FILE), str(folder / RUN_FILE))
    if run is not None:
        info = replace(info, id=run)
    info = replace(info, provenance={**info.provenance, **(provenance or {})})

    def rows(name: str) -> Iterator[Row]:
        path = folder / f"{name}.jsonl"
        if not path.is_file():
            raise StoreError(f"{folder} has no {path.name}: expected what `evolve export --format jsonl` writes.")
        with path.open("rb") as file:
            yield from rows_in(file, name, str(path))

    store.take_in(info, entries_of(rows))
    return info


def header_of(text: str, where: str) -> RunInfo:
    """Return the run that a header describes. Raises StoreError, StoreTooNew."""
    try:
        header = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise StoreError(f"{where} is not the header of an export: {error}") from error
    if not isinstance(header, dict) or not isinstance(header.get("format"), int):
        raise StoreError(f"{where} is not the header of an export: expected a format number.")
    refuse_newer(header["format"], header.get("written_by"), where)
    run = header.get("run")
    if not isinstance(run, dict):
        raise StoreError(f"{where}: expected a run, found {run!r:.80}.")
    return info_of(run)


def refuse_newer(found: int, written_by: object, where: str) -> None:
    """Raise StoreTooNew for a format that this version does not know."""
    if found > FORMAT:
        raise StoreTooNew(
            f"{where} has format {found}, written by version {written_by}; this one reads up to {FORMAT}. "
            "Upgrade the package: pip install -U evolve-search"
        )


def rows_in(file: BinaryIO, name: str, where: str) -> Iterator[Row]:
    """Yield the rows of a table. Raises StoreError that names the line."""
    table = BY_NAME[name]
    number = 0
    while line := file.readline(LONGEST_LINE):
        number += 1
        place = f"{where}, line {number}"
        if not line.endswith(b"\n"):
            raise StoreError(f"{place}: expected a whole line of at most {LONGEST_LINE >> 20} MiB.")
        yield check_row(table, _parsed(line, place), place)


def _parsed(line: bytes, place: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise StoreError(f"{place}: expected JSON, found {line[:80]!r}: {error}") from error


def _read_header(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(
            f"{path} cannot be read ({error}): expected what `evolve export --format jsonl` writes."
        ) from error
