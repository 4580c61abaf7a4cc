"""Where chosen programs come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nicegui import html

from evolve.dashboard.asked import Asked, attempt_number
from evolve.dashboard.charts.lineages import tree
from evolve.dashboard.elements import Chart, Grid, Said, field, note, panel
from evolve.dashboard.live import Board, Desk, repeat
from evolve.dashboard.pages.head import Head, run_of
from evolve.dashboard.views import lineage, path
from evolve.dashboard.views.archive import lead_of
from evolve.domain.objective import Objective
from evolve.domain.program import Program
from evolve.domain.questions import AttemptRow, Page
from evolve.errors import EvolveError, NotFound
from evolve.interfaces import Store

_REFRESH_S = 10.0
_SETTLED_S = 3600.0
"""Ancestors of a finished attempt do not change."""


@dataclass(frozen=True, slots=True)
class _Line:
    attempts: Sequence[AttemptRow]
    told: Sequence[path.Change]
    programs: Mapping[int, Program]


async def draw(board: Board, asked: Asked) -> None:
    """Draw the page."""
    texts = [text for text in asked.text("steps").split(",") if text.strip()]
    chosen = tuple(dict.fromkeys(map(attempt_number, texts)))
    await _Lineage(board, board.desk(asked.store), asked.run, chosen).draw()


class _Lineage:
    def __init__(self, board: Board, desk: Desk, run: str, chosen: tuple[int, ...]) -> None:
        self._board, self._desk, self._run = board, desk, run
        self._chosen = chosen
        """What people chose; empty for the best."""
        self._lead = lead_of(desk.number, run)

    async def draw(self) -> None:
        info = await run_of(self._desk, self._run)
        if not info.objectives:
            raise NotFound(f"Run {info.id!r} has not begun: its objectives are not on record yet.")
        self._objectives = info.objectives
        self._head = Head(self._board, self._desk, info)
        with panel("Lineage", wide=True):
            note(
                "A line for each program that is chosen, back to the seed: at first the best by each objective. Dots "
                "between two points stand for generations that are left out, thin dashes for what prompts showed."
            )
            with html.div().classes("fields"):
                field("Add attempt number", self._add)
            self._said = Said()
            self._tree = Chart("Scores of chosen programs and their ancestors", {"data": [], "layout": {}}, height=420)
            self._words = note("")
            self._rows = Grid("Chosen programs", lineage.CHOSEN, on_act=self._away, empty="No valid program yet.")
        with panel("Step by step", f"The {path.TOLD} greatest changes on the way to the first of them.", wide=True):
            self._path = Grid("Step by step", path.COLUMNS)
        repeat(self._refresh, every_s=_REFRESH_S, at_once=True)  # a long line takes longer than a page may

    async def _refresh(self) -> None:
        await self._head.refresh(await run_of(self._desk, self._run))
        steps = self._chosen or await self._best()
        if not steps:
            return
        lines = [await self._line(step) for step in steps]
        first = self._objectives[0]
        family = lineage.family([line.attempts for line in lines], first)
        parents = {step: program.parents for line in lines for step, program in line.programs.items()}
        self._tree.show(tree(family, lineage.inspirations(family, parents), first, self._lead))
        self._words.set_text(lineage.in_words(family))
        self._rows.show(lineage.chosen_rows(family, first, self._lead))
        self._path.show(path.rows(lines[0].told, lines[0].programs, first, self._lead))

    async def _best(self) -> tuple[int, ...]:
        def find(store: Store) -> tuple[int, ...]:
            best = [store.questions().page(self._run, Page(by=o.name, limit=1)) for o in self._objectives]
            return tuple(dict.fromkeys(rows[0].step for rows in best if rows))[: lineage.MOST_LINES]

        return await self._desk.recent(("lead", self._run), find)

    async def _line(self, step: int) -> _Line:
        def find(store: Store) -> _Line:
            return _line(store, self._run, step, self._objectives[0])

        return await self._desk.recent(("line", self._run, step), find, max_age_s=_SETTLED_S)

    async def _add(self, text: str) -> None:
        shown = self._chosen or await self._best()
        try:
            step = attempt_number(text)
            if len(shown) >= lineage.MOST_LINES:
                raise NotFound(f"{lineage.MOST_LINES} lines at once are the most: leave one out first.")
            await self._line(step)
        except EvolveError as error:
            self._said.bad(str(error))
            return
        self._said.nothing()
        self._chosen = tuple(dict.fromkeys((*shown, step)))
        await self._refresh()

    async def _away(self, key: str, _: str) -> None:
        shown = self._chosen or await self._best()
        self._chosen = tuple(step for step in shown if str(step) != key)
        await self._refresh()


def _line(store: Store, run: str, step: int, objective: Objective) -> _Line:
    attempts = store.questions().lineage(run, step)
    told = path.greatest(path.changes(attempts, objective), path.TOLD, objective)
    steps = [change.row.step for change in told if change.row.values]
    return _Line(attempts, told, {step: store.program(run, step) for step in steps})
