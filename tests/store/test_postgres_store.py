"""What the database store promises on a server: its clock, its restarts, its words, and no password in them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

import psycopg
import pytest

from evolve.domain.program import Program
from evolve.domain.proposal import Applied, Choice, Event, Record, Selected
from evolve.errors import ConfigurationError, LeaseLost, StoreAway, StoreError, StoreLocked
from evolve.interfaces import RunInfo
from evolve.store.address import public
from evolve.store.sql import SqlStore
from tests.postgres import Server

RUN = RunInfo("r", "p", "running", {}, {}, 1.0)
CHOSEN = Selected(0, Choice(0, (), 0), "diff", 0)


@pytest.fixture
def store(postgres_url: str) -> Iterator[SqlStore]:
    store = SqlStore(postgres_url, lock_timeout_s=0.2)
    store.create_run(RUN)
    yield store
    store.close()


def test_leases_go_by_the_servers_clock_whatever_the_clients_think(postgres_url: str, store: SqlStore) -> None:
    ahead = SqlStore(postgres_url, clock=lambda: 4e9)
    behind = SqlStore(postgres_url, clock=lambda: 0.0)
    lease = behind.acquire("r", "behind:1:1", 30.0)
    with pytest.raises(StoreLocked, match=r"behind:1:1 for another (29|30) s"):
        ahead.acquire("r", "ahead:1:1", 30.0)
    assert ahead.holder("r") == store.holder("r") == "behind:1:1"
    behind.renew(lease, 0.0, 1.0, "running")
    with pytest.raises(LeaseLost):
        taken = ahead.acquire("r", "ahead:1:1", 30.0)
        behind.append(lease, [CHOSEN])
    ahead.append(taken, [CHOSEN])
    for other in (ahead, behind):
        other.close()


@pytest.mark.parametrize("end", [Server.stop, Server.kill])
def test_a_store_says_that_its_server_is_gone_and_works_again_when_it_is_back(
    end: Callable[[Server], None], postgres_server: Server, store: SqlStore
) -> None:
    lease = store.acquire("r", "elsewhere:1:1", 60.0)
    store.append(lease, [CHOSEN])
    end(postgres_server)
    for _ in range(2):
        with pytest.raises(StoreAway):
            store.append(lease, [Event("n", {})])
        with pytest.raises(StoreAway):
            store.run("r")
    postgres_server.start()
    store.append(lease, [Event("n", {})])
    store.renew(lease, 60.0, 1.0, "running")
    assert len(store.events("r")) == len(store.unfinished("r")) == 1


def test_a_batch_whose_confirmation_was_lost_can_be_sent_again(postgres_server: Server, store: SqlStore) -> None:
    lease = store.acquire("r", "elsewhere:1:1", 60.0)
    batch: list[Record] = [CHOSEN, Applied(Program(0, {"a.py": "1"}, (), {})), Event("n", {})]
    store.append(lease, batch)
    postgres_server.kill()
    postgres_server.start()
    with pytest.raises(StoreAway):
        store.append(lease, batch)
    store.append(lease, batch)
    assert len(store.events("r")) == len(store.unfinished("r")) == 1


def test_a_locked_run_is_away_until_it_is_free(postgres_url: str, store: SqlStore) -> None:
    lease = store.acquire("r", "elsewhere:1:1", 60.0)
    with psycopg.connect(postgres_url) as other:
        other.execute("select * from runs for update")
        with pytest.raises(StoreAway, match="Another process is writing to it"):
            store.append(lease, [CHOSEN])
        assert store.unfinished("r") == []
    store.append(lease, [CHOSEN])


def test_a_server_that_takes_no_writes_is_waited_for(postgres_server: Server, postgres_url: str) -> None:
    database = postgres_url.split("/")[3].partition("?")[0]
    store = SqlStore(postgres_url)
    store.create_run(RUN)
    lease = store.acquire("r", "elsewhere:1:1", 60.0)
    store.close()
    postgres_server.execute(f"alter database {database} set transaction_read_only = on")
    try:
        store = SqlStore(postgres_url)
        assert store.run("r").id == "r"
        store._connection.exec_driver_sql("set default_transaction_read_only = on")
        store._connection.rollback()
    finally:
        postgres_server.execute(f"alter database {database} reset transaction_read_only")
    store.append(lease, [CHOSEN])
    store.close()


def test_who_stops_in_the_middle_of_a_write_loses_its_locks(postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        store = SqlStore(postgres_url)
        shown = store._connection.exec_driver_sql("show idle_in_transaction_session_timeout").scalar()
        assert shown == "20s"
        store.close()
        connection.rollback()


def test_writers_of_several_runs_do_not_hinder_each_other(postgres_url: str) -> None:
    """They write the same files and names at once, in different orders."""

    def write(number: int) -> None:
        store = SqlStore(postgres_url)
        store.create_run(RunInfo(f"run{number}", "p", "running", {}, {}, 1.0))
        lease = store.acquire(f"run{number}", "elsewhere:1:1", 60.0)
        for step in range(30):
            text = str(step if number % 2 else 29 - step) * 300
            batch: list[Record] = [replace(CHOSEN, step=step), Applied(Program(step, {"a.py": text}, (), {}))]
            while True:
                try:
                    store.append(lease, batch)
                    break
                except StoreAway:
                    continue
        written.append(len(store.unfinished(f"run{number}")))
        store.close()

    SqlStore(postgres_url).close()
    written: list[int] = []
    writers = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert written == [30] * 4


# ── passwords ─────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://ann:s3cret@host/db", "postgresql://ann@host/db"),
        ("postgresql://ann:s3cret@ss@host:5/db", "postgresql://ann@host:5/db"),
        ("postgresql://host/db?user=ann&password=s3cret", "postgresql://host/db?user=ann&password=***"),
        ("postgresql://ann@host/db?sslpassword=s3cret&x=1", "postgresql://ann@host/db?sslpassword=***&x=1"),
        ("postgresql://ann:s3cret/x@host/db", "postgresql://ann@host/db"),
        ("postgresql://ann@host/db", "postgresql://ann@host/db"),
        ("sqlite:////tmp/a@b:c/evolve.db", "sqlite:////tmp/a@b:c/evolve.db"),
    ],
)
def test_a_url_is_shown_without_what_could_be_a_password(url: str, shown: str) -> None:
    assert public(url) == shown


@pytest.mark.parametrize(
    "form",
    [
        "postgresql://nobody-here:s3cret@/nowhere?host={socket}",
        "postgresql://nobody-here@/nowhere?host={socket}&password=s3cret",
        "postgresql://nobody-here:s3cret@ss@localhost/nowhere",
        "postgresql://nobody-here:s3cret@localhost:port/nowhere",
        "postgresql://nobody-here:s3cret@127.0.0.1:1/nowhere",
        "postgresql://nobody-here:s3cret@localhost",
        "mysql://nobody-here:s3cret@localhost/nowhere",
    ],
)
def test_no_error_has_a_password(form: str, postgres_url: str, caplog: pytest.LogCaptureFixture) -> None:
    url = form.replace("{socket}", postgres_url.partition("host=")[2])
    with caplog.at_level(logging.DEBUG), pytest.raises((StoreError, ConfigurationError)) as caught:
        SqlStore(url)
    assert "s3cret" not in str(caught.value) + caplog.text


def test_a_server_that_is_not_there_says_what_to_do() -> None:
    with pytest.raises(StoreAway, match=r"Start the server, or check the URL"):
        SqlStore("postgresql://someone@127.0.0.1:1/nowhere")


def test_a_role_without_rights_is_told_what_it_lacks(postgres_server: Server, postgres_url: str) -> None:
    postgres_server.execute("create role weak login")
    try:
        with pytest.raises(StoreError, match=r"owner give the role the right"):
            SqlStore(postgres_url.replace("postgres@", "weak@"))
    finally:
        postgres_server.execute("drop role weak")
