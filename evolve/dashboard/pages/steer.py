"""Orders to a run: a program of one's own, hints, pins, vetoes, weights; what was ordered, and what is in force."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from nicegui import html
from nicegui.element import Element

from evolve import wiring
from evolve.account.orders import Ordered, orders_of
from evolve.account.steering import coming_rules, give, hints, pins
from evolve.dashboard.asked import Asked, attempt_number
from evolve.dashboard.elements import Grid, Said, area, button, choice, field, panel, panels, tick
from evolve.dashboard.live import Board, Desk, repeat
from evolve.dashboard.pages.head import Head, run_of
from evolve.dashboard.views import steer
from evolve.dashboard.views.archive import lead_of
from evolve.dashboard.views.steer import Force
from evolve.domain.program import SEED_STEP
from evolve.domain.questions import Page
from evolve.domain.steering import Hint, Inject, Order, Pin, RemoveHint, Unpin, Veto, Weigh
from evolve.errors import ConfigurationError, EvolveError, NotFound, ProblemError
from evolve.interfaces import RunInfo, Store


@dataclass(frozen=True, slots=True)
class _Told:
    orders: Sequence[Ordered]
    force: Force


async def draw(board: Board, asked: Asked) -> None:
    """Draw the page."""
    await _Steer(board, board.desk(asked.store), asked.run).draw()


class _Steer:
    def __init__(self, board: Board, desk: Desk, run: str) -> None:
        self._board, self._desk, self._run = board, desk, run
        self._lead = lead_of(desk.number, run)
        self._is_giving = False

    async def draw(self) -> None:
        info = await run_of(self._desk, self._run)
        if not info.objectives:
            raise NotFound(f"Run {info.id!r} has not begun: its objectives are not on record yet.")
        self._objectives = info.objectives
        self._head = Head(self._board, self._desk, info)
        self._said = Said(sticky=True)
        with panel("What selection goes by", "With all orders that wait taken up.", wide=True):
            self._force = Grid("In force", steer.FORCE, empty="All objectives, and nothing was ordered.")
        with panels():
            await _Injecting(self._desk, self._run, self._order).draw()
            self._choosing()
            self._hinting()
            self._weighing(info)
        with panel("Orders", "All that was ordered, the latest first. Resume, replay and fork follow them.", wide=True):
            self._log = Grid("Orders", steer.LOG, empty="Nothing was ordered yet.")
        await self._refresh()
        repeat(self._refresh)

    # ── forms ─────────────────────────────────────────────────────────────────────────────────
    def _choosing(self) -> None:
        told = {"step": ""}
        tainted = {"descendants": False}

        def step() -> int:
            return attempt_number(told["step"])

        with panel(
            "Pin or veto", "Half of the proposals start from pinned programs. A vetoed one is never used again."
        ):
            field("Attempt", lambda text: told.update(step=text))
            tick("With what descends from it", lambda on: tainted.update(descendants=on))
            with html.div().classes("line"):
                button("Pin", lambda: self._order(lambda: Pin(step())))
                button("Unpin", lambda: self._order(lambda: Unpin(step())))
                button("Veto", lambda: self._order(lambda: Veto(step(), tainted["descendants"])))

    def _hinting(self) -> None:
        told = {"text": "", "lasts": "", "number": ""}

        def back() -> Order:
            return RemoveHint(attempt_number(told["number"]) if told["number"].strip() else None)

        with panel("Hint", "Shown in every prompt from now on, for runs that ask a model."):
            area("Text of the hint", lambda text: told.update(text=text), rows=4)
            field("For how many attempts (all, if empty)", lambda text: told.update(lasts=text))
            button("Give the hint", lambda: self._order(lambda: Hint(told["text"], steer.lasting(told["lasts"]))))
            field("Number of a hint to take back (all, if empty)", lambda text: told.update(number=text))
            button("Take back", lambda: self._order(back))

    def _weighing(self, info: RunInfo) -> None:
        told = {objective.name: "" for objective in info.objectives}

        def keep(name: str, text: str) -> None:
            told[name] = text

        with panel("Weights", "One weighted sum of the gains instead of all objectives. Empty weighs nothing."):
            for objective in info.objectives:
                field(f"Weight of {objective.name}", partial(keep, objective.name))
            with html.div().classes("line"):
                button("Weigh", lambda: self._order(lambda: Weigh(steer.weights_of(told))))
                button("By all objectives again", lambda: self._order(lambda: Weigh(None)))

    # ── giving and showing ────────────────────────────────────────────────────────────────────
    async def _order(self, order: Callable[[], Order]) -> None:
        """Give an order; a second click while it is being given gives no second one."""
        if self._is_giving:
            return
        self._is_giving = True
        self._said.good("Giving the order …")
        try:
            made = order()
            given = await self._desk.ask(lambda store: give(store, store.questions().run(self._run), made))
            self._said.good(given.in_words())
        except EvolveError as error:
            self._said.bad(str(error))
        finally:
            self._is_giving = False
        await self._refresh()

    async def _refresh(self) -> None:
        info = await run_of(self._desk, self._run)
        await self._head.refresh(info)

        def find(store: Store) -> _Told:
            orders = orders_of(store, info)
            try:
                _, rules = coming_rules(store, info)
            except (ProblemError, ConfigurationError):
                rules = None  # its folder is gone, which keeps nobody from the record
            return _Told(orders, Force(rules, pins(orders), hints(orders)))

        told = await self._desk.ask(find)
        self._force.show(steer.force_rows(told.force, self._objectives))
        self._log.show(steer.log_rows(told.orders, self._lead, time.time()))


class _Injecting:
    """A program to be judged, which begins as the best one."""

    def __init__(self, desk: Desk, run: str, order: Callable[[Callable[[], Order]], object]) -> None:
        self._desk, self._run, self._order = desk, run, order
        self._files: dict[str, str] = {}
        self._path = self._note = self._from = ""
        self._text: Element | None = None

    async def draw(self) -> None:
        about = (
            "Judged like any other, and bred from. It begins as the best program: change what the search may change."
        )
        with panel("Inject a program", about, wide=True):
            self._place = html.div().classes("calls")
            with html.div().classes("fields"):
                field("Begin with another attempt", self._set_from)
                button("Load", self._load)
                field("What it is, in a sentence", self._set_note, long=True)
                button("Inject", lambda: self._order(lambda: Inject(dict(self._files), self._note)), main=True)
            self._said = Said()
        await self._load()

    def _set_from(self, text: str) -> None:
        self._from = text

    def _set_note(self, text: str) -> None:
        self._note = text

    async def _load(self) -> None:
        try:
            step = attempt_number(self._from) if self._from.strip() else None
            self._files, editable = await self._desk.ask(lambda store: _files(store, self._run, step))
        except EvolveError as error:
            self._said.bad(str(error))
            return
        self._said.nothing()
        self._path = self._path if self._path in self._files else min(editable or self._files)
        self._place.clear()
        with self._place:
            if len(self._files) > 1:
                names = {name: name for name in sorted(self._files)}
                choice("File", names, self._choose, value=self._path)
            self._text = area("Its text", self._typed, value=self._files[self._path], rows=18, mono=True)

    def _choose(self, path: str) -> None:
        self._path = path
        if self._text is not None:
            self._text.props["value"] = self._files[path]

    def _typed(self, text: str) -> None:
        self._files[self._path] = text


def _files(store: Store, run: str, step: int | None) -> tuple[dict[str, str], list[str]]:
    """Return the files of an attempt, of the best if none is given, and which of them a search may change."""
    info = store.questions().run(run)
    if step is None:
        best = store.questions().page(run, Page(by=info.objectives[0].name, limit=1))
        step = best[0].step if best else SEED_STEP
    files = dict(store.program(run, step).files)
    try:
        problem = wiring.problem_of(info)
    except (ProblemError, ConfigurationError):
        return files, []  # its folder is gone: the order will be refused with that reason
    return files, [path for path in files if problem.is_editable(path)]
