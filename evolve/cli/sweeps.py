"""The runs of a multirun that belong to no study: a table in the end, whatever launched them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from evolve import configuration, wiring
from evolve.domain.questions import Page
from evolve.interfaces import RunInfo, Store
from evolve.terminal import table_of

_SWEEP = "sweep"
_WIDE = 160  # columns; identifiers are no use folded


@dataclass(frozen=True, slots=True)
class Sweep:
    """A multirun. Its runs name it in their record, as a launcher may have them run in other processes."""

    id: str

    def noted(self, info: RunInfo, made_by: Sequence[str]) -> RunInfo:
        """Return a run's record that says which sweep it is of, and which overrides made it."""
        mine = {"id": self.id, "overrides": list(made_by)}
        return replace(info, provenance={**info.provenance, _SWEEP: mine})

    def report(self, overrides: Sequence[str], config_dir: Path | None) -> None:
        """Print a table of the runs, the best first. Prints nothing if there is no such run, or no one store."""
        ours = [word for word in overrides if word.startswith(("store=", "store."))]
        if any("," in word for word in ours):
            return
        store = wiring.open_store(configuration.configure(["problem=none", *ours], config_dir))
        try:
            rows = self._rows(store)
        finally:
            store.close()
        if rows:
            Console(width=_WIDE).print(table_of(rows, list(rows[0])))

    def _rows(self, store: Store) -> list[dict[str, object]]:
        runs = [(info, made_by) for info in store.runs() if (made_by := self._made_by(info)) is not None]
        varied = _varied([made_by for _, made_by in runs])
        rows = [{**{key: made_by.get(key, "") for key in varied}, **_row(store, info)} for info, made_by in runs]
        gains = {info.id: _gain(store, info) for info, _ in runs}
        return sorted(rows, key=lambda row: gains[str(row["run"])], reverse=True)

    def _made_by(self, info: RunInfo) -> Mapping[str, str] | None:
        mine = info.provenance.get(_SWEEP)
        if not isinstance(mine, Mapping) or mine.get("id") != self.id:
            return None
        return {key: value for key, _, value in (str(word).lstrip("+~").partition("=") for word in mine["overrides"])}


def _varied(made_by: Sequence[Mapping[str, str]]) -> list[str]:
    """Return the keys that are not alike in all runs."""
    keys = dict.fromkeys(key for made in made_by for key in made)
    return [key for key in keys if len({made.get(key) for made in made_by}) > 1]


def _row(store: Store, info: RunInfo) -> dict[str, object]:
    best = _best(store, info)
    return {
        "run": info.id,
        "status": info.status,
        **{name: f"{value:g}" for name, value in best.items()},
        "evaluations": info.evaluated,
        "USD": f"{info.usage.cost_usd:.4f}",
        "seconds": round(info.elapsed_s),
    }


def _best(store: Store, info: RunInfo) -> Mapping[str, float]:
    if not info.objectives:
        return {}
    rows = store.questions().page(info.id, Page(info.objectives[0].name, limit=1))
    return rows[0].values if rows else {}


def _gain(store: Store, info: RunInfo) -> float:
    """Return how good the best is by the first objective: more is better."""
    best = _best(store, info)
    if not best:
        return float("-inf")
    first = info.objectives[0]
    return first.gain(best[first.name])
