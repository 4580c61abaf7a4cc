"""The runs of the stores, a line each: which of them, in which order, and what a line says."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

from evolve.controller.budget import Budget, Spent
from evolve.dashboard.asked import address
from evolve.dashboard.figures import ago, count, dollars, duration, number, share
from evolve.dashboard.tables import Align, Button, Cell, Column, Row, Tone
from evolve.domain.questions import Best, Status
from evolve.interfaces import RunInfo

PER_PAGE: Final = 25
POINTS: Final = 24
"""Of the small curve in a line."""
CUT_OFF: Final = "cut off"
"""State of a run that counts as running although nobody works on it: its process is gone."""

COLUMNS: Final = (
    Column("run", "Run"),
    Column("problem", "Problem", sorts=True),
    Column("state", "State", sorts=True),
    Column("best", "Best", Align.RIGHT),
    Column("curve", "Best so far"),
    Column("attempts", "Attempts", Align.RIGHT, sorts=True),
    Column("valid", "Valid", Align.RIGHT),
    Column("budget", "Budget used"),
    Column("cost", "Cost", Align.RIGHT, sorts=True),
    Column("time", "Worked", Align.RIGHT, sorts=True),
    Column("created", "Begun", sorts=True),
    Column("act", ""),
)
_TONES: Final = {
    "running": Tone.BUSY,
    "finished": Tone.GOOD,
    "failed": Tone.BAD,
    CUT_OFF: Tone.BAD,
    "paused": Tone.WARN,
}


@dataclass(frozen=True, slots=True)
class Listed:
    """A run of one of the stores."""

    store: int
    info: RunInfo

    @property
    def key(self) -> str:
        """What tells it from all others: its store's number and its id."""
        return f"{self.store}:{self.info.id}"


@dataclass(frozen=True, slots=True)
class Sift:
    """Which runs, in which order.

    Args:
        words: all must be in the run's id or its problem's name.
        status: as last written; empty for any.
        by: a column's name; empty for the newest first.
        reverse: the other way round.
        skip: runs before the page.
    """

    words: str = ""
    status: str = ""
    by: str = ""
    reverse: bool = False
    skip: int = 0


@dataclass(frozen=True, slots=True)
class Details:
    """What is asked about a run that is on the page: who works on it, how far it is, and its best so far."""

    holder: str | None
    status: Status
    curve: Sequence[Best] = ()


_KEYS: Final[Mapping[str, Callable[[Listed], Any]]] = {
    "": lambda run: -run.info.created_at,
    "created": lambda run: -run.info.created_at,
    "problem": lambda run: (run.info.problem, -run.info.created_at),
    "state": lambda run: (run.info.status, -run.info.created_at),
    "attempts": lambda run: -run.info.proposals,
    "cost": lambda run: -run.info.usage.cost_usd,
    "time": lambda run: -run.info.elapsed_s,
}


def sifted(runs: Sequence[Listed], sift: Sift) -> list[Listed]:
    """Return the runs that are asked for, in order; all pages of them."""
    words = sift.words.lower().split()
    found = [
        run
        for run in runs
        if (not sift.status or run.info.status == sift.status)
        and all(word in f"{run.info.id} {run.info.problem}".lower() for word in words)
    ]
    return sorted(found, key=_KEYS[sift.by], reverse=sift.reverse)


def state(info: RunInfo, holder: str | None) -> str:
    """Return how a run is: as last written, unless its process is gone."""
    return CUT_OFF if info.status == "running" and holder is None else info.status


def budget_used(info: RunInfo) -> float | None:
    """Return how much of its tightest limit a run has used, 0 to 1; None without limits, or limits that are known."""
    told = info.config.get("budget")
    if not isinstance(told, Mapping):
        return None
    limits = {field.name: told.get(field.name) for field in fields(Budget)}
    if not any(limits.values()):
        return None
    spent = Spent(
        proposals=info.proposals,
        evaluations=info.evaluated,
        cost_usd=info.usage.cost_usd,
        wall_s=info.elapsed_s,
        calls=info.usage.calls,
        tokens=info.usage.tokens,
    )
    return Budget(**limits).share_used(spent)


def buttons(info: RunInfo, holder: str | None) -> tuple[Button, ...]:
    """Return what can be done with a run now."""
    if holder is not None:
        return (Button("pause", "Pause"), Button("stop", "Stop"))
    return () if info.status == "finished" else (Button("resume", "Resume"),)


def heights(curve: Sequence[Best], total: int) -> list[float]:
    """Return the best so far at evenly spread moments of a run, from 0, the first, to 1, the best of all."""
    if not curve or total < 1:
        return []
    first, last = curve[0].value, curve[-1].value
    if first == last:
        return [0.0, 0.0]
    found, at = [], 0
    for point in range(POINTS):
        told = 1 + point * (total - 1) / (POINTS - 1)
        while at + 1 < len(curve) and curve[at + 1].proposals <= told:
            at += 1
        found.append((curve[at].value - first) / (last - first))
    return found


def row(run: Listed, details: Details, now: float) -> Row:
    """Return a run's line."""
    info, status = run.info, details.status
    used = budget_used(info)
    word = state(info, details.holder)
    best = details.curve[-1] if details.curve else None
    return Row(
        run.key,
        {
            "run": Cell(info.id, href=address("/run", run.store, info.id), title=info.id),
            "problem": Cell(info.problem),
            "state": Cell(word, tone=_TONES.get(word, Tone.PLAIN), badge=True, title=details.holder or ""),
            "best": Cell(number(best.value) if best else "–", title=info.objectives[0].name if info.objectives else ""),
            "curve": Cell(spark=heights(details.curve, status.finished)),
            "attempts": Cell(count(info.proposals)),
            "valid": Cell(share(status.valid, status.finished)),
            "budget": Cell("no limit" if used is None else f"{used:.0%}", share=used),
            "cost": Cell(dollars(info.usage.cost_usd)),
            "time": Cell(duration(info.elapsed_s)),
            "created": Cell(ago(info.created_at, now)),
            "act": Cell(buttons=buttons(info, details.holder)),
        },
    )
