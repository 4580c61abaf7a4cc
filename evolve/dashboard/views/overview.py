"""How one run goes: its figures, its best so far, how attempts end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from evolve.account.carried_over import shortfall_on_record
from evolve.dashboard.asked import address
from evolve.dashboard.charts.curves import SEED_COLOUR, Level, Stairs
from evolve.dashboard.figures import count, dollars, duration, number, share
from evolve.dashboard.tables import Align, Cell, Column, Row
from evolve.dashboard.theme import GREEN, PURPLE
from evolve.dashboard.views.runs import budget_used
from evolve.domain.evaluation import Outcome
from evolve.domain.objective import Objective
from evolve.domain.problem import Problem
from evolve.domain.program import SEED_STEP
from evolve.domain.proposal import Event
from evolve.domain.questions import AttemptRow, Best, Status, Tally, summed
from evolve.interfaces import RunInfo

POINTS: Final = 400
DOTS: Final = 250
CAUSES: Final = (
    Column("cause", "Cause"),
    Column("attempts", "Attempts", Align.RIGHT),
    Column("share", "Of all rejected"),
)


class Across(StrEnum):
    """What runs along the bottom of a curve."""

    ATTEMPTS = "attempts"
    TIME = "time"
    MONEY = "money"


ACROSS: Final = {
    Across.ATTEMPTS: "attempts",
    Across.TIME: "seconds since it was begun",
    Across.MONEY: "dollars for models",
}


@dataclass(frozen=True, slots=True)
class Course:
    """What is asked about the course of a run: the best so far of an objective, and some attempts."""

    info: RunInfo
    store: int
    status: Status
    objective: Objective
    curve: Sequence[Best]
    sample: Sequence[AttemptRow]

    def lead_to(self, step: int) -> str:
        """Return where a program is shown."""
        return address("/program", self.store, self.info.id, step=step)


def tiles(course: Course) -> Mapping[str, tuple[str, str]]:
    """Return the figures that matter most."""
    info, status = course.info, course.status
    best = course.curve[-1] if course.curve else None
    used = budget_used(info)
    rate = status.finished / info.elapsed_s if info.elapsed_s else 0.0
    return {
        f"best {course.objective.name}": (number(best.value), _change(course))
        if best
        else ("–", "no valid program yet"),
        "attempts": (count(status.finished), f"{count(status.in_flight)} in flight"),
        "valid": (share(status.valid, status.finished), f"{count(status.valid)} programs"),
        "placed": (share(status.placed, status.finished), f"{count(status.placed)} in the archive's cells"),
        "cost": (dollars(status.cost_usd), f"{count(status.calls)} calls, {count(status.tokens)} tokens"),
        "worked": (duration(info.elapsed_s), f"{rate:.3g} attempts a second"),
        "budget": ("no limit" if used is None else f"{used:.0%}", "of the tightest limit"),
    }


def _change(course: Course) -> str:
    first, last = course.curve[0].value, course.curve[-1].value
    if first == last:
        return f"program {course.curve[-1].step}: nothing better yet"
    change = f", {(last - first) / abs(first):+.1%}" if first else ""
    return f"from {number(first)}{change}; program {course.curve[-1].step}"


def stairs(course: Course, across: Across, levels: Sequence[Level]) -> Stairs:
    """Return the best so far over attempts, time or money."""
    path = [(where(best, across), best.value) for best in course.curve]
    dots = _dots(course, across)
    ends = {
        Across.ATTEMPTS: float(course.status.finished),
        Across.TIME: max((row.finished_at for row in course.sample), default=0.0) - course.info.created_at,
        Across.MONEY: course.status.cost_usd,
    }
    return Stairs(
        across=ACROSS[across],
        name=f"{course.objective.name} ({course.objective.direction})",
        path=path,
        leads=[course.lead_to(best.step) for best in course.curve],
        dots=[dot for dot, _ in dots],
        dots_lead=[lead for _, lead in dots],
        end=ends[across],
        levels=levels,
    )


def where(best: Best, across: Across) -> float:
    """Return how far a run was when its best was beaten."""
    return {Across.ATTEMPTS: float(best.proposals), Across.TIME: best.seconds, Across.MONEY: best.cost_usd}[across]


def _dots(course: Course, across: Across) -> list[tuple[tuple[float, float], str]]:
    """Programs beside the curve; what each had cost by then is not known without reading the whole record."""
    if across is Across.MONEY:
        return []
    name = course.objective.name
    found = []
    for row in course.sample:
        if name in row.values:
            x = row.sequence + 1.0 if across is Across.ATTEMPTS else row.finished_at - course.info.created_at
            found.append(((x, row.values[name]), course.lead_to(row.step)))
    return found


def levels(course: Course, problem: Problem | None, events: Sequence[tuple[float, Event]]) -> list[Level]:
    """Return what the curve is compared with: the seed, the best known, and sealed scores."""
    name = course.objective.name
    found = []
    seed = next((row.values.get(name) for row in course.sample if row.step == SEED_STEP), None)
    if seed is not None:
        found.append(Level("seed", seed, SEED_COLOUR))
    if problem is not None:
        known = [best for best in problem.known_best if best.objective == name and best.applies(problem.params)]
        found += [Level("best known", best.value, GREEN) for best in known]
    scores = sealed_scores(events)
    if name in scores.get("best", {}):
        found.append(Level("best, on sealed instances", float(scores["best"][name]), PURPLE))
    return found


def sealed_scores(events: Sequence[tuple[float, Event]]) -> Mapping[str, Mapping[str, Any]]:
    """Return who -> metrics of the last judging on sealed instances; empty before there was one."""
    found = [event.data["scores"] for _, event in events if event.kind == "sealed"]
    return found[-1] if found and isinstance(found[-1], Mapping) else {}


def shortfall(info: RunInfo, events: Sequence[tuple[float, Event]]) -> str:
    """Say that the champion is worse than the seed on sealed instances; an empty string where it is not."""
    return shortfall_on_record(info.objectives, {"scores": sealed_scores(events)})


def sealed_rows(info: RunInfo, events: Sequence[tuple[float, Event]]) -> list[Row]:
    """Return the sealed scores, a line for each contender."""
    rows = []
    for who, metrics in sealed_scores(events).items():
        cells = {o.name: Cell(number(float(metrics[o.name]))) for o in info.objectives if o.name in metrics}
        rows.append(Row(str(who), {"who": Cell(str(who)), **cells}))
    return rows


def sealed_columns(info: RunInfo) -> list[Column]:
    """Return the columns of the sealed scores."""
    return [Column("who", "Program"), *(Column(o.name, o.name, Align.RIGHT) for o in info.objectives)]


def endings(tallies: Sequence[Tally]) -> Mapping[str, Mapping[Outcome, int]]:
    """Return how attempts ended, by operator, the busiest first."""
    found: dict[str, dict[Outcome, int]] = {group.name: {} for group in summed(tallies, lambda tally: tally.operator)}
    for tally in tallies:
        counts = found[tally.operator]
        counts[tally.outcome] = counts.get(tally.outcome, 0) + tally.attempts
    return found


def cause_rows(tallies: Sequence[Tally]) -> list[Row]:
    """Return why attempts were rejected, the most frequent cause first."""
    rejected = [tally for tally in tallies if tally.outcome is Outcome.REJECTED]
    total = sum(tally.attempts for tally in rejected)
    return [
        Row(
            group.name,
            {
                "cause": Cell(group.name or "unknown"),
                "attempts": Cell(count(group.attempts)),
                "share": Cell(share(group.attempts, total), share=group.attempts / total),
            },
        )
        for group in summed(rejected, lambda tally: tally.cause)
    ]
