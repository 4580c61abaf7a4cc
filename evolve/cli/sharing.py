"""export, bundle, open: a run for other programs, and for other people."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import click

from evolve import wiring
from evolve.bundles.archive import MAX_BYTES
from evolve.bundles.bundle import make_bundle, open_bundle, verify_bundle
from evolve.cli.looking import attempt_row, opened_store
from evolve.cli.options import as_json, json_option, run_argument, say, store_option
from evolve.errors import ConfigurationError, ProblemError
from evolve.interfaces import Store
from evolve.store.address import DEFAULT_STORE
from evolve.store.exporting import Form, export_run

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
max_option = click.option(
    "--max-mb", type=int, default=MAX_BYTES >> 20, show_default=True, help="What it may hold at most, uncompressed."
)
trust_option = click.option(
    "--trust", is_flag=True, help="I trust whoever made it: `resume` and `fork` may run its judge and its settings."
)
as_option = click.option("--as", "name", help="Name of the run here, if it is to have another.")


@click.command()
@run_argument
@click.option(
    "--format", "form", type=click.Choice([form.value for form in Form]), default=Form.JSONL.value, show_default=True
)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="New folder for everything on record.")
@click.option("--files/--no-files", default=True, help="With the text of every program (jsonl without --out only).")
@store_option
def export(run: str, form: str, out: Path | None, files: bool, store: str) -> None:
    """Write everything on record of RUN to a folder, a file per table; evolve/store/README.md has the columns.

    Without --out: every finished attempt as a line on standard output, in the order in which the search was told.
    """
    wiring.find_run(store, run)
    with opened_store(store) as opened:
        if out is not None:
            counts = export_run(opened, run, out, Form(form))
            say(f"Wrote {', '.join(f'{count} {name}' for name, count in counts.items())} to {out}.")
        elif form == Form.JSONL:
            _write_lines(opened, run, files, sys.stdout)
        elif form == Form.CSV:
            _write_csv(opened, run, sys.stdout)
        else:
            raise ConfigurationError("Parquet files cannot be written to standard output: give a folder with --out.")


@click.command()
@run_argument
@click.option(
    "-o", "--out", type=click.Path(dir_okay=False, path_type=Path), help="File to write; RUN.evolve if not given."
)
@store_option
@json_option
def bundle(run: str, out: Path | None, store: str, json_: bool) -> None:
    """Write RUN, its problem's folder with it, to one file that others can open, look at, verify and replay."""
    info = wiring.find_run(store, run)
    file = out or Path(f"{run}.evolve")
    try:
        problem: Path | None = wiring.problem_of(info).folder
    except ProblemError as error:
        say(f"Without its problem, so it cannot be replayed: {error}")
        problem = None
    with opened_store(store) as opened:
        manifest = make_bundle(opened, run, file, problem)
    told = {"run": run, "file": str(file), "bytes": file.stat().st_size, "problem": bool(manifest.problem)}
    click.echo(
        as_json(told) if json_ else f"Wrote {file}, {told['bytes']} bytes. It can be opened with: evolve open {file}"
    )


@click.command("open")
@click.argument("file", type=FILE)
@as_option
@click.option(
    "--problems",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where its problem's folder is put; beside the store unless given.",
)
@click.option("--check", is_flag=True, help="Only check that it is whole and that its record hangs together.")
@trust_option
@max_option
@store_option
@json_option
def open_(
    file: Path, name: str | None, problems: Path | None, check: bool, trust: bool, max_mb: int, store: str, json_: bool
) -> None:
    """Take the run of a bundle into a store, to be shown, replayed and exported. Nothing in it is run."""
    if check:
        sys.exit(_check(file, max_mb << 20, json_))
    where = problems or _beside(store)
    with made_store(store) as opened:
        info = open_bundle(opened, file, where, run=name, trusted=trust, max_bytes=max_mb << 20)
    if json_:
        click.echo(as_json({"run": info.id, "problem": info.config.get("problem"), "trusted": trust}))
    else:
        click.echo(f"Opened {file} as run {info.id}. Look at it with: evolve show {info.id}")


def _check(file: Path, max_bytes: int, json_: bool) -> int:
    """Check a bundle and say what was found; return the exit code."""
    found = verify_bundle(file, max_bytes)
    if json_:
        told: Mapping[str, Any] = {
            "run": found.run.id,
            "digest": found.digest,
            "written_by": found.written_by,
            "attempts": found.attempts,
            "problem": found.has_problem,
            "findings": list(found.findings),
        }
        click.echo(as_json(told))
    else:
        click.echo(f"{file}: run {found.run.id}, {found.attempts} attempts, written by version {found.written_by}.")
        click.echo(f"SHA-256 of its manifest: {found.digest}")
        click.echo("\n".join(found.findings) or "Whole, and its record hangs together.")
    return 1 if found.findings else 0


@contextmanager
def made_store(url: str) -> Iterator[Store]:
    """Open a store for the length of a block; make it if it is not there."""
    store = wiring.open_store({"store": wiring.store_config(url)})
    try:
        yield store
    finally:
        store.close()


def _beside(store: str) -> Path:
    """Return the folder for problems of runs that were opened into a store."""
    path = (store if store.startswith("sqlite:///") else DEFAULT_STORE).removeprefix("sqlite:///")
    return Path(path).parent / "opened"


def _write_lines(store: Store, run: str, files: bool, stream: TextIO) -> None:
    for attempt in store.history(run):
        row = attempt_row(attempt)
        if files and attempt.program is not None:
            row["files"] = dict(store.program(run, attempt.selected.step).files)
        stream.write(as_json(row) + "\n")


def _write_csv(store: Store, run: str, stream: TextIO) -> None:
    rows = [attempt_row(attempt) for attempt in store.history(run)]
    metrics = sorted({name for row in rows for name in _mapping(row["metrics"])})
    plain = [name for name in rows[0] if name not in ("metrics", "made_by", "inspirations")] if rows else []
    writer = csv.DictWriter(stream, [*plain, *metrics], extrasaction="ignore")
    writer.writeheader()
    for row in rows:
        writer.writerow({**row, **_mapping(row["metrics"])})


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}
