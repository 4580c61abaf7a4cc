"""Who made what at which cost, how fast, where, and how far scores repeat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evolve.dashboard.asked import Asked
from evolve.dashboard.charts.curves import rate
from evolve.dashboard.elements import Chart, Grid, Tiles, panel, panels
from evolve.dashboard.live import Board, Desk, repeat
from evolve.dashboard.pages.head import Head, run_of
from evolve.dashboard.pages.overview import problem_of
from evolve.dashboard.views import work
from evolve.dashboard.views.archive import lead_of
from evolve.domain.proposal import RESCORE
from evolve.domain.questions import AttemptRow, Bred, Page, Status, Tally
from evolve.interfaces import RunInfo, Store

_SLOW_S = 4.0


@dataclass(frozen=True, slots=True)
class _Told:
    status: Status
    holder: str | None
    tallies: Sequence[Tally]
    bred: Sequence[Bred]
    sample: Sequence[AttemptRow]
    repeats: Sequence[work.Repeat]
    firsts: dict[int, AttemptRow]


async def draw(board: Board, asked: Asked) -> None:
    """Draw the page."""
    await _Work(board, board.desk(asked.store), asked.run).draw()


class _Work:
    def __init__(self, board: Board, desk: Desk, run: str) -> None:
        self._board = board
        self._desk, self._run = desk, run
        self._lead = lead_of(desk.number, run)

    async def draw(self) -> None:
        info = await run_of(self._desk, self._run)
        self._head = Head(self._board, self._desk, info)
        self._problem = await problem_of(self._desk, info)
        told = await self._ask(info)
        self._places = Tiles(work.places(info, told.status, self._problem, told.holder))
        with panels():
            with panel("Operators", wide=True):
                self._operators = Grid("Operators", work.MAKERS, work.maker_rows(told.tallies, work.by_operator))
            with panel("Models", wide=True):
                self._models = Grid("Models", work.MAKERS, work.maker_rows(told.tallies, work.by_model))
            with panel(
                "Prompts that bred elites",
                f"The latest {work.BRED}. A program's page has prompt and answer.",
                wide=True,
            ):
                empty = "No model was asked, or none of its programs got a place."
                self._prompts = Grid("Prompts", work.PROMPTS, empty=empty)
            with panel("Throughput", "Attempts that ended, a second. Pauses count."):
                self._rate = Chart("Attempts a second over time", self._rates(info, told), height=240)
            with panel("Noise", f"The last {work.REPEATED} evaluations of programs that were judged again."):
                self._noise = Grid("Noise", work.NOISE, empty="No program was judged again.")
        self._show(info, told)
        await self._head.refresh(info)
        repeat(self._refresh, every_s=_SLOW_S)

    async def _refresh(self) -> None:
        info = await run_of(self._desk, self._run)
        await self._head.refresh(info)
        told = await self._ask(info)
        self._operators.show(work.maker_rows(told.tallies, work.by_operator))
        self._models.show(work.maker_rows(told.tallies, work.by_model))
        self._rate.show(self._rates(info, told))
        self._places.show(work.places(info, told.status, self._problem, told.holder))
        self._show(info, told)

    def _show(self, info: RunInfo, told: _Told) -> None:
        self._prompts.show(work.prompt_rows(told.bred, info.objectives[0], self._lead))
        self._noise.show(work.noise_rows(told.repeats, told.firsts, info.objectives, self._lead))

    def _rates(self, info: RunInfo, told: _Told) -> dict[str, object]:
        moments, found = work.rates(told.sample, info.created_at)
        return dict(rate(moments, found, "seconds since it was begun"))

    async def _ask(self, info: RunInfo) -> _Told:
        def find(store: Store) -> _Told:
            questions, run = store.questions(), info.id
            tallies = questions.tallies(run)
            again: Sequence[AttemptRow] = ()
            if any(tally.operator == RESCORE for tally in tallies):
                again = questions.page(run, Page(operator=RESCORE, limit=work.REPEATED))
            repeats = [work.Repeat(row.parent, work.verdict_of(store.evaluations(run, row.step))) for row in again]
            firsts = questions.attempts(run, sorted({each.program for each in repeats}))
            return _Told(
                status=questions.status(run),
                holder=store.holder(run),
                tallies=tallies,
                bred=questions.bred(run, Page(limit=work.BRED)),
                sample=questions.sample(run, work.SAMPLE),
                repeats=repeats,
                firsts={row.step: row for row in firsts},
            )

        return await self._desk.recent(("work", info.id), find, max_age_s=_SLOW_S / 2)
