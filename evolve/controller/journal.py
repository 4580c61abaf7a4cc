"""Group commit: many tasks write, one thread talks to the store, one transaction serves all that wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from evolve.domain.proposal import Record
from evolve.interfaces import Lease, Store

T = TypeVar("T")


class Journal:
    """Writes records in the order in which they were handed over.

    The first failure is final: everything handed over afterwards fails with the same error, so
    that nothing is built on a record that is not durable.
    """

    def __init__(self, store: Store, lease: Lease) -> None:
        self._store = store
        self._lease = lease
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._pending: list[Record] = []
        self._waiting: list[asyncio.Future[None]] = []
        self._flushing: asyncio.Task[None] | None = None
        self.failure: Exception | None = None

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
        """Run a function of the store in its thread, after everything handed over so far."""
        if self._pending or self._flushing is not None:
            await self.write()
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, self._store)

    async def close(self) -> None:
        """Write what is pending and end the thread. The store stays open."""
        if self.failure is None and (self._pending or self._flushing is not None):
            await self.write()
        self._thread.shutdown(wait=True)

    async def _flush(self) -> None:
        loop = asyncio.get_running_loop()
        while self._pending or self._waiting:
            records, self._pending = self._pending, []
            waiting, self._waiting = self._waiting, []
            try:
                if records:
                    await loop.run_in_executor(self._thread, self._store.append, self._lease, records)
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
