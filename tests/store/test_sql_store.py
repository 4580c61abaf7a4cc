"""What the database store promises beyond the protocol: other processes, other threads, a hostile disk."""

from __future__ import annotations

import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from evolve.domain.evaluation import Evaluation, Outcome
from evolve.domain.program import Program
from evolve.domain.proposal import Applied, Choice, Evaluated, Event, Finished, Record, Selected
from evolve.errors import ConfigurationError, StoreAway, StoreError, StoreLocked
from evolve.interfaces import RunInfo
from evolve.store.holder import this_holder
from evolve.store.sql import SqlStore
from tests.store.test_holder import PRINT_HOLDER

RUN = RunInfo("r", "p", "running", {}, {}, 1.0)
WRITE_FOR_EVER = """
import sys
from evolve.domain.proposal import Choice, Event, Finished, Selected
from evolve.domain.evaluation import Outcome
from evolve.store.holder import this_holder
from evolve.store.sql import SqlStore

store = SqlStore(sys.argv[1])
lease = store.acquire("r", this_holder(), 1e6)
step = store.run("r").proposals
while True:
    chosen = Selected(step, Choice(0, (), 0), "diff", step)
    store.append(lease, [chosen, Event("step", {"step": step}), Finished(step, step, Outcome.REJECTED)])
    print(step, flush=True)
    step += 1
"""


def whole(step: int) -> list[Record]:
    return [
        Selected(step, Choice(0, (), 0), "diff", step),
        Applied(Program(step, {"main.py": f"x = {step}"}, (), {})),
        Evaluated(step, Evaluation("full", Outcome.VALID, "judge", metrics={"score": float(step)})),
        Finished(step, step, Outcome.VALID),
    ]


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/deep/er/evolve.db"


@pytest.fixture
def path(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


@pytest.fixture
def store(url: str) -> Iterator[SqlStore]:
    store = SqlStore(url, lock_timeout_s=0.05)
    store.create_run(RUN)
    yield store
    store.close()


def test_a_store_may_be_used_from_another_thread_than_its_maker(store: SqlStore) -> None:
    def write() -> int:
        store.append(store.acquire("r", "me", 60.0), whole(0))
        return len(list(store.history("r")))

    with ThreadPoolExecutor(1) as writer:
        assert writer.submit(write).result() == 1


def test_a_second_store_reads_while_the_first_writes(store: SqlStore, url: str) -> None:
    lease = store.acquire("r", "me", 60.0)
    with ThreadPoolExecutor(1) as elsewhere:
        reader = elsewhere.submit(SqlStore, url).result()
        for step in range(5):
            store.append(lease, whole(step))
            seen = elsewhere.submit(lambda: list(reader.history("r"))).result()
            assert [attempt.finished.step for attempt in seen] == list(range(step + 1))
        reading = reader.history("r")
        next(reading)
        store.append(lease, whole(5))
        assert [attempt.finished.step for attempt in reading] == [1, 2, 3, 4, 5]
        elsewhere.submit(reader.close).result()


def test_a_reader_is_not_kept_out_by_a_write_in_progress(store: SqlStore, path: Path) -> None:
    store.append(store.acquire("r", "me", 60.0), whole(0))
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        assert store.program("r", 0).files == {"main.py": "x = 0"}


def test_a_write_that_finds_the_database_locked_says_so_and_can_be_repeated(store: SqlStore, path: Path) -> None:
    lease = store.acquire("r", "me", 60.0)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreAway, match=r"evolve\.db.*try again"):
            store.append(lease, whole(0))
        with pytest.raises(StoreAway):
            store.renew(lease, 1.0, 0.0, "running")
        other.execute("ROLLBACK")
    store.append(lease, whole(0))
    assert len(list(store.history("r"))) == 1


def test_words_learned_in_an_undone_write_are_learned_again(store: SqlStore, path: Path) -> None:
    lease = store.acquire("r", "me", 60.0)
    with pytest.raises(StoreError):
        store.append(lease, [*whole(0), Finished(7, 1, Outcome.VALID)])
    other = SqlStore(f"sqlite:///{path}")
    other.create_run(RunInfo("s", "p", "running", {}, {}, 1.0))
    verdict = Evaluation("full", Outcome.VALID, "another judge", metrics={"other": 2.0})
    other.append(other.acquire("s", "me", 60.0), [whole(0)[0], Evaluated(0, verdict)])
    other.close()
    store.append(lease, whole(0))
    assert store.evaluations("r", 0)[0].metrics == {"score": 0.0}
    assert store.evaluations("s", 0) == [verdict]


def test_a_full_disk_says_so_and_writes_nothing(store: SqlStore, path: Path) -> None:
    lease = store.acquire("r", "me", 60.0)
    store._connection.exec_driver_sql("PRAGMA max_page_count=1")  # SQLite's own way to be out of room
    store._connection.rollback()
    large = Program(0, {"main.py": "".join(map(str, range(100_000)))}, (), {})
    with pytest.raises(StoreError, match="disk is full"):
        store.append(lease, [whole(0)[0], Applied(large)])
    assert store.run("r").proposals == 0


def test_a_read_only_file_says_so(store: SqlStore) -> None:
    lease = store.acquire("r", "me", 60.0)
    store._connection.exec_driver_sql("PRAGMA query_only=on")
    store._connection.rollback()
    with pytest.raises(StoreError, match="read-only"):
        store.append(lease, whole(0))


