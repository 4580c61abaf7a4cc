"""report: a run as one page."""

from __future__ import annotations

from pathlib import Path

import click

from evolve import wiring
from evolve.cli.looking import opened_store
from evolve.cli.options import run_argument, say, store_option


@click.command()
@run_argument
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="File to write; RUN.html unless given.")
@store_option
def report(run: str, out: Path | None, store: str) -> None:
    """Write RUN as one HTML file that works offline: question, result, lineage, costs, what was not checked."""
    from evolve.report.page import report as page_of

    info = wiring.find_run(store, run)
    problem = wiring.problem_of(info)
    with opened_store(store) as opened:
        page = page_of(opened, info, problem)
    path = out if out is not None else Path(f"{run}.html")
    path.write_text(page, encoding="utf-8", errors="replace")
    say(f"Wrote {path} ({len(page) / 1024:.0f} KiB).")
