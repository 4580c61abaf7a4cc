"""The attempts of a run, page by page."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from nicegui import html

from evolve.dashboard.asked import Asked
from evolve.dashboard.elements import Grid, Pager, Sorted, choice
from evolve.dashboard.live import Board, Desk, repeat
from evolve.dashboard.pages.head import Head, run_of
from evolve.dashboard.views import programs
from evolve.dashboard.views.archive import lead_of
from evolve.dashboard.views.programs import NEWEST, PER_PAGE, Wanted
from evolve.domain.questions import AttemptRow, Tally
from evolve.interfaces import Store


async def draw(board: Board, asked: Asked) -> None:
    """Draw the page."""
    await _Programs(board, board.desk(asked.store), asked.run).draw()


class _Programs:
    def __init__(self, board: Board, desk: Desk, run: str) -> None:
        self._board = board
        self._desk, self._run = desk, run
        self._wanted = Wanted()

    async def draw(self) -> None:
        info = await run_of(self._desk, self._run)
        self._head = Head(self._board, self._desk, info)
        tallies = await self._desk.ask(lambda store: store.questions().tallies(self._run))
        with html.section().classes("panel"):
            with html.div().classes("fields"):
                choice("Outcome", programs.outcomes(), lambda outcome: self._look(outcome=outcome))
                choice("Operator", programs.operators(tallies), lambda operator: self._look(operator=operator))
                places = {"": "with or without", "placed": "got a place"}
                choice("Place in the archive", places, lambda placed: self._look(placed=bool(placed)))
            self._grid = Grid("Attempts", programs.columns(info.objectives), on_sort=self._sort)
            self._pager = Pager(PER_PAGE, self._turn)
        await self._refresh()
        repeat(self._refresh)

    async def _refresh(self) -> None:
        info = await run_of(self._desk, self._run)
        await self._head.refresh(info)
        wanted = self._wanted

        def find(store: Store) -> tuple[Sequence[AttemptRow], Sequence[Tally]]:
            questions = store.questions()
            tallies = questions.tallies(self._run)
            return (questions.page(self._run, wanted.page()) if wanted.total(tallies) else ()), tallies

        found, tallies = await self._desk.recent(("programs", self._run, wanted), find)
        if wanted != self._wanted:
            return  # another page was asked for meanwhile
        lead = lead_of(self._desk.number, self._run)
        order = Sorted(programs.column_of(wanted.by), wanted.reverse)
        self._grid.show(programs.rows(found, info.objectives, lead, time.time()), order)
        self._pager.show(wanted.skip, wanted.total(tallies))

    async def _look(self, **sought: Any) -> None:
        self._wanted = replace(self._wanted, skip=0, **sought).sensible()
        await self._refresh()

    async def _sort(self, column: str) -> None:
        by = programs.objective_of(column)
        order = Sorted(self._wanted.by or NEWEST, self._wanted.reverse).then(by)
        await self._look(by=order.by, reverse=order.reverse)

    async def _turn(self, skip: int) -> None:
        self._wanted = replace(self._wanted, skip=skip)
        await self._refresh()
