"""The proof page: what is claimed of the search and what was measured, from recorded results, as one offline HTML file.

Results are the JSON lines of ``evolve bench``: ``search.jsonl`` of races, and of other commands what they print
with ``--json``. A file that is not there is left out.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from evolve import __version__
from evolve.bench.claims import OURS, Claim, Table, decision_claims, noise_claims, race_claims, tuner_claims
from evolve.bench.curves import Curve
from evolve.bench.peer_races import PEERS
from evolve.bench.race import recorded
from evolve.bench.race_statistics import Comparison, Row, band, compare, summarise
from evolve.bench.search_race import Cell, CellResult
from evolve.errors import ConfigurationError
from evolve.report.charts import Axis, Band, Chart
from evolve.report.rendering import rendered

RESULTS = Path(__file__).resolve().parent / "results"
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c564b", "#7f7f7f")
_POINTS = 60


@dataclass(frozen=True, slots=True)
class Measurement:
    """What another command than the race has printed: its name in the folder, and what its rows are evidence of."""

    name: str
    title: str
    command: str
    claims: Callable[[Table], Iterator[Claim]]


MEASUREMENTS = (
    Measurement("noise", "Where scores are noisy", "evolve bench noise --json", noise_claims),
    Measurement("tuner", "Tuning constants", "evolve bench tuner --json", tuner_claims),
    Measurement("decisions", "What deciding costs", "evolve bench decisions --json", decision_claims),
)


@dataclass(frozen=True, slots=True)
class _Line:
    row: Row
    colour: str
    beside: Comparison | None  # OURS less this one, by area


@dataclass(frozen=True, slots=True)
class _Panel:
    title: str
    svg: str
    lines: Sequence[_Line]


def proof_page(folder: Path) -> str:
    """Return the page. Raises ConfigurationError for a folder without results, or with lines that are none."""
    results = _read(folder / "search.jsonl")
    tables = {each: _table(folder / f"{each.name}.jsonl") for each in MEASUREMENTS}
    if not results and not any(tables.values()):
        names = ", ".join(["search.jsonl", *(f"{each.name}.jsonl" for each in MEASUREMENTS)])
        raise ConfigurationError(f"{folder} holds no results: expected at least one of {names}.")
    claims = [*race_claims(results), *(claim for each, rows in tables.items() for claim in each.claims(rows))]
    return rendered(
        Path(__file__).with_name("proof.html.j2"),
        version=__version__,
        ours=OURS,
        claims=claims,
        met=sum(claim.met for claim in claims),
        panels=list(_panels(results)),
        tables=[(each, _shown(rows)) for each, rows in tables.items() if rows],
        commands=_commands(results),
        machines=sorted({result.machine for result in results if result.machine}),
        commits=sorted({result.commit for result in results if result.commit}),
        cells=len(results),
    )


# ── reading ───────────────────────────────────────────────────────────────────────────────────
def _read(path: Path) -> list[CellResult]:
    """Return the results of a race; a search with settings of its own is called by them, too."""
    try:
        newest = {result.cell: result for result in recorded(path)}
    except (ValueError, TypeError, KeyError) as error:
        raise ConfigurationError(f"{path}: a line is no result of `evolve bench search`: {error}.") from error
    return [replace(result, cell=_named(result.cell)) for result in newest.values()]


def _named(cell: Cell) -> Cell:
    return replace(cell, search=" ".join([cell.search, *cell.settings]))


def _table(path: Path) -> Table:
    if not path.is_file():
        return []
    try:
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    except ValueError as error:
        raise ConfigurationError(f"{path}: expected JSON lines: {error}.") from error


# ── races ─────────────────────────────────────────────────────────────────────────────────────
def _panels(results: Sequence[CellResult]) -> Iterator[_Panel]:
    names = dict.fromkeys([OURS, *(result.cell.search for result in results)])
    colours = {name: _COLOURS[index % len(_COLOURS)] for index, name in enumerate(names)}
    for problem, mutator in dict.fromkeys((result.cell.problem, result.cell.mutator) for result in results):
        cells = [r for r in results if (r.cell.problem, r.cell.mutator) == (problem, mutator)]
        rows = sorted(summarise(cells, ()), key=lambda row: -row.area.mean)
        lines = [_Line(row, colours[row.search], _beside(cells, row.search)) for row in rows]
        title = f"{problem}, {mutator}"
        yield _Panel(title, _chart(title, cells, colours).svg(), lines)


def _beside(cells: Sequence[CellResult], search: str) -> Comparison | None:
    areas = [{r.cell.seed: r.area for r in cells if r.cell.search == name} for name in (OURS, search)]
    return compare(search, *areas) if search != OURS else None


def _chart(title: str, cells: Sequence[CellResult], colours: dict[str, str]) -> Chart:
    longest = max(result.cell.proposals for result in cells)
    bands = [_band(name, colours[name], cells) for name in colours if any(r.cell.search == name for r in cells)]
    y = Axis.over("value", [value for each in bands for value in (*each.low, *each.high)])
    return Chart(title=title, x=Axis("proposals", 0.0, float(longest)), y=y, bands=bands)


def _band(name: str, colour: str, cells: Sequence[CellResult]) -> Band:
    ours = [result for result in cells if result.cell.search == name]
    shortest = min(result.cell.proposals for result in ours)
    at = np.unique(np.linspace(0, shortest, _POINTS).astype(int))
    curves = np.stack([Curve(result.curve, result.cell.proposals).values()[at] for result in ours])
    middle, low, high = band(curves)
    return Band(name, colour, at.tolist(), middle.tolist(), low.tolist(), high.tolist())


# ── how to do it again ────────────────────────────────────────────────────────────────────────
def _commands(results: Sequence[CellResult]) -> list[str]:
    """Return the commands that make the same cells: one for each set of searches that ran on the same problems with the
    same seeds."""
    groups: dict[tuple[object, ...], set[str]] = {}
    for search in dict.fromkeys(result.cell.search for result in results):
        cells = [result.cell for result in results if result.cell.search == search]
        for mutator, proposals, settings in dict.fromkeys((c.mutator, c.proposals, c.settings) for c in cells):
            alike = [c for c in cells if (c.mutator, c.proposals, c.settings) == (mutator, proposals, settings)]
            for seeds, problems in _by_seeds(alike):
                key = (problems, mutator, proposals, settings, seeds, search in PEERS)
                groups.setdefault(key, set()).add(search.partition(" ")[0])
    return [_command(key, sorted(searches)) for key, searches in groups.items()]


def _by_seeds(cells: Sequence[Cell]) -> Iterator[tuple[tuple[int, ...], tuple[str, ...]]]:
    """Yield seeds with the problems that were run with them."""
    groups: dict[tuple[int, ...], list[str]] = {}
    for problem in sorted({cell.problem for cell in cells}):
        seeds = sorted(cell.seed for cell in cells if cell.problem == problem)
        groups.setdefault(tuple(seeds), []).append(problem)
    for numbers, problems in groups.items():
        yield numbers, tuple(problems)


def _command(key: tuple[object, ...], searches: Sequence[str]) -> str:
    problems, mutator, proposals, settings, seeds, is_peer = key
    assert isinstance(problems, tuple) and isinstance(settings, tuple) and isinstance(seeds, tuple)
    words = ["evolve", "bench", "search", "--problems", ",".join(problems), "--mutator", str(mutator)]
    words += ["--searches", "" if is_peer else ",".join(searches)]
    words += ["--first-seed", str(seeds[0]), "--seeds", str(seeds[-1] - seeds[0] + 1), "--proposals", str(proposals)]
    peers = " ".join(f"--{name} PYTHON" for name in searches) if is_peer else ""
    return " ".join(filter(None, [shlex.join([*words, *settings]), peers]))


# ── other measurements ────────────────────────────────────────────────────────────────────────
def _shown(rows: Table) -> list[dict[str, str]]:
    return [{name: _text(value) for name, value in row.items()} for row in rows]


def _text(value: object) -> str:
    if isinstance(value, dict):  # an interval
        return f"{value['mean']:.3g} [{value['low']:.3g}, {value['high']:.3g}]"
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    return "" if value is None else f"{value:.3g}" if isinstance(value, float) else str(value)
