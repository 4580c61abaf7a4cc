"""bench library: what runs without a model reach on every bundled problem."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console

from evolve.bench import library
from evolve.cli.options import as_json
from evolve.problem_library import load_problem, problem_names
from evolve.terminal import table_of

_WIDE = 160  # columns


def write_library_table(
    overrides: Sequence[str], problems: Sequence[str], seconds: float, out: Path | None, *, json_: bool
) -> None:
    """Run each problem, say what it reached, and write the table again after each."""
    rows: list[library.Reached] = []
    for row in library.reached(problems or _anywhere(), seconds, overrides):
        rows.append(row)
        if json_:
            click.echo(as_json({**asdict(row), "better": row.better}))
        else:
            known = library.number(row.known) or "unknown"
            click.echo(
                f"{row.problem}: {row.objective} {library.number(row.seed)} -> {library.number(row.after)} (best "
                f"known {known}), {row.evaluations} judged in {row.seconds:.0f} s",
                err=True,
            )
        if out is not None:
            out.write_text(library.markdown(rows) + "\n", "utf-8")
    if not json_:
        shown = [{name: _short(value) for name, value in asdict(row).items()} for row in rows]
        Console(width=_WIDE).print(table_of(shown, list(shown[0])))
        click.echo(f"{sum(row.better for row in rows)} of {len(rows)} are better than their seed")


def _short(value: object) -> object:
    return library.number(value) if isinstance(value, float) or value is None else value


def _anywhere() -> list[str]:
    """Return the bundled problems that need no GPU."""
    return [name for name in problem_names() if not load_problem(name).limits.gpus]
