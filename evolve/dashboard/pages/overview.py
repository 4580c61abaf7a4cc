"""A run at a glance: its figures, its best so far, how attempts ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nicegui import html

from evolve import wiring
from evolve.dashboard.asked import Asked
from evolve.dashboard.charts import shares
from evolve.dashboard.charts.curves import Figure
from evolve.dashboard.charts.curves import stairs as stairs_chart
from evolve.dashboard.elements import Chart, Grid, Tiles, note, panel, panels, switch
from evolve.dashboard.live import Board, Desk, repeat
from evolve.dashboard.pages.head import Head, run_of
from evolve.dashboard.views import overview
from evolve.dashboard.views.overview import Across, Course
from evolve.domain.problem import Problem
from evolve.domain.proposal import Event
from evolve.domain.questions import Tally
from evolve.errors import ConfigurationError, NotFound, ProblemError
from evolve.interfaces import RunInfo, Store

_SLOW_S = 30.0


@dataclass(frozen=True, slots=True)
class _Told:
    courses: Sequence[Course]
    tallies: Sequence[Tally]
    events: Sequence[tuple[float, Event]]


async def draw(board: Board, asked: Asked) -> None:
    """Draw the page."""
    desk = board.desk(asked.store)
    await _Overview(board, desk, asked.run).draw()


async def problem_of(desk: Desk, info: RunInfo) -> Problem | None:
    """Return the problem of a run; None when its folder is gone, which keeps nobody from the record."""

    def find(_: Store) -> Problem | None:
        try:
            return wiring.problem_of(info)
        except (ProblemError, ConfigurationError):
            return None

    return await desk.recent(("problem", info.id), find, max_age_s=_SLOW_S)


async def events_of(desk: Desk, run: str) -> Sequence[tuple[float, Event]]:
    """Return the events of a run."""
    return await desk.recent(("events", run), lambda store: store.events(run))


class _Overview:
    def __init__(self, board: Board, desk: Desk, run: str) -> None:
        self._board = board
        self._desk, self._run = desk, run
        self._across = Across.ATTEMPTS
        self._charts: list[Chart] = []

    async def draw(self) -> None:
        info = await run_of(self._desk, self._run)
        self._head = Head(self._board, self._desk, info)
        if not info.objectives:
            raise NotFound(f"Run {info.id!r} has not begun: its objectives are not on record yet.")
        self._problem = await problem_of(self._desk, info)
        told = await self._ask(info)
        self._tiles = Tiles(overview.tiles(told.courses[0]))
        with panels():
            with panel("Best so far", wide=True):
                with html.div().classes("line"):
                    options = {each.value: f"over {each.value}" for each in Across}
                    switch("Along the bottom", options, self._turn, value=self._across)
                    note("Dots are some of the programs, evenly chosen. Choose a point to see its program.")
                for course in told.courses:
                    label = f"The best {course.objective.name} so far, over {self._across}"
                    self._charts.append(Chart(label, self._curve(course, told.events), height=300))
            with panel("How attempts ended", "By the operator that made them."):
                endings = overview.endings(told.tallies)
                self._endings = Chart("Outcomes by operator", shares.outcomes(endings), height=90 + 30 * len(endings))
            with panel("Why they were rejected"):
                rows = overview.cause_rows(told.tallies)
                self._causes = Grid("Causes of rejection", overview.CAUSES, rows, empty="None was rejected.")
            with panel("On sealed instances", "Scores on instances that the search never saw: the ones to believe."):
                empty = "Judged when the run ends, if the problem has sealed instances."
                columns = overview.sealed_columns(info)
                self._sealed = Grid("Sealed scores", columns, overview.sealed_rows(info, told.events), empty=empty)
                self._shortfall = note("").classes("bad")
        self._warn(info, told.events)
        await self._head.refresh(info)
        repeat(self._refresh)

    async def _refresh(self) -> None:
        info = await run_of(self._desk, self._run)
        await self._head.refresh(info)
        told = await self._ask(info)
        self._tiles.show(overview.tiles(told.courses[0]))
        for chart, course in zip(self._charts, told.courses, strict=True):
            chart.show(self._curve(course, told.events))
        self._endings.show(shares.outcomes(overview.endings(told.tallies)))
        self._causes.show(overview.cause_rows(told.tallies))
        self._sealed.show(overview.sealed_rows(info, told.events))
        self._warn(info, told.events)

    def _warn(self, info: RunInfo, events: Sequence[tuple[float, Event]]) -> None:
        words = overview.shortfall(info, events)
        self._shortfall.set_text(words)
        self._shortfall.set_visibility(bool(words))

    def _curve(self, course: Course, events: Sequence[tuple[float, Event]]) -> Figure:
        levels = overview.levels(course, self._problem, events)
        return stairs_chart(overview.stairs(course, self._across, levels))

    async def _turn(self, across: str) -> None:
        self._across = Across(across)
        await self._refresh()

    async def _ask(self, info: RunInfo) -> _Told:
        def find(store: Store) -> _Told:
            questions = store.questions()
            status, sample = questions.status(info.id), questions.sample(info.id, overview.DOTS)
            courses = [
                Course(info, self._desk.number, status, o, questions.curve(info.id, o.name, overview.POINTS), sample)
                for o in info.objectives
            ]
            return _Told(courses, questions.tallies(info.id), store.events(info.id))

        return await self._desk.recent(("overview", info.id), find)
