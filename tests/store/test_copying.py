"""Runs copied between kinds of stores, there and back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from evolve.conformance.store import RUN, everything
from evolve.domain.proposal import Event
from evolve.domain.steering import Hint, Pin
from evolve.errors import StoreAway, StoreError, StoreLocked
from evolve.interfaces import Entry, Store
from evolve.store.copying import Copied, copy_run, difference
from evolve.store.memory import MemoryStore
from evolve.store.sql import SqlStore


@pytest.fixture
def stores(postgres_url: str, tmp_path: Path) -> Iterator[dict[str, Store]]:
    with ExitStack() as closing:
        found: dict[str, Store] = {
            "file": SqlStore(f"sqlite:///{tmp_path}/a.db"),
            "other file": SqlStore(f"sqlite:///{tmp_path}/b.db"),
            "server": SqlStore(postgres_url),
            "memory": MemoryStore(),
        }
        for store in found.values():
            closing.callback(store.close)
        yield found


def fill(store: Store, run: str = RUN.id) -> None:
    """Write a run of everything, under two leases, with orders."""
    store.create_run(replace(RUN, id=run))
    lease = store.acquire(run, "elsewhere:1:1", 60.0)
    store.append(lease, everything())
    store.release(lease, 3.0, "paused")
    store.order(run, Hint("go on"))
    store.order(run, Pin(0))
    again = store.acquire(run, "elsewhere:1:1", 60.0)
    store.append(again, [Event("resumed", {"x": [1, 2]})])
    store.release(again, 5.0, "paused")


@pytest.mark.parametrize("way", [("file", "server", "other file"), ("server", "file", "memory")], ids=" > ".join)
def test_a_run_is_the_same_there_and_back(stores: dict[str, Store], way: tuple[str, ...]) -> None:
    fill(stores[way[0]])
    for here, there in pairwise(way):
        assert copy_run(stores[here], stores[there], RUN.id) is Copied.NEW
    assert difference(stores[way[0]], stores[way[-1]], RUN.id) == ""
    assert list(stores[way[0]].entries(RUN.id)) == list(stores[way[-1]].entries(RUN.id))


def test_a_copy_can_be_worked_on_by_the_next_holder(stores: dict[str, Store]) -> None:
    fill(stores["file"])
    copy_run(stores["file"], stores["server"], RUN.id)
    before = stores["file"].acquire(RUN.id, "elsewhere:1:1", 60.0)
    lease = stores["server"].acquire(RUN.id, "elsewhere:1:1", 60.0)
    assert lease.fence == before.fence
    stores["server"].append(lease, [Event("resumed", {})])


def test_a_copy_again_is_compared_and_another_run_of_that_name_is_left_alone(stores: dict[str, Store]) -> None:
    fill(stores["file"])
    copy_run(stores["file"], stores["server"], RUN.id)
    assert copy_run(stores["file"], stores["server"], RUN.id) is Copied.THERE
    lease = stores["server"].acquire(RUN.id, "elsewhere:1:1", 60.0)
    stores["server"].append(lease, [Event("more", {})])
    before = list(stores["server"].entries(RUN.id))
    with pytest.raises(StoreError, match="another run"):
        copy_run(stores["file"], stores["server"], RUN.id)
    assert list(stores["server"].entries(RUN.id)) == before


def test_a_run_that_is_worked_on_is_not_copied(stores: dict[str, Store]) -> None:
    fill(stores["file"])
    stores["file"].acquire(RUN.id, "elsewhere:1:1", 60.0)
    with pytest.raises(StoreLocked, match=r"elsewhere:1:1.*evolve pause"):
        copy_run(stores["file"], stores["server"], RUN.id)


class CutOff(MemoryStore):
    """A store that goes away while it is read."""

    def entries(self, run: str, steps: range | None = None) -> Iterator[Entry]:
        for number, entry in enumerate(super().entries(run, steps)):
            if number == 5:
                raise StoreAway("the network is gone")
            yield entry


@pytest.mark.parametrize("target", ["file", "server"])
def test_a_copy_that_is_cut_off_leaves_nothing_and_is_repeated(stores: dict[str, Store], target: str) -> None:
    source = CutOff()
    fill(source)
    with pytest.raises(StoreAway):
        copy_run(source, stores[target], RUN.id)
    assert list(stores[target].runs()) == []
    whole = MemoryStore()
    fill(whole)
    assert copy_run(whole, stores[target], RUN.id) is Copied.NEW
