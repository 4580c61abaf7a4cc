"""What happened to a run besides attempts: begun, paused, steered, without its store, judged on sealed instances."""

from __future__ import annotations

from nicegui import html

from evolve.dashboard.asked import Asked
from evolve.dashboard.elements import Grid, Pager
from evolve.dashboard.live import Board, Desk, repeat
from evolve.dashboard.pages.head import Head, run_of
from evolve.dashboard.pages.overview import events_of
from evolve.dashboard.views import events


async def draw(board: Board, asked: Asked) -> None:
    """Draw the page."""
    await _Events(board, board.desk(asked.store), asked.run).draw()


class _Events:
    def __init__(self, board: Board, desk: Desk, run: str) -> None:
        self._board = board
        self._desk, self._run, self._skip = desk, run, 0

    async def draw(self) -> None:
        info = await run_of(self._desk, self._run)
        self._head = Head(self._board, self._desk, info)
        with html.section().classes("panel"):
            self._grid = Grid("Events", events.COLUMNS, empty="Nothing has happened yet but attempts.")
            self._pager = Pager(events.PER_PAGE, self._turn)
        await self._refresh()
        repeat(self._refresh)

    async def _refresh(self) -> None:
        await self._head.refresh(await run_of(self._desk, self._run))
        told = await events_of(self._desk, self._run)
        self._grid.show(events.rows(told, self._skip))
        self._pager.show(self._skip, len(told))

    async def _turn(self, skip: int) -> None:
        self._skip = skip
        await self._refresh()
