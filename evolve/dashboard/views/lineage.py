"""Where some programs come from, as a tree that stays legible: steps that changed a score, and where lines part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from evolve.dashboard.figures import count, number
from evolve.dashboard.tables import Align, Button, Cell, Column, Row
from evolve.dashboard.views.archive import Lead
from evolve.dashboard.views.path import changes, greatest
from evolve.domain.objective import Objective
from evolve.domain.questions import AttemptRow

MOST_LINES: Final = 6
"""Programs whose lines are drawn together."""
MOST_CHANGES: Final = 40
"""Steps of each line that are drawn."""
LEAVE_OUT: Final = "leave-out"
CHOSEN: Final = (
    Column("step", "Program", Align.RIGHT),
    Column("score", "Score", Align.RIGHT),
    Column("outcome", "Outcome"),
    Column("generations", "Generations", Align.RIGHT),
    Column("operator", "Made by"),
    Column("away", ""),
)


@dataclass(frozen=True, slots=True)
class Edge:
    """From an ancestor to a descendant: ``between`` generations are not drawn; ``line`` is the first that has it."""

    ancestor: int
    descendant: int
    between: int
    line: int


@dataclass(frozen=True, slots=True)
class Family:
    """Chosen programs and their ancestors.

    Args:
        chosen: steps of the programs, a line each.
        nodes: step -> attempt, for all that are drawn.
        edges: what leads from one to the next.
        generations: of each line, the seed not counted.
    """

    chosen: tuple[int, ...]
    nodes: Mapping[int, AttemptRow]
    edges: tuple[Edge, ...]
    generations: tuple[int, ...]

    def left_out(self) -> int:
        """Return how many generations are not drawn."""
        return sum(edge.between for edge in self.edges)


def family(lines: Sequence[Sequence[AttemptRow]], objective: Objective) -> Family:
    """Put lines together, each as :meth:`evolve.interfaces.Questions.lineage` gives it, the program first."""
    kept = _partings(lines)
    for line in lines:
        kept |= {change.row.step for change in greatest(changes(line, objective), MOST_CHANGES, objective)}
    nodes: dict[int, AttemptRow] = {}
    edges: dict[tuple[int, int], Edge] = {}
    for place, line in enumerate(lines):
        drawn = [(age, row) for age, row in enumerate(reversed(line)) if row.step in kept]
        nodes |= {row.step: row for _, row in drawn}
        for (before, ancestor), (after, descendant) in pairwise(drawn):
            ends = ancestor.step, descendant.step
            edges.setdefault(ends, Edge(*ends, after - before - 1, place))
    return Family(
        tuple(line[0].step for line in lines), nodes, tuple(edges.values()), tuple(len(line) - 1 for line in lines)
    )


def _partings(lines: Sequence[Sequence[AttemptRow]]) -> set[int]:
    """Return the last ancestors that any two lines have in common."""
    steps = [frozenset(row.step for row in line) for line in lines]
    found = set()
    for place, line in enumerate(lines):
        for other in steps[:place]:
            found |= {next((row.step for row in line if row.step in other), line[-1].step)}
    return found


def chosen_rows(family_: Family, objective: Objective, lead: Lead) -> list[Row]:
    """Return the programs whose lines are drawn."""
    return [
        _chosen(family_.nodes[step], generations, objective, lead)
        for step, generations in zip(family_.chosen, family_.generations, strict=True)
    ]


def _chosen(row: AttemptRow, generations: int, objective: Objective, lead: Lead) -> Row:
    value = row.values.get(objective.name)
    return Row(
        str(row.step),
        {
            "step": Cell(str(row.step), href=lead(row.step)),
            "score": Cell(number(value) if value is not None else "–"),
            "outcome": Cell(row.outcome.value),
            "generations": Cell(count(generations)),
            "operator": Cell(row.operator),
            "away": Cell(buttons=(Button(LEAVE_OUT, "Leave out"),)),
        },
    )


def inspirations(family_: Family, parents: Mapping[int, Sequence[int]]) -> list[tuple[int, int]]:
    """Return (inspiration, program) among what is drawn; ``parents`` are those of a program, the edited one first."""
    return [
        (other, step)
        for step in family_.nodes
        for other in parents.get(step, ())[1:]
        if other in family_.nodes and other != step
    ]


def in_words(family_: Family) -> str:
    """Say what is drawn and what is not."""
    drawn, hidden = len(family_.nodes), family_.left_out()
    rest = f" {count(hidden)} generations that changed the score little or not at all are left out." if hidden else ""
    return f"{count(drawn)} programs.{rest}"
