"""What comes of the runs of a study: a table and a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console

from evolve.bench import ablation
from evolve.bench.ablation import Outcome, Row
from evolve.bench.race_statistics import Comparison, Verdict
from evolve.cli.options import as_json, say
from evolve.interfaces import Store
from evolve.terminal import table_of

_WIDE = 180  # columns; a table of intervals is no use folded
_SIGNS = {Verdict.BETTER: "+", Verdict.WORSE: "-", Verdict.UNCLEAR: "="}


def folder_of(study: str) -> Path:
    """Return where the table and the picture of a study are written unless somebody says where."""
    return Path("runs") / study


def report(store: Store, study: str, folder: Path, json_: bool) -> None:
    """Print the table of a study, and write it and the curves into a folder. Raises NotFound."""
    found = ablation.outcomes(store, study, say)
    rows = ablation.table(found)
    folder.mkdir(parents=True, exist_ok=True)
    lines = [as_json(asdict(row)) for row in rows]
    (folder / "table.jsonl").write_text("".join(f"{line}\n" for line in lines))
    (folder / "table.md").write_text(_markdown(rows, found))
    (folder / "curves.svg").write_text(ablation.picture(found))
    if json_:
        click.echo("\n".join(lines))
        return
    shown = [_shown(row) for row in rows]
    Console(width=_WIDE).print(table_of(shown, list(shown[0])))
    click.echo(ablation.legend(found))
    click.echo(f"Written: {folder}/table.md, table.jsonl, curves.svg")


def _shown(row: Row) -> dict[str, object]:
    return {
        "problem": row.problem,
        "variant": row.variant,
        "seeds": row.seeds,
        "final": str(row.final),
        "less full": _beside(row.final_beside),
        "area": str(row.area),
        "area less full": _beside(row.area_beside),
        "proposals": round(row.proposals),
        "evaluations": round(row.evaluations),
        "USD": f"{row.cost_usd:.4f}",
        "calls": round(row.calls),
        "tokens/call": round(row.tokens / row.calls) if row.calls else 0,
    }


def _beside(comparison: Comparison | None) -> str:
    return "" if comparison is None else f"{_SIGNS[comparison.verdict]} {comparison.difference}"


def _markdown(rows: Sequence[Row], found: Sequence[Outcome]) -> str:
    shown = [_shown(row) for row in rows]
    cells = [list(shown[0]), ["---"] * len(shown[0]), *([str(value) for value in row.values()] for row in shown)]
    return "".join(f"| {' | '.join(line)} |\n" for line in cells) + f"\n{ablation.legend(found)}\n"
