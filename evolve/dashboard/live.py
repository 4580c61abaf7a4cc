"""Answers of stores for pages: asked in one thread per store, shared by all who look, so that looking stays cheap."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from nicegui import html, ui
from nicegui.events import GenericEventArguments

from evolve import wiring
from evolve.dashboard.starting import Starter
from evolve.errors import EvolveError, NotFound
from evolve.interfaces import Store
from evolve.store.address import public

_Answer = TypeVar("_Answer")
REFRESH_S: Final = 2.0
"""How often what is looked at is asked for again."""
_FRESH_S = 1.0


class Desk:
    """Where one store is asked. A store is used from one thread, so that every question waits its turn.

    Args:
        number: place among the stores that the dashboard shows.
        url: of the store.
    """

    def __init__(self, number: int, url: str) -> None:
        self.number = number
        self.url = url
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"store-{number}")
        self._store: Store | None = None
        self._recent: dict[Hashable, _Recent] = {}

    @property
    def name(self) -> str:
        """The store's address for people: without a password."""
        return public(self.url)

    async def ask(self, question: Callable[[Store], _Answer]) -> _Answer:
        """Return what a function finds out of the store. Raises what that raises."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._asked, question)

    async def recent(
        self, key: Hashable, question: Callable[[Store], _Answer], *, max_age_s: float = _FRESH_S
    ) -> _Answer:
        """Like ``ask``, but an answer under the same key that is not older than that is given again, to all."""
        known = self._recent.get(key)
        if known is None or known.age_s() > max_age_s:
            self._forget()
            known = _Recent(asyncio.ensure_future(self.ask(question)))
            self._recent[key] = known
        answer: _Answer = await asyncio.shield(known.answer)
        return answer

    def close(self) -> None:
        """Close the store, after what was asked before."""
        if self._store is not None:
            self._thread.submit(self._store.close).result()
        self._thread.shutdown()

    def _asked(self, question: Callable[[Store], _Answer]) -> _Answer:
        if self._store is None:
            self._store = wiring.open_existing(self.url)
        return question(self._store)

    def _forget(self) -> None:
        over = [key for key, known in self._recent.items() if known.age_s() > 60 and known.answer.done()]
        for key in over:
            del self._recent[key]


@dataclass
class _Recent:
    answer: asyncio.Future[Any]
    asked_at: float = field(default_factory=time.monotonic)

    def age_s(self) -> float:
        """Seconds since it was asked; none while there is no answer, for ever if there will be none."""
        if not self.answer.done():
            return 0.0
        failed = self.answer.cancelled() or self.answer.exception() is not None
        return float("inf") if failed else time.monotonic() - self.asked_at


class Board:
    """The stores that the dashboard shows."""

    def __init__(self, urls: Sequence[str]) -> None:
        self.desks = tuple(Desk(number, url) for number, url in enumerate(urls))
        self.starter = Starter()

    def desk(self, number: int) -> Desk:
        """Return where a store is asked. Raises NotFound."""
        if not 0 <= number < len(self.desks):
            raise NotFound(f"There is no store {number}: this dashboard shows {len(self.desks)}.")
        return self.desks[number]

    def close(self) -> None:
        """Close all stores."""
        self.starter.close()
        for desk in self.desks:
            desk.close()


def repeat(refresh: Callable[[], Awaitable[None]], *, every_s: float = REFRESH_S, at_once: bool = False) -> None:
    """Call ``refresh`` again and again while somebody looks at this page; a store that is away is said to be.

    ``at_once`` begins as soon as the page is there: for what would keep it from being there.
    """
    with html.div().classes("away").props('role="status"') as banner:
        told = ui.label("")
    banner.set_visibility(False)

    async def once() -> None:
        try:
            await refresh()
        except EvolveError as error:
            told.set_text(f"Not up to date: {error}")
            banner.set_visibility(True)
        else:
            banner.set_visibility(False)

    timer = ui.timer(every_s, once, immediate=at_once)

    def seen(event: GenericEventArguments) -> None:
        timer.active = bool(event.args)  # nobody looks at a page in the background

    ui.on("seen", seen)
