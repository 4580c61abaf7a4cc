"""How a program came about, as a path that can be read: the steps that changed a score, and what each changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from evolve.dashboard.figures import count, number
from evolve.dashboard.tables import Align, Cell, Column, Row, Tone
from evolve.dashboard.views.archive import Lead
from evolve.dashboard.views.texts import difference_lines
from evolve.domain.objective import Objective
from evolve.domain.program import Program
from evolve.domain.questions import AttemptRow

_LONGEST = 160
TOLD: Final = 20
"""Changes of a path that are told, the greatest ones."""
COLUMNS: Final = (
    Column("step", "Program", Align.RIGHT),
    Column("score", "Score", Align.RIGHT),
    Column("gained", "Better by", Align.RIGHT),
    Column("operator", "Made by"),
    Column("lines", "Lines", Align.RIGHT),
    Column("what", "What it changed, or says it did", wide=True),
    Column("between", "Steps left out before it", Align.RIGHT),
)


@dataclass(frozen=True, slots=True)
class Change:
    """A step of a path.

    Args:
        row: the attempt.
        between: attempts between it and the change before it that are not told.
        gained: by how much the first objective is better than at the change before it; None without scores.
    """

    row: AttemptRow
    between: int = 0
    gained: float | None = None


def changes(line: Sequence[AttemptRow], objective: Objective) -> list[Change]:
    """Return the steps of a line that changed a score, the seed first and the program itself last.

    ``line`` is as :meth:`evolve.interfaces.Questions.lineage` gives it, the program first.
    """
    found: list[Change] = []
    between = 0
    for row in reversed(line):
        is_last = row.step == line[0].step
        if found and not is_last and (not row.values or row.values == found[-1].row.values):
            between += 1
            continue
        found.append(Change(row, between, _gained(found[-1].row, row, objective) if found else None))
        between = 0
    return found


def greatest(path: Sequence[Change], limit: int, objective: Objective) -> list[Change]:
    """Return at most ``limit`` changes, in order: the first, the last, and those that changed most."""
    if len(path) <= limit:
        return list(path)
    inner = sorted(range(1, len(path) - 1), key=lambda place: -abs(path[place].gained or 0.0))[: limit - 2]
    kept = [0, *sorted(inner), len(path) - 1]
    told = [path[0]]
    for before, place in pairwise(kept):
        left_out = path[before + 1 : place + 1]
        between = sum(change.between for change in left_out) + len(left_out) - 1
        gained = _gained(path[before].row, path[place].row, objective)
        told.append(replace(path[place], between=between, gained=gained))
    return told


def _gained(before: AttemptRow, after: AttemptRow, objective: Objective) -> float | None:
    name = objective.name
    if name not in before.values or name not in after.values:
        return None
    return objective.gain(after.values[name]) - objective.gain(before.values[name])


def rows(path: Sequence[Change], programs: Mapping[int, Program], objective: Objective, lead: Lead) -> list[Row]:
    """Return the changes, the latest first; ``programs`` holds those whose files are compared."""
    told = []
    for place, change in enumerate(path):
        before = programs.get(path[place - 1].row.step) if place else None
        told.append(_row(change, before, programs.get(change.row.step), objective, lead))
    return told[::-1]


def _row(change: Change, before: Program | None, after: Program | None, objective: Objective, lead: Lead) -> Row:
    row = change.row
    value = row.values.get(objective.name)
    changed = Changed.between(before, after) if before is not None and after is not None else Changed()
    said = about(after) if after is not None else ""
    return Row(
        str(row.step),
        {
            "step": Cell(str(row.step), href=lead(row.step)),
            "score": Cell(number(value) if value is not None else row.outcome.value),
            "gained": _gain_cell(change.gained),
            "operator": Cell(row.operator),
            "lines": Cell(f"+{len(changed.came)} −{len(changed.gone)}" if before is not None else ""),
            "what": Cell(said, title=changed.first) if said else Cell(changed.first, mono=True),
            "between": Cell(count(change.between) if change.between else ""),
        },
    )


def _gain_cell(gained: float | None) -> Cell:
    if not gained:
        return Cell("" if gained is None else "0", tone=Tone.FAINT)
    return Cell(f"{gained:+.4g}", tone=Tone.GOOD if gained > 0 else Tone.BAD)


@dataclass(frozen=True, slots=True)
class Changed:
    """Lines that came and went between two programs."""

    came: Sequence[str] = ()
    gone: Sequence[str] = ()

    @classmethod
    def between(cls, before: Program, after: Program) -> Changed:
        """Compare two programs."""
        lines = difference_lines(before.files, after.files)
        told = {mark: ["".join(text for _, text in line.parts) for line in lines if line.mark == mark] for mark in "+-"}
        return cls(told["+"], told["-"])

    @property
    def first(self) -> str:
        """The first line that is otherwise, in a few words: ``a = 1 → a = 2``."""
        gone, came = (next((text.strip() for text in lines if text.strip()), "") for lines in (self.gone, self.came))
        return shortened(f"{gone or '(nothing)'} → {came or '(nothing)'}") if gone or came else ""


def shortened(text: str) -> str:
    """Return the beginning of a text."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def about(program: Program) -> str:
    """Return what the operator said of a program, in a sentence; empty if it said nothing."""
    return str(program.detail.get("summary", "")).strip()
