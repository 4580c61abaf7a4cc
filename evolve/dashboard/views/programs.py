"""The attempts of a run as a table: which of them, in which order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from evolve.dashboard.figures import ago, number
from evolve.dashboard.tables import Align, Cell, Column, Row, Tone
from evolve.dashboard.views.archive import Lead
from evolve.domain.evaluation import Outcome
from evolve.domain.objective import Objective
from evolve.domain.proposal import Placement
from evolve.domain.questions import AttemptRow, Page, Tally

PER_PAGE: Final = 50
NEWEST: Final = "step"
TONES: Final = {
    Outcome.VALID: Tone.GOOD,
    Outcome.REJECTED: Tone.FAINT,
    Outcome.INFRASTRUCTURE: Tone.WARN,
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which attempts are shown.

    Args:
        by: the name of an objective, the best first; ``step`` for the latest first.
        reverse: the other way round.
        skip: attempts before the page.
        outcome, operator: only these; empty for any.
        placed: only those that got a place.
    """

    by: str = NEWEST
    reverse: bool = False
    skip: int = 0
    outcome: str = ""
    operator: str = ""
    placed: bool = False

    def sensible(self) -> Wanted:
        """Return it with an order that there is: only valid programs have scores to sort by."""
        return self if self.outcome in ("", Outcome.VALID) else replace(self, by=NEWEST)

    def page(self) -> Page:
        """Return it as a question."""
        return Page(
            by="" if self.by == NEWEST else self.by,
            skip=self.skip,
            limit=PER_PAGE,
            reverse=self.reverse,
            placed=self.placed,
            outcome=Outcome(self.outcome) if self.outcome else None,
            operator=self.operator,
        )

    def total(self, tallies: Sequence[Tally]) -> int:
        """Return how many there are, nearly: attempts that judged again have no score of their own."""
        return sum(
            tally.attempts
            for tally in tallies
            if (not self.outcome or tally.outcome == self.outcome)
            and (not self.operator or tally.operator == self.operator)
            and (not self.placed or tally.placement)
            and (self.by == NEWEST or (tally.outcome is Outcome.VALID and tally.programs))
        )


def columns(objectives: Sequence[Objective]) -> list[Column]:
    """Return the columns of the table."""
    return [
        Column(NEWEST, "Attempt", Align.RIGHT, sorts=True),
        *(Column(_score(o.name), o.name, Align.RIGHT, sorts=True) for o in objectives),
        Column("outcome", "Outcome"),
        Column("cause", "Cause"),
        Column("placed", "Place"),
        Column("operator", "Operator"),
        Column("model", "Model"),
        Column("parent", "Edited from", Align.RIGHT),
        Column("island", "Island", Align.RIGHT),
        Column("at", "Ended"),
    ]


def objective_of(column: str) -> str:
    """Return what a column sorts by: ``step``, or an objective's name."""
    return column.removeprefix("score ")


def column_of(by: str) -> str:
    """Undo :func:`objective_of`."""
    return NEWEST if by == NEWEST else _score(by)


def _score(name: str) -> str:
    return f"score {name}"  # an objective may be called as any other column


def operators(tallies: Sequence[Tally]) -> Mapping[str, str]:
    """Return what can be chosen of operators, value -> what people read."""
    return {"": "any", **{name: name for name in sorted({tally.operator for tally in tallies})}}


def outcomes() -> Mapping[str, str]:
    """Return what can be chosen of outcomes, value -> what people read."""
    return {"": "any", **{outcome.value: outcome.value for outcome in Outcome}}


def rows(attempts: Sequence[AttemptRow], objectives: Sequence[Objective], lead: Lead, now: float) -> list[Row]:
    """Return a line for each attempt."""
    return [_row(attempt, objectives, lead, now) for attempt in attempts]


def _row(attempt: AttemptRow, objectives: Sequence[Objective], lead: Lead, now: float) -> Row:
    scores = {_score(o.name): Cell(number(attempt.values[o.name])) for o in objectives if o.name in attempt.values}
    placed = {Placement.NEW: "new cell", Placement.IMPROVED: "improved"}.get(attempt.placement, "")
    return Row(
        str(attempt.step),
        {
            NEWEST: Cell(str(attempt.step), href=lead(attempt.step)),
            **scores,
            "outcome": Cell(attempt.outcome.value, tone=TONES.get(attempt.outcome, Tone.BAD)),
            "cause": Cell(attempt.cause),
            "placed": Cell(f"{placed} {attempt.cell}" if placed else attempt.cell),
            "operator": Cell(attempt.operator),
            "model": Cell(attempt.model),
            "parent": Cell(str(attempt.parent), href=lead(attempt.parent)),
            "island": Cell(str(attempt.island)),
            "at": Cell(ago(attempt.finished_at, now)),
        },
    )
