"""What pages about a run begin with: its name, its state, and what can be done with it."""

from __future__ import annotations

from nicegui import html, ui

from evolve.account.steering import give
from evolve.dashboard.elements import Said, button, note
from evolve.dashboard.layout import title_line
from evolve.dashboard.live import Board, Desk
from evolve.dashboard.pages.beginning import ResumeForm
from evolve.dashboard.views.runs import state
from evolve.domain.steering import Order, Pause, Stop
from evolve.errors import EvolveError
from evolve.interfaces import RunInfo, Store

_TONES = {"running": "busy", "finished": "good", "failed": "bad", "cut off": "bad", "paused": "warn"}


async def run_of(desk: Desk, run: str) -> RunInfo:
    """Return a run as it is now. Raises NotFound."""
    return await desk.recent(("run", run), lambda store: store.questions().run(run))


class Head:
    """The head of a page about a run."""

    def __init__(self, board: Board, desk: Desk, info: RunInfo) -> None:
        self._desk, self._run = desk, info.id
        with title_line(info.id):
            self._state = ui.label(info.status).classes("badge")
            note(info.problem)
            html.span().classes("spread")
            self._pause = button("Pause", lambda: self._order(Pause()))
            self._stop = button("Stop", lambda: self._order(Stop()))
        self._said = Said()
        self._resume = ResumeForm(board, desk, info.id, self._again)

    async def refresh(self, info: RunInfo) -> None:
        """Show how the run is now."""
        holder = await self._desk.recent(("holder", self._run), lambda store: store.holder(self._run))
        word = state(info, holder)
        self._state.set_text(word)
        self._state.classes(replace=f"badge {_TONES.get(word, '')}")
        for each in (self._pause, self._stop):
            each.set_visibility(holder is not None)
        self._resume.place.set_visibility(holder is None)

    async def _again(self) -> None:
        await self.refresh(await run_of(self._desk, self._run))

    async def _order(self, order: Order) -> None:
        def ordered(store: Store) -> str:
            return give(store, store.questions().run(self._run), order).in_words()

        try:
            self._said.good(await self._desk.ask(ordered))
        except EvolveError as error:
            self._said.bad(str(error))
