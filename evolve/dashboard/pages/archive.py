"""What the search keeps: the front, the grid with the elite behind each cell, islands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nicegui import html, ui

from evolve.dashboard.asked import Asked
from evolve.dashboard.charts import archives
from evolve.dashboard.charts.curves import Figure
from evolve.dashboard.elements import Chart, Grid, choice, note, panel, panels
from evolve.dashboard.figures import count, number
from evolve.dashboard.live import Board, Desk, repeat
from evolve.dashboard.pages.head import Head, run_of
from evolve.dashboard.pages.overview import problem_of
from evolve.dashboard.views import archive
from evolve.dashboard.views.archive import Elite, Fronts
from evolve.domain.objective import Objective
from evolve.domain.program import SEED_STEP
from evolve.domain.questions import AttemptRow, Page
from evolve.interfaces import RunInfo, Store

_SLOW_S = 5.0
_ALL = "all"
_SHOWN = 60
_ABOUT_CELLS = (
    "Each cell shows the program that an attempt placed there last; choose one to see it. Copies that migrate between "
    "islands are no attempts, so they are not on record."
)


@dataclass(frozen=True, slots=True)
class _Told:
    elites: Sequence[Elite]
    sample: Sequence[AttemptRow]
    parents: dict[int, AttemptRow]
    fronts: Fronts | None


async def draw(board: Board, asked: Asked) -> None:
    """Draw the page."""
    await _Archive(board, board.desk(asked.store), asked.run).draw()


class _Archive:
    def __init__(self, board: Board, desk: Desk, run: str) -> None:
        self._board = board
        self._desk, self._run = desk, run
        self._lead = archive.lead_of(desk.number, run)
        self._island = _ALL

    async def draw(self) -> None:
        info = await run_of(self._desk, self._run)
        self._head = Head(self._board, self._desk, info)
        problem = await problem_of(self._desk, info)
        self._features = problem.features if problem is not None else ()
        told = await self._ask(info)
        aim = info.objectives[0]
        with panels():
            self._draw_grid(told, aim)
            with panel(
                "Islands", "Of a sample of the attempts, evenly chosen over the run.", wide=len(info.objectives) < 2
            ):
                rows = archive.island_rows(told.elites, told.sample, told.parents, aim, self._lead)
                self._islands = Grid("Islands", archive.ISLANDS, rows)
            self._draw_front(told)
            with panel("Elites", f"The {_SHOWN} cells that were filled last.", wide=True):
                rows = archive.elite_rows(told.elites[:_SHOWN], aim, self._lead)
                self._elites = Grid("Elites", archive.ELITES, rows)
        await self._head.refresh(info)
        repeat(self._refresh, every_s=_SLOW_S)

    def _draw_grid(self, told: _Told, aim: Objective) -> None:
        islands = sorted({elite.island for elite in told.elites})
        with panel("Cells", _ABOUT_CELLS, wide=True):
            with html.div().classes("line"):
                names = {_ALL: "all, the best of each cell", **{str(i): f"island {i}" for i in islands}}
                choice("Island", names, self._choose, value=self._island)
                self._cells = ui.label(f"{count(len(told.elites))} cells").classes("note")
            grid = self._grid(told, aim)
            if grid is None:
                note("This search keeps no grid of cells.")
            self._map = Chart("The best of each cell of the archive", grid or {"data": []}, height=340 if grid else 0)

    def _draw_front(self, told: _Told) -> None:
        self._front: Chart | None = None
        if told.fronts is None:
            return
        with panel("Front", "Programs by the first two objectives.", wide=True):
            self._front_told = note(_about(told.fronts))
            self._front = Chart("Programs that no other dominates", archives.front(told.fronts.chart), height=340)

    async def _refresh(self) -> None:
        info = await run_of(self._desk, self._run)
        await self._head.refresh(info)
        told, aim = await self._ask(info), info.objectives[0]
        self._map.show(self._grid(told, aim) or {"data": []})
        self._cells.set_text(f"{count(len(told.elites))} cells")
        self._islands.show(archive.island_rows(told.elites, told.sample, told.parents, aim, self._lead))
        self._elites.show(archive.elite_rows(told.elites[:_SHOWN], aim, self._lead))
        if self._front is not None and told.fronts is not None:
            self._front.show(archives.front(told.fronts.chart))
            self._front_told.set_text(_about(told.fronts))

    def _grid(self, told: _Told, aim: Objective) -> Figure | None:
        island = None if self._island == _ALL else int(self._island)
        found = archive.heat_map(told.elites, aim, self._features, self._lead, island)
        return archives.heat_map(found) if found is not None else None

    async def _choose(self, island: str) -> None:
        self._island = island
        await self._refresh()

    async def _ask(self, info: RunInfo) -> _Told:
        def find(store: Store) -> _Told:
            questions, run = store.questions(), info.id
            held, sample = questions.cells(run, archive.CELLS), questions.sample(run, archive.SAMPLE)
            steps = sorted({row.parent for row in sample})
            parents = {row.step: row for row in questions.attempts(run, steps)}
            looked_at = [*sample, *(each.attempt for each in held)]
            if len(info.objectives) > 1:
                for aim in info.objectives:
                    looked_at += questions.page(run, Page(by=aim.name, limit=archive.BEST))
            seed = next(iter(questions.attempts(run, [SEED_STEP])), None)
            found = archive.fronts(looked_at, seed, info.objectives, self._lead)
            return _Told(archive.elites(held), sample, parents, found)

        return await self._desk.recent(("archive", info.id), find, max_age_s=_SLOW_S / 2)


def _about(found: Fronts) -> str:
    above = "the problem's reference" if found.declared else "the seed"
    return (
        f"{count(found.size)} programs that none of the {count(found.looked_at)} looked at dominates: the best by each "
        f"objective, the elites, and a sample. They dominate a volume of {number(found.volume)} above {above}."
    )
