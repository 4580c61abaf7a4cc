"""What every Tracker promises. What it wrote is read back in ``tests/tracking``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from evolve.interfaces import RunInfo, Told, Tracker
from evolve.store.memory import MemoryStore
from evolve.tracking.follower import send
from tests.conformance.record_support import RUN, write_everything
from tests.tracking.tracking_support import Make, Notes, makers

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload``:DeprecationWarning")  # of MLflow's own store
NAMES = ("mlflow", "notes", "otel", "prometheus", "tensorboard", "wandb")
_REMEMBERS = {"mlflow", "tensorboard", "wandb"}


@pytest.fixture(params=NAMES)
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    return {**makers(tmp_path), "notes": Notes}[request.param]


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


@pytest.fixture
def store() -> MemoryStore:
    """A run with one of everything that a record can hold, under a name that is no file's."""
    store = MemoryStore()
    write_everything(store, replace(RUN, id='it\'s / a "run" # é'))
    return store


def test_it_takes_every_attempt_of_a_run_with_one_of_everything(
    make: Make, store: MemoryStore, request: pytest.FixtureRequest
) -> None:
    (info,) = store.runs()
    finished = store.questions().status(info.id).finished
    watched = _Watched(make())
    assert send(watched, store, info.id) == finished > 4
    assert watched.sequences == list(range(finished))
    again = _Watched(make())  # as another process would
    sent = send(again, store, info.id, already=finished)
    remembers = request.node.callspec.params["make"] in _REMEMBERS | {"otel"}
    assert sent == len(again.sequences) == (0 if remembers else finished)


def test_it_is_closed_before_it_begins_and_twice(make: Make, store: MemoryStore) -> None:
    tracker = make()
    tracker.close()
    (info,) = store.runs()
    tracker.begin(info, 0)
    tracker.close()
    tracker.close()
