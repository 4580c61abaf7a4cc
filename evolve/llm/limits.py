"""How many calls a model takes at once, and how many a minute."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

_BURST_S = 6.0
"""Seconds' worth of calls that may start together after a pause: providers count by the minute, and
some refuse a minute's worth at once."""
_WHOLE = 1.0 - 1e-9  # a token, but for the rounding of the time it took to come


class Limits:
    """The turnstile of one model, shared by all its calls; first come, first served.

    A call that is cancelled while it waits leaves no trace: it holds no place and used no share of
    the rate.

    Args:
        concurrency: calls at once; None for no limit.
        requests_per_minute: calls that may start in a minute, in the long run; None for no limit.
        clock: seconds, never going back.
        sleep: waits for seconds.
    """

    def __init__(
        self,
        concurrency: int | None = None,
        requests_per_minute: float | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._places = asyncio.Semaphore(concurrency) if concurrency is not None else None
        self._bucket = _Bucket(requests_per_minute / 60, clock, sleep) if requests_per_minute is not None else None

    def full(self) -> bool:
        """Whether a call that came now would have to wait."""
        return (self._places is not None and self._places.locked()) or (
            self._bucket is not None and self._bucket.empty()
        )

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn, and hold a place until the block ends."""
        if self._places is None:
            await self._may_start()
            yield
            return
        async with self._places:
            await self._may_start()
            yield

    async def _may_start(self) -> None:
        if self._bucket is not None:
            await self._bucket.take()


class _Bucket:
    """Tokens that come at a steady rate, up to a few seconds' worth."""

    def __init__(
        self, per_second: float, clock: Callable[[], float], sleep: Callable[[float], Awaitable[None]]
    ) -> None:
        self._per_second = per_second
        self._clock = clock
        self._sleep = sleep
        self._capacity = max(1.0, per_second * _BURST_S)
        self._tokens = self._capacity
        self._counted_at = clock()
        self._queue = asyncio.Lock()

    def empty(self) -> bool:
        self._count()
        return self._queue.locked() or self._tokens < _WHOLE

    async def take(self) -> None:
        async with self._queue:  # only the first in line watches the clock; the rest keep their order
            self._count()
            while self._tokens < _WHOLE:
                await self._sleep((1.0 - self._tokens) / self._per_second)
                self._count()
            self._tokens -= 1.0

    def _count(self) -> None:
        now = self._clock()
        self._tokens = min(self._capacity, self._tokens + (now - self._counted_at) * self._per_second)
        self._counted_at = now
