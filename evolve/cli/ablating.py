"""What comes of the runs of a study: which are left out, and the table and picture in the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console

from evolve import wiring
from evolve.bench import ablation, variants
from evolve.bench.ablation import Outcome, Row
from evolve.bench.race_statistics import Comparison, Verdict
from evolve.cli.options import as_json, say
from evolve.errors import ConfigurationError
from evolve.interfaces import Store
from evolve.terminal import table_of

_WIDE = 180  # columns; a table of intervals is no use folded
_SIGNS = {Verdict.BETTER: "+", Verdict.WORSE: "-", Verdict.UNCLEAR: "="}


class Study:
    """The runs of one multirun that belong to studies."""

    def __init__(self) -> None:
        self._configs: dict[str, wiring.Config] = {}
        self._refused: dict[str, str] = {}
        self._failed = 0

    def takes(self, config: wiring.Config, config_dir: Path | None) -> bool:
        """Whether a variant can be run here; a person is told once of one that cannot."""
        try:
            variants.check(config, config_dir)
        except ConfigurationError as error:
            reason = str(error)
            if reason not in self._refused.values():
                say(f"Left out: {reason}")
            self._refused[variants.name_of(config)] = reason
            return False
        self._configs[str(config["study"])] = config
        return True

    def note(self, code: int) -> None:
        """Note the exit code of a run."""
        self._failed += code != 0

    def close(self, json_: bool) -> int:
        """Print and write the comparison of each study; return the exit code: 1 if a run failed.

        Raises ConfigurationError if every variant was left out.
        """
        if self._refused and not self._configs:
            raise ConfigurationError("No variant can be run here.")
        for name, config in self._configs.items():
            store = wiring.open_store(config)
            try:
                report(store, name, folder_of(name), json_)
            finally:
                store.close()
        return 1 if self._failed else 0


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
