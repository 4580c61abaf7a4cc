"""bench library: what runs without a model reach on every bundled problem."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console

from evolve.bench import library
from evolve.cli.options import as_json, json_option
from evolve.problem_library import problem_names
from evolve.terminal import table_of

_WIDE = 160  # columns


@click.command("library")
@click.argument("overrides", nargs=-1)
@click.option("--problem", "problems", multiple=True, help="Names or folders; every bundled problem unless given.")
@click.option("--minutes", default=5.0, show_default=True, type=click.FloatRange(min=0.05), help="Of each run.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Where to write the table, as Markdown.")
@json_option
def library_(
    overrides: tuple[str, ...], problems: tuple[str, ...], minutes: float, out: Path | None, json_: bool
) -> None:
    """Run every problem of the library once without a model: seed, after, best known.

    OVERRIDES are settings of the runs, e.g. executor.width=2. The table is written again after each problem.
    """
    rows: list[library.Reached] = []
    for row in library.reached(problems or problem_names(), 60 * minutes, overrides):
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
