"""The forms that begin a run and go on with one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from nicegui import html

from evolve.catalogue import options
from evolve.dashboard.asked import address
from evolve.dashboard.elements import Said, button, choice, field, note
from evolve.dashboard.layout import link
from evolve.dashboard.live import Board, Desk
from evolve.dashboard.starting import Begun, Wish
from evolve.errors import EvolveError
from evolve.problem_library import problem_names


class BeginForm:
    """Asks what to run, and begins it."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._wish = Wish(problem="")
        self._store = 0
        with html.details().classes("panel begin"):
            html.summary("Start a run")
            with html.div().classes("fields"):
                self._fields()
                button("Start", self._begin, main=True)
            note(
                "It runs on the machine of this dashboard, as `evolve run` would, and goes on when the dashboard ends."
            )
            self._said = Said()
            self._where = html.p()

    def _fields(self) -> None:
        if len(self._board.desks) > 1:
            stores = {str(desk.number): desk.name for desk in self._board.desks}
            choice("Store", stores, self._choose_store, value="0")
        known = {"": "", **{name: name for name in problem_names()}}
        choice("Bundled problem", known, lambda name: self._set(problem=name))
        field("or its folder", lambda path: self._set(problem=path) if path else None, about="./my_problem")
        choice("Search", _named("search"), lambda name: self._set(search=name), value=self._wish.search)
        choice("Budget", _named("budget"), lambda name: self._set(budget=name), value=self._wish.budget)
        field("Model", lambda name: self._set(llm=name), about="none")
        field("Further settings", lambda text: self._set(more=text), long=True, about="seed=1 budget.wall_s=600")

    def _set(self, **told: str) -> None:
        self._wish = replace(self._wish, **told)

    def _choose_store(self, number: str) -> None:
        self._store = int(number)

    async def _begin(self) -> None:
        desk = self._board.desk(self._store)
        begun = await _done(self._said, self._board.starter.begin(desk.url, self._wish))
        if begun is not None:
            self._where.clear()
            with self._where:
                link(address("/run", desk.number, begun.run), f"Open {begun.run}")


class ResumeForm:
    """Goes on with a run, with another budget if that is asked for. ``after`` is called when it has begun."""

    def __init__(self, board: Board, desk: Desk, run: str, after: Callable[[], Awaitable[None]]) -> None:
        self._board, self._desk, self._run, self._after = board, desk, run, after
        self._more = ""
        with html.details().classes("panel begin") as self.place:
            html.summary("Resume")
            with html.div().classes("fields"):
                field("Changed settings", self._set, long=True, about="budget.wall_s=600 sandbox=process")
                button("Resume", self._resume, main=True)
            self._said = Said()

    def _set(self, text: str) -> None:
        self._more = text

    async def _resume(self) -> None:
        if await _done(self._said, self._board.starter.resume(self._desk.url, self._run, self._more)) is not None:
            await self._after()


async def _done(said: Said, begin: Awaitable[Begun]) -> Begun | None:
    said.good("Beginning …")
    try:
        begun = await begin
    except EvolveError as error:
        said.bad(str(error))
        return None
    said.good(f"{begun.run} has begun. What it prints: {begun.log}")
    return begun


def _named(group: str) -> dict[str, str]:
    return {name: name for name in options(group)}
