"""Runs of a problem side by side, over seeds."""

from __future__ import annotations

from nicegui import html

from evolve.dashboard.asked import Asked
from evolve.dashboard.charts.comparisons import bands
from evolve.dashboard.elements import Chart, Grid, choice, field, note, panel, switch
from evolve.dashboard.layout import title_line
from evolve.dashboard.live import Board, repeat
from evolve.dashboard.views import compare
from evolve.dashboard.views.compare import Member
from evolve.dashboard.views.overview import ACROSS, Across
from evolve.dashboard.views.runs import Listed
from evolve.domain.objective import Objective
from evolve.interfaces import Store

_REFRESH_S = 5.0


async def draw(board: Board, asked: Asked) -> None:
    """Draw the page."""
    await _Compare(board, asked.text("problem"), asked.text("words")).draw()


class _Compare:
    def __init__(self, board: Board, problem: str, words: str) -> None:
        self._board = board
        self._problem, self._words = problem, words
        self._across = Across.ATTEMPTS
        self._objective = 0
        self._out: set[str] = set()

    async def draw(self) -> None:
        runs = await self._runs()
        problems = compare.problems(runs)
        if self._problem not in problems:
            self._problem = next(iter(problems), "")
        objectives = self._objectives(runs)
        with title_line("Compare"):
            html.div().classes("spread")
            choice("Problem", problems, self._turn_to, value=self._problem)
            field("Only runs named", self._look, value=self._words)
        with panel("Best so far, mean over seeds", wide=True):
            with html.div().classes("line"):
                ways = {each.value: f"over {each.value}" for each in Across}
                switch("Along the bottom", ways, self._turn, value=self._across)
                if len(objectives) > 1:
                    names = {str(place): objective.name for place, objective in enumerate(objectives)}
                    choice("Objective", names, self._aim, value="0")
            self._chart = Chart("Best so far of each group of runs", {"data": [], "layout": {}}, height=360)
            self._words_about = note("")
        with panel(
            "Groups",
            "Runs that differ by their seed alone are a group. Means have 95 % intervals (Student's t) over its runs. "
            "Where scores do not repeat, believe the sealed ones.",
            wide=True,
        ):
            self._groups = Grid("Groups", compare.GROUPS, empty="No runs to compare yet.")
        with panel("Runs", wide=True):
            self._list = Grid("Runs", compare.RUNS, on_act=self._act, empty="No runs to compare yet.")
        await self._refresh()
        repeat(self._refresh, every_s=_REFRESH_S)

    def _objectives(self, runs: list[Listed]) -> tuple[Objective, ...]:
        found, _ = compare.comparable(runs, self._problem, "")
        return tuple(found[0].info.objectives) if found else ()

    async def _refresh(self) -> None:
        runs, others = compare.comparable(await self._runs(), self._problem, self._words.lower())
        if not runs:
            self._groups.show([])
            self._list.show([])
            return
        objectives = runs[0].info.objectives
        objective = objectives[min(self._objective, len(objectives) - 1)]
        members = [await self._member(run, objective) for run in runs if run.key not in self._out]
        groups = compare.grouped(members, objective)
        told = [compare.band(group, self._across) for group in groups]
        name = f"{objective.name} ({objective.direction})"
        self._chart.show(bands(told, ACROSS[self._across], name))
        passed = f" {others} with other objectives are not compared." if others else ""
        self._words_about.set_text(f"{len(members)} runs in {len(groups)} groups.{passed}")
        self._groups.show(compare.group_rows(groups))
        self._list.show(compare.run_rows(groups, [run for run in runs if run.key in self._out], objective))

    async def _runs(self) -> list[Listed]:
        return [
            Listed(desk.number, info)
            for desk in self._board.desks
            for info in await desk.recent("runs", lambda store: store.questions().runs())
        ]

    async def _member(self, run: Listed, objective: Objective) -> Member:
        def find(store: Store) -> Member:
            questions, id_ = store.questions(), run.info.id
            curve = questions.curve(id_, objective.name, compare.POINTS)
            return Member(run, questions.status(id_), curve, compare.sealed_score(store.events(id_), objective))

        key = ("member", run.info.id, objective.name)
        return await self._board.desk(run.store).recent(key, find, max_age_s=_REFRESH_S / 2)

    async def _turn_to(self, problem: str) -> None:
        self._problem, self._objective = problem, 0
        self._out.clear()
        await self._refresh()

    async def _look(self, words: str) -> None:
        self._words = words
        await self._refresh()

    async def _turn(self, across: str) -> None:
        self._across = Across(across)
        await self._refresh()

    async def _aim(self, place: str) -> None:
        self._objective = int(place)
        await self._refresh()

    async def _act(self, key: str, what: str) -> None:
        (self._out.add if what == compare.LEAVE_OUT else self._out.discard)(key)
        await self._refresh()
