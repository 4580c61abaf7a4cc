"""Two controllers and one run, in processes of their own: one works, the other says who does."""

from __future__ import annotations

import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from evolve.store.address import is_postgres
from tests.live_run import LiveRun, Place, until

LEASE_S = 2.0


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    on_file = f"sqlite:///{tmp_path}/evolve.db"
    place = Place(on_file if request.param == "sqlite" else request.getfixturevalue("postgres_url"), tmp_path)
    yield place
    place.close()


def freeze(run: LiveRun, place: Place) -> None:
    """Stop a process in its tracks, but not in the middle of a write: nobody else could write then."""
    for _ in range(100):
        run.send(signal.SIGSTOP)
        if _run_is_free(place.url) if is_postgres(place.url) else _file_is_free(place.url):
            return
        run.send(signal.SIGCONT)
        time.sleep(0.01)
    raise AssertionError("the run was writing a hundred times in a row")


def _run_is_free(url: str) -> bool:
    with psycopg.connect(url) as other:
        return other.execute("select 1 from runs for update skip locked").fetchone() is not None


def _file_is_free(url: str) -> bool:
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"), timeout=0, isolation_level=None)) as other:
        try:
            other.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return False
        other.execute("ROLLBACK")
        return True


def test_of_two_controllers_one_works_and_the_other_says_who_holds_the_lease(place: Place) -> None:
    first = place.start("controller.lease_s=30")
    place.until_finished(3)
    second = place.resume()
    assert second.ended() == 1
    assert f"Run 'r' is held by {place.holder()}" in second.said()
    assert "wait until its lease expires" in second.said()
    assert f":{first.pid}:" in str(place.holder())
    done = len(place.attempts())
    place.until_finished(done + 3)
    first.send(signal.SIGINT)
    assert first.ended() == 0, first.said()
    place.check_whole()


def test_a_controller_that_slept_past_its_lease_notices_that_it_was_replaced_and_writes_nothing(place: Place) -> None:
    first = place.start(f"controller.lease_s={LEASE_S}")
    place.until_finished(5)
    freeze(first, place)
    until(lambda: place.holder() is None, "the lease expires")
    second = place.resume()
    until(lambda: f":{second.pid}:" in str(place.holder()), "the second controller has the lease")
    done = len(place.attempts())
    place.until_finished(done + 5)
    first.send(signal.SIGCONT)
    assert first.ended() == 1
    assert f"Run 'r' is held by {place.holder()} now: lease 1 is over" in first.said()
    assert f":{second.pid}:" in str(place.holder())
    done = len(place.attempts())
    place.until_finished(done + 3)
    second.send(signal.SIGINT)
    assert second.ended() == 0, second.said()
    place.check_whole()
    assert place.info().status == "paused"
