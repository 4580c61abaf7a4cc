"""Runs side by side: those that differ by their seed alone are a group, with means and intervals."""

from __future__ import annotations

import json
import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Final

from evolve.dashboard.asked import address
from evolve.dashboard.figures import count, dollars, duration, number, share
from evolve.dashboard.tables import Align, Button, Cell, Column, Row, Tone
from evolve.dashboard.views.overview import Across, sealed_scores, where
from evolve.dashboard.views.runs import Listed
from evolve.domain.objective import Objective
from evolve.domain.proposal import Event
from evolve.domain.questions import Best, Status
from evolve.domain.spread import Spread

MOST_RUNS: Final = 60
POINTS: Final = 100
_GRID = 80
"""Places along the bottom at which curves of a group are put together."""
_OWN: Final = ("seed", "run", "store", "trackers", "study", "variant")
"""Settings that make no other experiment."""
_TOLD = 3
LEAVE_OUT, TAKE_IN = "leave-out", "take-in"
GROUPS: Final = (
    Column("group", "Settings that differ", wide=True),
    Column("runs", "Runs", Align.RIGHT),
    Column("best", "Best, mean", Align.RIGHT),
    Column("range", "From worst to best", Align.RIGHT),
    Column("sealed", "Sealed, mean", Align.RIGHT),
    Column("attempts", "Attempts", Align.RIGHT),
    Column("valid", "Valid", Align.RIGHT),
    Column("cost", "Cost", Align.RIGHT),
    Column("time", "Worked", Align.RIGHT),
    Column("told", "Beside the first", wide=True),
)
RUNS: Final = (
    Column("run", "Run"),
    Column("group", "Settings that differ", wide=True),
    Column("seed", "Seed", Align.RIGHT),
    Column("best", "Best", Align.RIGHT),
    Column("sealed", "Sealed", Align.RIGHT),
    Column("attempts", "Attempts", Align.RIGHT),
    Column("act", ""),
)


@dataclass(frozen=True, slots=True)
class Member:
    """A run with what is compared: how far it is, its best so far, and its champion's sealed score, None without."""

    run: Listed
    status: Status
    curve: Sequence[Best]
    sealed: float | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Runs of equal settings, in the order of their seeds; ``name`` says what other groups have otherwise."""

    name: str
    members: tuple[Member, ...]

    def finals(self) -> list[float]:
        """Return the best score of each run that has one."""
        return [member.curve[-1].value for member in self.members if member.curve]

    def sealed(self) -> list[float]:
        """Return the sealed score of each run that has one."""
        return [member.sealed for member in self.members if member.sealed is not None]


def sealed_score(events: Sequence[tuple[float, Event]], objective: Objective) -> float | None:
    """Return what a run's champion scored on sealed instances; None before it was judged there."""
    told = sealed_scores(events).get("best", {}).get(objective.name)
    return float(told) if told is not None else None


# ── groups ────────────────────────────────────────────────────────────────────────────────────
def grouped(members: Sequence[Member], objective: Objective) -> list[Group]:
    """Return groups of runs that differ by their seeds alone, the best group first."""
    settings = [(_settings(member.run), member) for member in members]
    found: dict[str, list[tuple[Mapping[str, str], Member]]] = {}
    for told, member in settings:
        found.setdefault(json.dumps(told, sort_keys=True), []).append((told, member))
    names = _names([told for ((told, _), *_) in found.values()])
    groups = [
        Group(name, tuple(sorted((member for _, member in of_group), key=_seed)))
        for name, of_group in zip(names, found.values(), strict=True)
    ]
    return sorted(groups, key=lambda group: -_standing(group, objective))


def _standing(group: Group, objective: Objective) -> float:
    finals = group.finals()
    return objective.gain(fmean(finals)) if finals else -math.inf


def _seed(member: Member) -> tuple[int, float]:
    seed = member.run.info.config.get("seed")
    return (seed if isinstance(seed, int) else 0, member.run.info.created_at)


