"""Runs in processes of their own whose stores go away: full, locked, moved, read-only, restarted."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.live_run import Place
from tests.postgres import Server

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to mount a small disk")


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """Return the folder of the SQLite file."""
    folder = tmp_path / "kept"
    folder.mkdir()
    return folder


@pytest.fixture
def on_file(kept: Path, tmp_path: Path) -> Iterator[Place]:
    place = Place(f"sqlite:///{kept}/evolve.db", tmp_path)
    yield place
    place.close()


@pytest.fixture
def on_server(postgres_url: str, tmp_path: Path) -> Iterator[Place]:
    place = Place(postgres_url.replace("postgres@", "postgres:s3cret@"), tmp_path)
    yield place
    place.close()


@pytest.fixture
def small_disk(kept: Path) -> Iterator[Path]:
    """Mount a disk of twelve megabytes on the folder of the SQLite file: its log alone may take four."""
    mount("-t", "tmpfs", "-o", "size=12m", "small", kept)
    yield kept
    subprocess.run(["umount", "--lazy", kept], check=True)


def fill(disk: Path) -> Path:
    """Leave no room on a disk; return the file that takes it."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return ballast


@needs_root
def test_a_full_disk_pauses_the_run_until_there_is_room(small_disk: Path, on_file: Place) -> None:
    run = on_file.start(evaluations=60)
    on_file.until_finished(10)
    ballast = fill(small_disk)
    run.until_it_says("The disk is full: free some space. The run waits for the store")
    ballast.unlink()
    run.until_it_says("The store answers again")
    assert run.ended() == 0, run.said()
    on_file.check_whole()
    assert on_file.info().evaluated == 60


@needs_root
def test_a_run_on_a_full_disk_can_be_stopped_and_goes_on_later(small_disk: Path, on_file: Place) -> None:
    run = on_file.start()
    on_file.until_finished(10)
    ballast = fill(small_disk)
    run.until_it_says("The run waits for the store")
    run.send(signal.SIGINT)
    assert run.ended() == 1
    assert "free some space" in run.said()
    assert f"Go on with: evolve resume r --store {on_file.url}" in run.said()
    ballast.unlink()
    before = on_file.attempts()
    again = on_file.resume(f"budget.evaluations={len(before) + 10}")
    assert again.ended() == 0, again.said()
    on_file.check_whole()
    assert on_file.attempts()[: len(before)] == before


def test_a_locked_file_pauses_the_run_and_patience_has_an_end(kept: Path, on_file: Place) -> None:
    run = on_file.start("controller.store_patience_s=4")
    on_file.until_finished(5)
    with closing(sqlite3.connect(kept / "evolve.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        run.until_it_says("Another process is writing to it")
        other.execute("ROLLBACK")
        run.until_it_says("The store answers again")
        other.execute("BEGIN IMMEDIATE")
        assert run.ended() == 1
    assert "The store was away for" in run.said()
    assert "Go on with: evolve resume r" in run.said()
    on_file.check_whole()


@pytest.fixture
def read_only(kept: Path) -> Iterator[Path]:
    """Return a view of the folder of the SQLite file through which nothing can be written."""
    view = kept.with_name("view")
    view.mkdir()
    mount("--bind", kept, view)
    mount("-o", "remount,bind,ro", view)
    yield view
    subprocess.run(["umount", "--lazy", view], check=True)


def mount(*arguments: str | Path) -> None:
    subprocess.run(["mount", *arguments], check=True)


@needs_root
def test_a_place_that_vanishes_and_is_read_only_when_it_is_back_is_waited_for(
    kept: Path, read_only: Path, on_file: Place
) -> None:
    run = on_file.start(evaluations=300)
    on_file.until_finished(5)
    mount("-t", "tmpfs", "nothing", kept)
    try:
        run.until_it_says("the file was moved, removed or replaced. Put it back.")
        mount("--bind", read_only, kept)
        time.sleep(2.0)
        assert "answers again" not in run.said()
        subprocess.run(["umount", kept], check=True)
    finally:
        subprocess.run(["umount", kept], check=True)
    run.until_it_says("The store answers again")
    assert run.ended() == 0, run.said()
    on_file.check_whole()
    assert on_file.info().evaluated == 300


@pytest.mark.parametrize("end", [Server.stop, Server.kill])
def test_a_server_that_is_restarted_in_the_middle_of_a_run(
    end: Callable[[Server], None], postgres_server: Server, on_server: Place
) -> None:
    run = on_server.start(evaluations=60)
    on_server.until_finished(10)
    end(postgres_server)
    run.until_it_says("The run waits for the store")
    assert run.still_runs()
    postgres_server.start()
    run.until_it_says("The store answers again")
    assert run.ended() == 0, run.said()
    on_server.check_whole()
    info = on_server.info()
    assert info.evaluated == 60
    assert "s3cret" not in run.said() + run.printed() + repr(info) + repr(on_server.events())


def test_connections_that_are_cut_are_made_again(postgres_server: Server, on_server: Place) -> None:
    run = on_server.start(evaluations=60)
    for count in (5, 15, 25):
        on_server.until_finished(count)
        postgres_server.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'evolve'"
        )
    assert run.ended() == 0, run.said()
    on_server.check_whole()
    assert on_server.info().evaluated == 60
