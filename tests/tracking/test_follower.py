"""A tracker that fails, hangs or is slow never stops a run, and misses nothing that it can be told later."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from evolve import wiring
from evolve.store.sql import SqlStore
from evolve.tracking.follower import Followers, send
from tests.tracking.tracking_support import RUN, Notes, go_on, small_run

_WAIT_S = 60.0


@pytest.fixture
def url(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path}/e.db"
    store = SqlStore(url)
    store.create_run(RUN)
    go_on(store, 0, 3)
    store.close()
    return url


def _followers(url: str, said: list[str], patience_s: float = _WAIT_S, **trackers: Notes) -> Followers:
    return Followers(
        trackers, open_store=lambda: SqlStore(url), run=RUN.id, already=0, patience_s=patience_s, say=said.append
    )


def test_it_tells_what_is_on_record_and_then_what_is_new(url: str) -> None:
    notes, said = Notes(), list[str]()
    followers = _followers(url, said, notes=notes)
    followers.start()
    _until(lambda: len(notes.told) == 3)
    store = SqlStore(url)
    go_on(store, 3, 5, status="finished")
    store.close()
    followers.close()
    assert [item.row.sequence for item in notes.told] == [0, 1, 2, 3, 4]
    assert (notes.ended, notes.begun, notes.closed, said) == (["finished"], 1, 1, [])
    totals = [item.totals for item in notes.told]
    assert [t.best["score"] for t in totals] == [1.0, 3.0, 3.0, 4.0, 4.0]
    assert (totals[-1].attempts, totals[-1].evaluations, totals[-1].calls, totals[-1].tokens) == (5, 5, 5, 75)
    assert (totals[-1].cost_usd, totals[-1].evaluation_s, totals[-1].best["time of it, s"]) == (1.25, 2.5, 6.0)


def test_totals_are_those_of_the_whole_run_where_a_tracker_has_the_first_attempts() -> None:
    store, notes = small_run(4), Notes()
    send(notes, store, RUN.id)
    whole = notes.told[-1].totals
    del notes.told[2:]
    assert send(notes, store, RUN.id) == 2
    assert notes.told[-1].totals == whole


def test_one_that_fails_is_said_once_and_begun_again(url: str) -> None:
    failing, fine, said = Notes(fails=2), Notes(), list[str]()
    followers = _followers(url, said, failing=failing, fine=fine)
    followers.start()
    _until(lambda: len(failing.told) == 3)
    followers.close()
    assert (failing.begun, failing.closed, failing.ended) == (3, 3, ["paused"])
    assert len(fine.told) == 3 and fine.begun == 1
    assert len(said) == 1 and said[0].startswith("tracker=failing: ConnectionError: nobody answers")


def test_one_that_hangs_or_always_fails_is_left_behind_with_a_word_on_how_to_send_the_rest(url: str) -> None:
    released = threading.Event()
    hanging, failing, said = Notes(wait=lambda: _hold(released)), Notes(fails=1000), list[str]()
    followers = _followers(url, said, patience_s=0.5, hanging=hanging, failing=failing)
    followers.start()
    _until(lambda: bool(said))
    followers.close()
    released.set()
    assert said[0].startswith("tracker=failing: ConnectionError")
    assert sorted(line.partition(" has not")[0] for line in said[1:]) == ["tracker=failing", "tracker=hanging"]
    assert f"evolve track {RUN.id} --tracker hanging" in " ".join(said)


def _hold(released: threading.Event) -> None:
    released.wait(_WAIT_S)


def _until(happened: object) -> None:
    assert callable(happened)
    deadline = time.monotonic() + _WAIT_S
    while not happened():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.02)


def test_trackers_are_made_of_settings_and_their_passwords_are_not_recorded() -> None:
    from evolve import configuration

    chosen = [
        "tracker=[mlflow,tensorboard]",
        "trackers.mlflow.uri=http://me:s3cret@h/",
        "trackers.tensorboard.folder=t",
    ]
    config = configuration.configure(["problem=bin_packing", *chosen])
    parts = wiring.build(config)
    assert sorted(parts.trackers()) == ["mlflow", "tensorboard"]
    recorded = wiring.new_run(config, parts)
    assert "s3cret" not in repr(recorded) and "'folder': 't'" in repr(recorded)
    assert dict(wiring.build(configuration.configure(["problem=bin_packing"])).trackers()) == {}
