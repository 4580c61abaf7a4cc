"""What the search keeps: the grid of cells with their elites, islands, and the front of several objectives."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from evolve.dashboard.asked import address
from evolve.dashboard.charts.archives import Front, HeatMap
from evolve.dashboard.figures import count, number, share
from evolve.dashboard.tables import Align, Cell, Column, Row
from evolve.domain.objective import Feature, Objective
from evolve.domain.program import SEED_STEP
from evolve.domain.questions import AttemptRow, Held
from evolve.search.pareto import hypervolume, non_dominated

CELLS: Final = 1000
BEST: Final = 300
SAMPLE: Final = 300
_ISLAND = re.compile(r"i(\d+):(.*)", re.DOTALL)
_GRID = re.compile(r"\d+(,\d+)*")
_WIDEST = 64
"""Cells along one side that are drawn."""

Lead = Callable[[int], str]
"""Where a program is shown, by its step."""

ELITES: Final = (
    Column("cell", "Cell"),
    Column("program", "Program", Align.RIGHT),
    Column("value", "Score", Align.RIGHT),
    Column("operator", "Made by"),
    Column("parent", "Edited from", Align.RIGHT),
)
ISLANDS: Final = (
    Column("island", "Island", Align.RIGHT),
    Column("share", "Of the attempts"),
    Column("cells", "Cells", Align.RIGHT),
    Column("best", "Best", Align.RIGHT),
    Column("last", "Last placed", Align.RIGHT),
    Column("came", "Bred from another island"),
)


def lead_of(store: int, run: str) -> Lead:
    """Return what tells where programs of a run are shown."""
    return lambda step: address("/program", store, run, step=step)


@dataclass(frozen=True, slots=True)
class Elite:
    """A cell of one island's archive and the program in it."""

    island: int
    cell: str
    attempt: AttemptRow

    @property
    def place(self) -> tuple[int, ...] | None:
        """Its coordinates in the grid; None for cells that are no part of one."""
        return tuple(map(int, self.cell.split(","))) if _GRID.fullmatch(self.cell) else None


def elites(held: Sequence[Held]) -> list[Elite]:
    """Return cells by island; searches without islands have one."""
    found = []
    for each in held:
        told = _ISLAND.fullmatch(each.cell)
        island, cell = (int(told[1]), told[2]) if told else (0, each.cell)
        found.append(Elite(island, cell, each.attempt))
    return found


# ── the grid ──────────────────────────────────────────────────────────────────────────────────
def heat_map(
    found: Sequence[Elite], objective: Objective, features: Sequence[Feature], lead: Lead, island: int | None
) -> HeatMap | None:
    """Return the grid of one island, or of all of them, where the best of each cell counts; None without a grid.

    Of more than two features the first two are drawn, and the best over the others counts.
    """
    best: dict[tuple[int, int], Elite] = {}
    for elite in found:
        place = elite.place
        if place is None or objective.name not in elite.attempt.values or island not in (None, elite.island):
            continue
        at = (place[0], place[1] if len(place) > 1 else 0)
        if at not in best or _gain(elite, objective) > _gain(best[at], objective):
            best[at] = elite
    if not best:
        return None
    across, up = _sides(best, features)
    rows = [[best.get((x, y)) for x in range(across)] for y in range(up)]
    return HeatMap(
        across=_axis(features, 0),
        up=_axis(features, 1),
        value=objective.name,
        values=[[elite.attempt.values[objective.name] if elite else None for elite in row] for row in rows],
        texts=[[_text(elite, objective) if elite else "" for elite in row] for row in rows],
        leads=[[lead(elite.attempt.step) if elite else "" for elite in row] for row in rows],
        less_is_better=objective.gain(1.0) < 0,
    )


def _gain(elite: Elite, objective: Objective) -> float:
    return objective.gain(elite.attempt.values[objective.name])


def _sides(best: Mapping[tuple[int, int], Elite], features: Sequence[Feature]) -> tuple[int, int]:
    """Return how many cells lie along each side: those of the problem's features, and at least those in use."""
    used = [max(place[axis] for place in best) + 1 for axis in (0, 1)]
    known = [features[axis].bins if len(features) > axis else 1 for axis in (0, 1)]
    across, up = (min(max(pair), _WIDEST) for pair in zip(used, known, strict=True))
    return across, up


def _axis(features: Sequence[Feature], axis: int) -> str:
    if len(features) <= axis:
        return "" if axis and features else f"cell, {('first', 'second')[axis]} number"
    feature = features[axis]
    return f"{feature.name} ({feature.low:g} to {feature.high:g})"


