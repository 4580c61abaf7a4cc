"""What every Tracker promises. What it wrote is read back by tests of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from evolve.conformance.whole_run import RUN, write_everything
from evolve.interfaces import RunInfo, Told, Tracker
from evolve.store.memory import MemoryStore
from evolve.tracking.follower import send


class _Watched:
    """Passes on to a tracker, and counts."""

    def __init__(self, tracker: Tracker) -> None:
        self.afterwards = tracker.afterwards
        self.sequences: list[int] = []
        self._tracker = tracker

    def begin(self, run: RunInfo, already: int) -> int:
        return self._tracker.begin(run, already)

    def tell(self, told: Sequence[Told]) -> None:
        self._tracker.tell(told)
        self.sequences += [item.row.sequence for item in told]

    def end(self, run: RunInfo) -> None:
        self._tracker.end(run)

    def close(self) -> None:
        self._tracker.close()


class TrackerSuite:
    """What every Tracker promises. A class of yours says how one is made, and whether it goes on behind what it has."""

    @pytest.fixture
    def make(self) -> Callable[[], Tracker]:
        """Return what makes trackers that send to one place."""
        raise NotImplementedError("Override the fixture make in your class.")

    @pytest.fixture
    def goes_on(self) -> bool:
        """Whether a second tracker of a run goes on behind what the first was told; else it begins anew."""
        return False

    @pytest.fixture
    def store(self) -> MemoryStore:
        """Return a run with one of everything that a record can hold, under a name that is no file's."""
        store = MemoryStore()
        write_everything(store, replace(RUN, id='it\'s / a "run" # é'))
        return store

    def test_it_takes_every_attempt_of_a_run_with_one_of_everything(
        self, make: Callable[[], Tracker], store: MemoryStore, goes_on: bool
    ) -> None:
        (info,) = store.runs()
        finished = store.questions().status(info.id).finished
        watched = _Watched(make())
        assert send(watched, store, info.id) == finished > 4
        assert watched.sequences == list(range(finished))
        again = _Watched(make())  # as another process would
        sent = send(again, store, info.id, already=finished)
        assert sent == len(again.sequences) == (0 if goes_on else finished)

    def test_it_is_closed_before_it_begins_and_twice(self, make: Callable[[], Tracker], store: MemoryStore) -> None:
        tracker = make()
        tracker.close()
        (info,) = store.runs()
        tracker.begin(info, 0)
        tracker.close()
        tracker.close()
