"""All runs: what they are at, and how to begin, pause, resume and stop one."""

from __future__ import annotations

import time
from dataclasses import replace

from nicegui import html, ui

from evolve.account.steering import give
from evolve.dashboard.asked import Asked
from evolve.dashboard.elements import Grid, Pager, Said, Sorted, choice, field
from evolve.dashboard.layout import title_line
from evolve.dashboard.live import Board, repeat
from evolve.dashboard.pages.beginning import BeginForm
from evolve.dashboard.views.runs import COLUMNS, PER_PAGE, POINTS, Details, Listed, Sift, row, sifted
from evolve.domain.steering import Order, Pause, Stop
from evolve.errors import EvolveError
from evolve.interfaces import Store

_STATUSES = {"": "any state", "running": "running", "paused": "paused", "finished": "finished", "failed": "failed"}


async def draw(board: Board, asked: Asked) -> None:
    """Draw the page."""
    page = _Runs(board, Sift(words=asked.text("words")))
    await page.draw()


class _Runs:
    def __init__(self, board: Board, sift: Sift) -> None:
        self._board = board
        self._sift = sift

    async def draw(self) -> None:
        with title_line("Runs"):
            with html.div().classes("spread"):
                pass
            field("Find", lambda words: self._look(words=words), value=self._sift.words)
            choice("State", _STATUSES, lambda status: self._look(status=status))
        BeginForm(self._board)
        self._said = Said()
        with html.section().classes("panel"):
            self._grid = Grid(
                "Runs",
                COLUMNS,
                empty="No run here. Begin one: evolve run problem=bin_packing",
                on_sort=self._sort,
                on_act=self._act,
            )
            self._pager = Pager(PER_PAGE, self._turn)
        for desk in self._board.desks:
            ui.label(desk.name).classes("note mono")
        await self._refresh()
        repeat(self._refresh)

    async def _refresh(self) -> None:
        listed = [
            Listed(desk.number, info)
            for desk in self._board.desks
            for info in await desk.recent("runs", lambda store: store.questions().runs())
        ]
        found = sifted(listed, self._sift)
        shown = found[self._sift.skip : self._sift.skip + PER_PAGE]
        rows = [row(run, await self._details(run), time.time()) for run in shown]
        self._grid.show(rows, Sorted(self._sift.by, self._sift.reverse))
        self._pager.show(self._sift.skip, len(found))

    async def _details(self, run: Listed) -> Details:
        def find(store: Store) -> Details:
            questions, info = store.questions(), run.info
            lead = info.objectives[0].name if info.objectives else ""
            return Details(
                holder=store.holder(info.id),
                status=questions.status(info.id),
                curve=questions.curve(info.id, lead, POINTS) if lead else (),
            )

        return await self._board.desk(run.store).recent(("line", run.info.id), find)

    async def _look(self, **sought: str) -> None:
        self._sift = replace(self._sift, skip=0, **sought)  # type: ignore[arg-type]  # words and status are texts
        await self._refresh()

    async def _sort(self, column: str) -> None:
        order = Sorted(self._sift.by, self._sift.reverse).then(column)
        self._sift = replace(self._sift, by=order.by, reverse=order.reverse, skip=0)
        await self._refresh()

    async def _turn(self, skip: int) -> None:
        self._sift = replace(self._sift, skip=skip)
        await self._refresh()

    async def _act(self, key: str, what: str) -> None:
        number, _, run = key.partition(":")
        desk = self._board.desk(int(number))
        orders: dict[str, Order] = {"pause": Pause(), "stop": Stop()}
        try:
            if what == "resume":
                begun = await self._board.starter.resume(desk.url, run, "")
                self._said.good(f"{begun.run} goes on. What it prints: {begun.log}")
            else:
                given = await desk.ask(lambda store: give(store, store.questions().run(run), orders[what]))
                self._said.good(given.in_words())
        except EvolveError as error:
            self._said.bad(str(error))