def _text(elite: Elite, objective: Objective) -> str:
    row = elite.attempt
    return f"program {row.step}: {number(row.values[objective.name])}, by {row.operator}, island {elite.island}"


def elite_rows(found: Sequence[Elite], objective: Objective, lead: Lead) -> list[Row]:
    """Return the cells as lines, the last to be filled first."""
    rows = []
    for elite in found:
        row = elite.attempt
        value = row.values.get(objective.name)
        rows.append(
            Row(
                f"{elite.island}:{elite.cell}",
                {
                    "cell": Cell(f"island {elite.island}, {elite.cell}"),
                    "program": Cell(str(row.step), href=lead(row.step)),
                    "value": Cell(number(value) if value is not None else "–"),
                    "operator": Cell(row.operator),
                    "parent": Cell(str(row.parent), href=lead(row.parent)),
                },
            )
        )
    return rows


# ── islands ───────────────────────────────────────────────────────────────────────────────────
def island_rows(
    found: Sequence[Elite],
    sample: Sequence[AttemptRow],
    parents: Mapping[int, AttemptRow],
    objective: Objective,
    lead: Lead,
) -> list[Row]:
    """Return a line for each island: what it holds, and how much of what is bred there came from elsewhere.

    Attempts are those of a sample of the run; ``parents`` are the attempts that made their parents.
    """
    tried = Counter(row.island for row in sample)
    came = Counter(
        row.island
        for row in sample
        if row.parent != SEED_STEP and row.parent in parents and parents[row.parent].island != row.island
    )
    rows = []
    for island in sorted({*tried, *(elite.island for elite in found)}):
        members = [e for e in found if e.island == island and objective.name in e.attempt.values]
        best = max(members, key=lambda elite: _gain(elite, objective), default=None)
        last = max(members, key=lambda elite: elite.attempt.sequence, default=None)
        part = tried[island] / len(sample) if sample else 0.0
        rows.append(
            Row(
                str(island),
                {
                    "island": Cell(str(island)),
                    "share": Cell(f"{part:.0%}", share=part),
                    "cells": Cell(count(sum(elite.island == island for elite in found))),
                    "best": _program(best, objective, lead),
                    "last": Cell(str(last.attempt.step), href=lead(last.attempt.step)) if last else Cell("–"),
                    "came": Cell(share(came[island], tried[island]), share=came[island] / max(tried[island], 1)),
                },
            )
        )
    return rows


def _program(elite: Elite | None, objective: Objective, lead: Lead) -> Cell:
    if elite is None:
        return Cell("–")
    return Cell(number(elite.attempt.values[objective.name]), href=lead(elite.attempt.step))


# ── the front ─────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True, slots=True)
class Fronts:
    """The programs that no other of those looked at dominates, and the volume that they dominate.

    ``declared`` says whether the volume is above the problem's reference, or else above the seed.
    """

    chart: Front
    size: int
    looked_at: int
    volume: float
    declared: bool


def fronts(rows: Sequence[AttemptRow], seed: AttemptRow | None, aims: Sequence[Objective], lead: Lead) -> Fronts | None:
    """Return the front of some programs by all objectives, drawn by the first two; None with fewer objectives."""
    whole = {row.step: row for row in rows if all(aim.name in row.values for aim in aims)}
    if len(aims) < 2 or not whole:
        return None
    points = list(whole.values())
    gains = np.array([[aim.gain(row.values[aim.name]) for aim in aims] for row in points])
    kept = non_dominated(gains)
    reference = _reference(seed or points[0], aims)
    first, second = aims[:2]

    def at(row: AttemptRow) -> tuple[float, float, str]:
        return row.values[first.name], row.values[second.name], lead(row.step)

    members = sorted(at(row) for row, is_kept in zip(points, kept, strict=True) if is_kept)
    return Fronts(
        chart=Front(
            first=f"{first.name} ({first.direction})",
            second=f"{second.name} ({second.direction})",
            members=members,
            others=[at(row) for row, is_kept in zip(points, kept, strict=True) if not is_kept],
        ),
        size=len(members),
        looked_at=len(points),
        volume=hypervolume(gains[kept].tolist(), reference),
        declared=all(aim.reference is not None for aim in aims),
    )


def _reference(seed: AttemptRow, aims: Sequence[Objective]) -> list[float]:
    return [aim.gain(seed.values[aim.name] if aim.reference is None else aim.reference) for aim in aims]
