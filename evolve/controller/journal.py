"""Group commit: many tasks write, one thread talks to the store, one transaction serves all that wait."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from evolve.controller.outage import Outages
from evolve.domain.proposal import Event, Record
from evolve.interfaces import Lease, Store

T = TypeVar("T")


class Journal:
    """Writes records in the order in which they were handed over.

    While the store is away everything waits. Any other failure, or the end of patience, is final:
    everything handed over afterwards fails with the same error, so that nothing is built on a
    record that is not durable.

    Args:
        store: used by the journal's thread only, until it is closed.
        lease: under which records are written.
        patience_s: how long the store may be away; None for ever.
    """

    def __init__(self, store: Store, lease: Lease, *, patience_s: float | None = None) -> None:
        self._store = store
        self._lease = lease
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._pending: list[Record] = []
        self._waiting: list[asyncio.Future[None]] = []
        self._flushing: asyncio.Task[None] | None = None
        self._outages = Outages(patience_s, self._note_absence)
        self._closed = False
        self.failure: Exception | None = None

    @property
    def away(self) -> str:
        """Why the store is away, in words; empty while it is not."""
        return self._outages.reason

    def post(self, *records: Record) -> None:
        """Hand records over; they become durable soon, and before anything handed over later."""
        if self.failure is not None:
            raise self.failure
        self._pending.extend(records)
        if self._flushing is None:
            self._flushing = asyncio.get_running_loop().create_task(self._flush())

    async def write(self, *records: Record) -> None:
        """Hand records over and wait until they, and all before them, are durable."""
        self.post(*records)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(done)
        await done

    async def call(self, function: Callable[[Store], T]) -> T:
        """Run a function of the store in its thread, after everything handed over so far.

        It is run again if the store was away, so it must not mind being repeated.
        """
        if self._pending or self._flushing is not None:
            await self.write()
        return await self._outages.outlast(lambda: self._in_thread(function))

    async def read(self, function: Callable[[], T]) -> T:
        """Run a function that reads through a store of its own, here and at once; again if that was away."""

        async def attempt() -> T:
            return function()

        return await self.outlast(attempt)

    async def outlast(self, call: Callable[[], Awaitable[T]]) -> T:
        """Make a call of a store, again as long as that is away."""
        return await self._outages.outlast(call)

    async def ready(self) -> None:
        """Wait while the store is away: what is begun meanwhile could not be written down. Raises the failure."""
        await self._outages.over()
        if self.failure is not None:
            raise self.failure

    def give_up(self) -> None:
        """Have nobody wait any longer for a store that is away."""
        self._outages.give_up()

    async def close(self) -> None:
        """Write what is pending and end the thread. The store stays open."""
        try:
            if self.failure is None and (self._pending or self._flushing is not None):
                await self.write()
        finally:
            self._closed = True
            self._thread.shutdown(wait=True)

    async def _in_thread(self, function: Callable[[Store], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, self._store)

    async def _append(self, records: list[Record]) -> None:
        await self._outages.outlast(lambda: self._in_thread(lambda store: store.append(self._lease, records)))

    async def _flush(self) -> None:
        while self._pending or self._waiting:
            records, self._pending = self._pending, []
            waiting, self._waiting = self._waiting, []
            try:
                if records:
                    await self._append(records)
            except Exception as error:  # noqa: BLE001 - whatever it is, every writer has to learn of it
                self._fail(error, waiting)
                break
            for future in waiting:
                if not future.done():
                    future.set_result(None)
        self._flushing = None

    def _fail(self, error: Exception, waiting: list[asyncio.Future[None]]) -> None:
        self.failure = error
        for future in (*waiting, *self._waiting):
            if not future.done():
                future.set_exception(error)
        self._waiting = []

    def _note_absence(self, reason: str, seconds: float) -> None:
        if self.failure is None and not self._closed:
            self.post(Event("store_away", {"reason": reason, "seconds": seconds}))
