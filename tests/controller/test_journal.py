from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from evolve.controller.journal import Journal
from evolve.domain.proposal import Event, Record
from evolve.errors import StoreError
from evolve.interfaces import Lease
from evolve.store.memory import MemoryStore

LEASE = Lease("r", "h", 1)


class CountingStore(MemoryStore):
    """Remembers the batches it was given; fails from batch ``fails_at`` on."""

    def __init__(self, fails_at: int | None = None) -> None:
        super().__init__()
        self.batches: list[list[Record]] = []
        self._fails_at = fails_at

    def append(self, lease: Lease, records: Sequence[Record]) -> None:
        if self._fails_at is not None and len(self.batches) >= self._fails_at:
            raise StoreError("the disk is full")
        self.batches.append(list(records))


def event(number: int) -> Event:
    return Event("n", {"n": number})


async def test_records_keep_their_order_and_share_transactions() -> None:
    store = CountingStore()
    journal = Journal(store, LEASE)
    for number in range(50):
        journal.post(event(number))
    await asyncio.gather(*(journal.write(event(50 + number)) for number in range(50)))
    await journal.close()
    written = [record.data["n"] for batch in store.batches for record in batch if isinstance(record, Event)]
    assert written == list(range(100))
    assert len(store.batches) < 20


async def test_write_returns_only_when_everything_before_is_durable() -> None:
    store = CountingStore()
    journal = Journal(store, LEASE)
    journal.post(event(1))
    await journal.write(event(2))
    assert sum(len(batch) for batch in store.batches) == 2
    await journal.close()


async def test_call_sees_what_was_posted_before() -> None:
    store = CountingStore()
    journal = Journal(store, LEASE)
    journal.post(event(1))
    assert await journal.call(lambda _: len(store.batches)) == 1
    await journal.close()


async def test_the_first_failure_reaches_every_writer_and_is_final() -> None:
    store = CountingStore(fails_at=1)
    journal = Journal(store, LEASE)
    await journal.write(event(1))
    results = await asyncio.gather(*(journal.write(event(n)) for n in range(3)), return_exceptions=True)
    assert [str(result) for result in results] == ["the disk is full"] * 3
    with pytest.raises(StoreError, match="disk is full"):
        journal.post(event(9))
    await journal.close()
    assert len(store.batches) == 1
