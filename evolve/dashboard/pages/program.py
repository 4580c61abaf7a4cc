"""One attempt: its program and what is different, how it came about, how it was judged, what models said."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from nicegui import html, ui

from evolve.controller.retention import Pruned
from evolve.dashboard.asked import Asked, attempt_number
from evolve.dashboard.elements import Grid, Listing, Said, Tiles, button, choice, field, note, panel, panels, switch
from evolve.dashboard.layout import link, title_line
from evolve.dashboard.live import Board, Desk
from evolve.dashboard.pages.head import Head, run_of
from evolve.dashboard.tables import Line
from evolve.dashboard.views import attempt, path, pictures, texts
from evolve.dashboard.views.archive import lead_of
from evolve.dashboard.views.attempt import Call, Recorded, recorded
from evolve.domain.evaluation import Evaluation
from evolve.domain.program import SEED_STEP, Program
from evolve.domain.questions import AttemptRow, Page
from evolve.errors import EvolveError, NotFound
from evolve.interfaces import Prunable, RunInfo, Store

_SETTLED_S = 3600.0
"""What is on record of a finished attempt does not change."""


class _Beside(StrEnum):
    """What a program is compared with."""

    NOTHING = "the program"
    PARENT = "beside its parent"
    SEED = "beside the seed"
    BEST = "beside the best"
    OTHER = "beside another"


@dataclass(frozen=True, slots=True)
class _Told:
    recorded: Recorded
    repeats: Sequence[Evaluation]
    children: Sequence[AttemptRow]
    best: int | None
    pruned: Pruned


async def draw(board: Board, asked: Asked) -> None:
    """Draw the page."""
    await _Attempt(board, board.desk(asked.store), asked.run, asked.attempt("step", SEED_STEP)).draw()


class _Attempt:
    def __init__(self, board: Board, desk: Desk, run: str, step: int) -> None:
        self._board, self._desk, self._run, self._step = board, desk, run, step
        self._lead = lead_of(desk.number, run)

    async def draw(self) -> None:
        info = await run_of(self._desk, self._run)
        told = await self._ask(info)
        head = Head(self._board, self._desk, info)
        self._ways(told)
        Tiles(attempt.tiles(told.recorded, info.objectives, told.repeats))
        if told.recorded.finished.detail:
            html.p(told.recorded.finished.detail).classes("said bad")
        with panels():
            if told.recorded.program is not None:
                await _Files(self._desk, self._run, told.recorded, told.recorded.program, told.best).draw()
            self._judged(told.recorded.evaluations)
            self._calls(told)
            if told.recorded.program is not None:
                with panel("How it came about", f"The {path.TOLD} steps that changed the score most.", wide=True):
                    came = Grid("How it came about", path.COLUMNS, empty="…")
                self._later(came, info)
            with panel("What was made of it", f"The latest {attempt.CHILDREN} at most.", wide=True):
                rows = attempt.child_rows(told.children, told.recorded, info.objectives[0], self._lead)
                Grid("Children", attempt.OFFSPRING, rows, empty="Nothing yet.")
        await head.refresh(info)

    def _ways(self, told: _Told) -> None:
        """Say which attempt this is, and lead to those around it."""
        choice_ = told.recorded.selected.choice
        with title_line(f"Attempt {self._step}"):
            if self._step != SEED_STEP:
                link(self._lead(choice_.parent), f"edited from {choice_.parent}")
                for step in dict.fromkeys(choice_.inspirations):
                    link(self._lead(step), f"inspired by {step}")
                link(self._lead(self._step - 1), "‹ the one before")
            link(self._lead(self._step + 1), "the one after ›")

    # ── how it was judged ─────────────────────────────────────────────────────────────────────
    def _judged(self, evaluations: Sequence[Evaluation]) -> None:
        with panel("How it was judged", wide=True):
            rows = attempt.evaluation_rows(evaluations)
            Grid("Evaluations", attempt.EVALUATIONS, rows, empty="It was not judged.")
            for each in evaluations:
                if each.feedback:
                    note(f"What the judge said in stage {each.stage}:")
                    html.pre(each.feedback).classes("text")
                _artifacts(each.artifacts)
            instances = attempt.instance_rows(evaluations)
            if instances:
                with html.details():
                    html.summary(f"Scores of {len(instances)} instances")
                    Grid("Scores by instance", attempt.instance_columns(evaluations), instances)

    # ── what models said ──────────────────────────────────────────────────────────────────────
    def _calls(self, told: _Told) -> None:
        if not told.recorded.calls:
            return
        with panel("What models were asked", "Prompt and answer, letter by letter.", wide=True):
            lost = [what for what in (Prunable.PROMPTS, Prunable.ANSWERS) if told.pruned.has(what, self._step)]
            if lost:
                note(f"Given up to save room: {', '.join(map(str, lost))}.")
            for call in told.recorded.calls:
                _Conversation(call).draw()
            for lesson in told.recorded.lessons:
                note(f"It drew a lesson ({lesson.kind}, confidence {lesson.confidence:.0%}):")
                html.pre(lesson.text).classes("text")

    # ── how it came about ─────────────────────────────────────────────────────────────────────
    def _later(self, grid: Grid, info: RunInfo) -> None:
        """Fill in the path after the page is drawn: of a run of a million its line is long."""

        def find(store: Store) -> tuple[list[path.Change], dict[int, Program]]:
            line = store.questions().lineage(self._run, self._step)
            told = path.greatest(path.changes(line, info.objectives[0]), path.TOLD, info.objectives[0])
            return told, {change.row.step: store.program(self._run, change.row.step) for change in told}

        async def fill() -> None:
            told, programs = await self._desk.recent(("path", self._run, self._step), find, max_age_s=_SETTLED_S)
            grid.show(path.rows(told, programs, info.objectives[0], self._lead))

        ui.timer(0.05, fill, once=True)

    async def _ask(self, info: RunInfo) -> _Told:
        def find(store: Store) -> _Told:
            run, step, questions = self._run, self._step, store.questions()
            own = recorded(store.entries(run, range(step, step + 1)), step)
            children = questions.children(run, step, attempt.CHILDREN)
            repeats = [e for row in children if attempt.is_repeat(row) for e in store.evaluations(run, row.step)]
            best = questions.page(run, Page(by=info.objectives[0].name, limit=1)) if info.objectives else ()
            pruned = Pruned.of(event for _, event in store.events(run))
            return _Told(own, repeats, children, best[0].step if best else None, pruned)

        if not info.objectives:
            raise NotFound(f"Run {info.id!r} has not begun: its objectives are not on record yet.")
        return await self._desk.recent(("attempt", self._run, self._step), find)


class _Files:
    """The files of a program, or what is different from another."""

    def __init__(self, desk: Desk, run: str, own: Recorded, program: Program, best: int | None) -> None:
        self._desk, self._run, self._program = desk, run, program
        self._others: Mapping[_Beside, int | None] = {
            _Beside.PARENT: program.parents[0] if program.parents else None,
            _Beside.SEED: SEED_STEP,
            _Beside.BEST: best,
            _Beside.OTHER: None,
        }
        self._beside = _Beside.PARENT if own.selected.step != SEED_STEP else _Beside.NOTHING
        self._path = min(program.files, default="")
        self._all = False

    async def draw(self) -> None:
        with panel("Program", path.about(self._program), wide=True):
            with html.div().classes("line"):
                ways = {each.value: each.value for each in _Beside}
                self._press = switch("What is shown", ways, self._turn, value=self._beside)
                if len(self._program.files) > 1:
                    choice("File", {name: name for name in sorted(self._program.files)}, self._choose, value=self._path)
                field("Number of another attempt", self._compare)
            self._said = Said()
            self._listing = Listing("Program")
            self._more = button("Show all lines", self._show_all)
        await self._refresh()

    async def _turn(self, beside: str) -> None:
        self._beside = _Beside(beside)
        await self._refresh()

    async def _choose(self, name: str) -> None:
        self._path, self._beside = name, _Beside.NOTHING
        self._press(self._beside)
        await self._refresh()

    async def _compare(self, step: str) -> None:
        try:
            self._others = {**self._others, _Beside.OTHER: attempt_number(step)}
        except NotFound as error:
            self._said.bad(str(error))
            return
        self._beside = _Beside.OTHER
        self._press(self._beside)
        await self._refresh()

    async def _show_all(self) -> None:
        self._all = True
        await self._refresh()

    async def _refresh(self) -> None:
        try:
            lines = await self._lines()
        except EvolveError as error:
            self._said.bad(str(error))
            return
        shown = lines if self._all else lines[: texts.LINES]
        self._listing.show(shown)
        self._more.set_visibility(len(lines) > len(shown))

    async def _lines(self) -> list[Line]:
        if self._beside is _Beside.NOTHING:
            self._said.nothing()
            text = self._program.files.get(self._path, "")
            return await asyncio.to_thread(texts.file_lines, self._path, text)
        step = self._others[self._beside]
        if step is None:
            raise NotFound("Give the number of the attempt that it is to be compared with.")
        other = await self._desk.ask(lambda store: store.program(self._run, step))
        lines = await asyncio.to_thread(texts.difference_lines, other.files, self._program.files)
        said = (
            f"What attempt {self._program.step} has otherwise than attempt {step}" if lines else "Nothing is different"
        )
        self._said.good(f"{said}.")
        return lines


class _Conversation:
    """A model call; prompt and answer are drawn when somebody wants to read them."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._drawn = False

    def draw(self) -> None:
        with html.details() as place:
            html.summary(self._call.in_words())
            self._inside = html.div().classes("calls")
        place.on("toggle", self._open, args=[])

    def _open(self) -> None:
        if self._drawn:
            return
        self._drawn = True
        with self._inside:
            for message in self._call.request.messages:
                note(message.role)
                html.pre(message.content).classes("text")
                for shown in message.pictures:
                    _picture("a picture of the prompt", pictures.picture(shown.data))
            if self._call.answer is not None:
                note("answer")
                html.pre(self._call.answer.text).classes("text")
            Grid("States of the call", attempt.CALLS, attempt.state_rows(self._call), empty="No state is on record.")


def _artifacts(artifacts: Mapping[str, bytes]) -> None:
    for name, content in artifacts.items():
        note(name)
        address = pictures.picture(content)
        if address:
            _picture(name, address)
        else:
            html.pre(pictures.words(content)).classes("text")


def _picture(name: str, address: str) -> None:
    if address:
        shown = html.img().classes("picture")
        shown.props["src"], shown.props["alt"] = address, name
