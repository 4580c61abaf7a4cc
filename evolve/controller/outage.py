"""What a run does while its store is away: it waits, says so, and tries again."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from evolve.errors import StoreAway

T = TypeVar("T")

_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0
_WORTH_SAYING_S = 0.5
"""Shorter absences, such as two writers that met, are nobody's concern."""
_log = logging.getLogger(__name__)


class Outages:
    """Has calls of the store made again while it is away.

    Args:
        patience_s: how long it may be away before that is final; None for ever.
        told: called after an absence with its reason and length in seconds.
        clock: seconds, never going back.
    """

    def __init__(
        self,
        patience_s: float | None,
        told: Callable[[str, float], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.reason = ""
        self._patience_s = patience_s
        self._told = told
        self._clock = clock
        self._began_at = 0.0
        self._waiting = 0
        self._said = False
        self._given_up = asyncio.Event()
        self._here = asyncio.Event()
        self._here.set()

    async def outlast(self, call: Callable[[], Awaitable[T]]) -> T:
        """Return what ``call`` returns. While it raises StoreAway it is made again, after a growing pause.

        Raises StoreAway when patience is at an end or given up.
        """
        try:
            return await call()
        except StoreAway as error:
            self._begin(error)
        try:
            found = await self._try_again(call)
        except BaseException:
            self._waiting -= 1
            self._end(mended=False)
            raise
        self._waiting -= 1
        self._end(mended=True)
        return found

    async def over(self) -> None:
        """Wait until the store is not away, or nobody waits for it any more."""
        await self._here.wait()

    def give_up(self) -> None:
        """Make the next failure of every call final."""
        self._given_up.set()

    async def _try_again(self, call: Callable[[], Awaitable[T]]) -> T:
        pause_s = _FIRST_PAUSE_S
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._given_up.wait(), pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
            try:
                return await call()
            except StoreAway as error:
                self._still(error)

    def _begin(self, error: StoreAway) -> None:
        if not self._waiting:
            self._began_at, self._said = self._clock(), False
            self._here.clear()
        self._waiting += 1
        self.reason = str(error)

    def _still(self, error: StoreAway) -> None:
        away_s = self._clock() - self._began_at
        self.reason = str(error)
        if self._given_up.is_set() or (self._patience_s is not None and away_s >= self._patience_s):
            raise StoreAway(
                f"{error} The store was away for {away_s:.0f} s, and the run was stopped: "
                "what it could not write is done again when it is resumed."
            ) from error
        if not self._said and away_s >= _WORTH_SAYING_S:
            self._said = True
            _log.warning(
                "%s The run waits for the store, with what is in flight in memory, and goes on by itself. "
                "Ctrl+C stops it.",
                error,
            )

    def _end(self, mended: bool) -> None:
        if self._waiting:
            return
        reason, away_s, self.reason = self.reason, self._clock() - self._began_at, ""
        self._here.set()
        if mended and self._said:
            _log.warning("The store answers again after %.0f s; the run goes on.", away_s)
            self._told(reason, away_s)