def _settings(run: Listed) -> dict[str, str]:
    config = {name: value for name, value in run.info.config.items() if name not in _OWN}
    return {**_flat(config), "judge": str(run.info.provenance.get("judge_hash", ""))}


def _flat(value: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for name, inner in value.items():
        if isinstance(inner, Mapping):
            found |= _flat(inner, f"{prefix}{name}.")
        else:
            found[prefix + name] = json.dumps(inner, default=str)
    return found


def _names(settings: Sequence[Mapping[str, str]]) -> list[str]:
    """Return a name for each of several settings: what it has that others have not."""
    every = dict.fromkeys(name for told in settings for name in told)
    differing = [name for name in every if len({told.get(name) for told in settings}) > 1]
    kinds = [name for name in differing if name.endswith("._target_")]
    outer = [name for name in differing if not any(_is_inside(name, kind) for kind in kinds)]
    return [_name(told, outer) for told in settings]


def _is_inside(name: str, kind: str) -> bool:
    """Whether a setting belongs to a part of a kind that differs: then it says nothing more."""
    return name != kind and name.startswith(kind.removesuffix("_target_"))


def _name(told: Mapping[str, str], differing: Sequence[str]) -> str:
    parts = [f"{name.removesuffix('._target_')}={_short(told.get(name), name)}" for name in differing[:_TOLD]]
    more = [f"{len(differing) - _TOLD} more"] if len(differing) > _TOLD else []
    return ", ".join([*parts, *more]) or "equal settings"


def _short(value: str | None, name: str) -> str:
    if value is None:
        return "unset"
    text = value.strip('"')
    return text.rpartition(".")[2] if name.endswith("_target_") else text


# ── curves ────────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True, slots=True)
class Band:
    """The mean of a group's best so far, and its interval where there is more than one run, at each of ``x``."""

    name: str
    x: tuple[float, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


def band(group: Group, across: Across) -> Band:
    """Return the mean best so far of a group. It begins where every run has a valid program, and ends where the first
    run ends: beyond that a mean would be of other runs."""
    paths = [_path(member, across) for member in group.members if member.curve]
    if not paths:
        return Band(group.name, (), (), (), ())
    start, end = max(path[0][0] for path in paths), min(path[-1][0] for path in paths)
    places = sorted({start + (end - start) * place / (_GRID - 1) for place in range(_GRID)} if end > start else {start})
    spreads = [Spread.of([_at(path, x) for path in paths]) for x in places]
    widths = [spread.half_width if math.isfinite(spread.half_width) else 0.0 for spread in spreads]
    return Band(
        group.name,
        tuple(places),
        tuple(spread.mean for spread in spreads),
        tuple(spread.mean - width for spread, width in zip(spreads, widths, strict=True)),
        tuple(spread.mean + width for spread, width in zip(spreads, widths, strict=True)),
    )


def _path(member: Member, across: Across) -> list[tuple[float, float]]:
    ends = {
        Across.ATTEMPTS: float(member.status.finished),
        Across.TIME: member.run.info.elapsed_s,
        Across.MONEY: member.status.cost_usd,
    }
    path = [(where(best, across), best.value) for best in member.curve]
    return [*path, (max(ends[across], path[-1][0]), path[-1][1])]


def _at(path: Sequence[tuple[float, float]], x: float) -> float:
    return path[max(bisect_right(path, (x, math.inf)) - 1, 0)][1]


# ── tables ────────────────────────────────────────────────────────────────────────────────────
def group_rows(groups: Sequence[Group]) -> list[Row]:
    """Return a line for each group, the best first."""
    return [_group(group, groups[0], place) for place, group in enumerate(groups)]


def _group(group: Group, first: Group, place: int) -> Row:
    finals, sealed, members = group.finals(), group.sealed(), group.members
    attempts = sum(member.status.finished for member in members)
    ends = f"{number(min(finals))} … {number(max(finals))}" if len(finals) > 1 else ""
    return Row(
        f"{place}",
        {
            "group": Cell(group.name),
            "runs": Cell(count(len(members))),
            "best": Cell(_mean(finals)),
            "range": Cell(ends),
            "sealed": Cell(_mean(sealed)),
            "attempts": Cell(count(attempts)),
            "valid": Cell(share(sum(member.status.valid for member in members), attempts)),
            "cost": Cell(dollars(sum(member.status.cost_usd for member in members))),
            "time": Cell(duration(sum(member.run.info.elapsed_s for member in members))),
            "told": Cell("" if place == 0 else verdict(first, group), tone=Tone.FAINT),
        },
    )


def _mean(values: Sequence[float]) -> str:
    if not values:
        return "–"
    spread = Spread.of(values)
    return number(spread.mean) if spread.count == 1 else f"{number(spread.mean)} ± {spread.half_width:.2g}"


def verdict(better: Group, other: Group) -> str:
    """Say whether the best scores of two groups are told apart, by their 95 % intervals: rather late than wrongly."""
    left, right = better.finals(), other.finals()
    if len(left) < 2 or len(right) < 2:
        return "not told: an interval takes two runs of each"
    one, two = Spread.of(left), Spread.of(right)
    apart = abs(one.mean - two.mean) > one.half_width + two.half_width
    return "worse, intervals apart" if apart else "no difference told: intervals overlap"


def run_rows(groups: Sequence[Group], out: Sequence[Listed], objective: Objective) -> list[Row]:
    """Return a line for each run that is compared, then those that were left out."""
    shown = [_run(member, group.name) for group in groups for member in group.members]
    return [*shown, *(_left_out(run) for run in out)]


def _run(member: Member, group: str) -> Row:
    run, info = member.run, member.run.info
    return Row(
        run.key,
        {
            "run": Cell(info.id, href=address("/run", run.store, info.id)),
            "group": Cell(group),
            "seed": Cell(str(info.config.get("seed", ""))),
            "best": Cell(number(member.curve[-1].value) if member.curve else "–"),
            "sealed": Cell(number(member.sealed) if member.sealed is not None else "–"),
            "attempts": Cell(count(member.status.finished)),
            "act": Cell(buttons=(Button(LEAVE_OUT, "Leave out"),)),
        },
    )


def _left_out(run: Listed) -> Row:
    cells = {
        "run": Cell(run.info.id, href=address("/run", run.store, run.info.id), tone=Tone.FAINT),
        "group": Cell("left out", tone=Tone.FAINT),
        "act": Cell(buttons=(Button(TAKE_IN, "Take in"),)),
    }
    return Row(run.key, cells)


def comparable(runs: Sequence[Listed], problem: str, words: str) -> tuple[list[Listed], int]:
    """Return the newest runs of a problem whose names hold all words and whose objectives are those of the newest, and
    how many were passed over because their objectives are others."""
    sought = [
        run
        for run in sorted(runs, key=lambda run: -run.info.created_at)
        if run.info.problem == problem and run.info.objectives and all(w in run.info.id.lower() for w in words.split())
    ]
    alike = [run for run in sought if _aims(run) == _aims(sought[0])]
    return alike[:MOST_RUNS], len(sought) - len(alike)


def _aims(run: Listed) -> list[tuple[str, str]]:
    return [(objective.name, str(objective.direction)) for objective in run.info.objectives]


def problems(runs: Sequence[Listed]) -> dict[str, str]:
    """Return the problems that there are runs of, that of the newest run first, as choices."""
    newest = sorted(runs, key=lambda run: -run.info.created_at)
    counts: dict[str, int] = {}
    for run in newest:
        if run.info.objectives:
            counts[run.info.problem] = counts.get(run.info.problem, 0) + 1
    return {problem: f"{problem} ({runs_} runs)" for problem, runs_ in counts.items()}