def test_a_damaged_file_says_so(store: SqlStore, url: str, path: Path) -> None:
    lease = store.acquire("r", "me", 60.0)
    for step in range(50):
        store.append(lease, whole(step))
    store.close()
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\xa5" * (len(content) - 4096))
    with pytest.raises(StoreError, match=r"evolve\.db.*damaged"):
        SqlStore(url).runs()


def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database, but long enough to be read as the header of one" * 20)
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"notes\.txt.*choose another path"):
        SqlStore(f"sqlite:///{path}")
    assert path.read_bytes() == before


def test_a_folder_is_no_database(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="must be a file"):
        SqlStore(f"sqlite:///{tmp_path}")


def test_a_folder_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be made"):
        SqlStore(f"sqlite:///{tmp_path}/file/sub/evolve.db")


@pytest.mark.parametrize("url", ["nonsense", "nodb:///x", "sqlite://", "sqlite:///:memory:"])
def test_a_url_that_makes_no_sense_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="sqlite:///"):
        SqlStore(url)


def test_synchronous_is_one_of_two(url: str) -> None:
    with pytest.raises(ConfigurationError, match="'off'"):
        SqlStore(url, synchronous="off")


@pytest.mark.parametrize(("synchronous", "level"), [("normal", 1), ("full", 2)])
def test_synchronous_reaches_the_database(url: str, synchronous: str, level: int) -> None:
    store = SqlStore(url, synchronous=synchronous)
    assert store._connection.exec_driver_sql("PRAGMA synchronous").scalar() == level
    store.close()


def test_a_name_that_is_not_unicode_is_refused_in_words(store: SqlStore) -> None:
    lease = store.acquire("r", "me", 60.0)
    with pytest.raises(StoreError, match="not Unicode"):
        store.append(lease, [Selected(0, Choice(0, (), 0), "\ud800", 0)])
    store.append(lease, whole(0))


def test_equal_files_are_kept_once(store: SqlStore, path: Path) -> None:
    lease = store.acquire("r", "me", 60.0)
    for step in range(3):
        store.append(lease, [whole(step)[0], Applied(Program(step, {"a.py": "same", "b.py": "same"}, (), {}))])
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM blobs").fetchone() == (1,)


@pytest.fixture
def alive() -> Iterator[str]:
    """Return the name of a holder whose process lives."""
    with subprocess.Popen([sys.executable, "-c", PRINT_HOLDER], stdin=-1, stdout=-1, text=True) as child:
        assert child.stdout is not None
        yield child.stdout.readline().strip()
        child.kill()


def test_a_clock_that_is_set_forward_ends_no_lease_of_a_living_process(store: SqlStore, url: str, alive: str) -> None:
    lease = store.acquire("r", alive, 4.0)
    forward = SqlStore(url, clock=lambda: time.time() + 86_400)
    with ThreadPoolExecutor(1) as elsewhere:
        taking = elsewhere.submit(forward.acquire, "r", "another", 4.0)
        time.sleep(0.3)
        holding = SqlStore(url, clock=lambda: time.time() + 86_400)  # it goes by the same clock
        holding.renew(lease, 4.0, 1.0, "running")
        with pytest.raises(StoreLocked, match=re.escape(alive)):
            taking.result(30)
        elsewhere.submit(forward.close).result()
    holding.append(lease, whole(0))
    holding.close()


def test_a_process_that_lives_and_does_not_renew_its_lease_is_replaced(store: SqlStore, url: str, alive: str) -> None:
    lease = store.acquire("r", alive, 0.0)
    assert store.acquire("r", "another", 0.4).fence > lease.fence


def test_a_clock_that_is_set_back_keeps_nobody_out_when_the_holder_is_gone(store: SqlStore, url: str) -> None:
    host, pid, started = this_holder().rsplit(":", 2)
    lease = store.acquire("r", f"{host}:{pid}:{int(started) - 1}", 60.0)
    back = SqlStore(url, clock=lambda: time.time() - 86_400)
    assert back.acquire("r", "another", 60.0).fence > lease.fence
    back.close()


def test_what_was_written_survives_a_killed_process_and_its_lease_is_free(store: SqlStore, url: str) -> None:
    for _ in range(3):
        with subprocess.Popen([sys.executable, "-c", WRITE_FOR_EVER, url], stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            for _ in range(20):
                confirmed = int(child.stdout.readline())
            child.send_signal(signal.SIGKILL)
            rest = child.stdout.read().splitlines()
        confirmed = int(rest[-1]) if rest else confirmed
        written = [attempt.finished.step for attempt in store.history("r")]
        assert written == list(range(len(written)))
        assert len(written) > confirmed
        assert [event.data["step"] for _, event in store.events("r")] == written
        assert store.unfinished("r") == []
    assert store.acquire("r", "me", 60.0).fence == 4
    store.append(store.acquire("r", "me", 60.0), [Event("resumed", {})])


def test_space_cannot_be_reclaimed_while_another_process_writes(store: SqlStore, path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match=r"evolve\.db.*locked"):
            store.reclaim()
        other.execute("ROLLBACK")
    assert store.reclaim() == 0
