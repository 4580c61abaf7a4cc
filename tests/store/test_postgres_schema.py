"""New, old, newer and foreign databases on a server."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Engine

from evolve.errors import StoreError, StoreLocked, StoreTooNew
from evolve.interfaces import RunInfo
from evolve.store.connection import WRITE, open_engine, transaction
from evolve.store.schema import HEAD, MIGRATIONS
from evolve.store.sql import SqlStore
from evolve.store.tables import metadata

RUN = RunInfo("r", "p", "running", {}, {}, 1.0)
ADD_A_RUN = (
    "insert into runs (id, problem, status, config, provenance, created_at, elapsed_s, holder, expires_at) "
    "values ('old', 'p', 'running', '{}', '{}', 1, 0, %s, %s)"
)


@pytest.fixture
def engine(postgres_url: str) -> Iterator[Engine]:
    engine = open_engine(postgres_url, "normal", 5.0)
    yield engine
    engine.dispose()


def upgrade(engine: Engine, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.connect() as connection, transaction(connection, WRITE, "here"):
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def run(url: str, statement: str, *values: object) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode(), values)


def version(url: str) -> str:
    with psycopg.connect(url) as connection:
        row = connection.execute("select version_num from alembic_version").fetchone()
    assert row is not None
    return str(row[0])


def test_the_history_and_the_tables_give_the_same_schema(engine: Engine) -> None:
    upgrade(engine, "head")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_several_may_open_an_empty_database_at_once(postgres_url: str) -> None:
    with ThreadPoolExecutor(4) as threads:
        stores = list(threads.map(SqlStore, [postgres_url] * 4))
    stores[0].create_run(RUN)
    assert [store.run("r") for store in stores] == [RUN] * 4
    for store in stores:
        store.close()


def test_an_older_database_is_upgraded_by_one_of_several(
    engine: Engine, postgres_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    upgrade(engine, "0002")
    run(postgres_url, ADD_A_RUN, None, None)
    with ThreadPoolExecutor(3) as threads:
        stores = list(threads.map(SqlStore, [postgres_url] * 3))
    assert [store.run("old").problem for store in stores] == ["p"] * 3
    assert stores[0].orders("old", 0) == []
    assert version(postgres_url) == HEAD
    assert any(f"upgraded from revision 0002 to {HEAD}" in message for message in caplog.messages)
    assert any("pg_dump" in message for message in caplog.messages)
    for store in stores:
        store.close()


def test_a_database_is_not_upgraded_under_a_controller(engine: Engine, postgres_url: str) -> None:
    upgrade(engine, "0002")
    run(postgres_url, ADD_A_RUN, "elsewhere:1:1", 1e12)
    with pytest.raises(StoreLocked, match=r"'old' by elsewhere:1:1.*Stop them"):
        SqlStore(postgres_url)
    assert version(postgres_url) == "0002"
    run(postgres_url, "update runs set expires_at = 0")
    with closing(SqlStore(postgres_url)) as store:
        assert store.run("old").problem == "p"


def test_a_newer_database_is_refused_and_left_as_it_is(postgres_url: str) -> None:
    SqlStore(postgres_url).close()
    run(postgres_url, "update alembic_version set version_num = '9999'")
    with pytest.raises(StoreTooNew, match=r"9999.*Upgrade the package"):
        SqlStore(postgres_url)
    assert version(postgres_url) == "9999"


def test_a_database_of_another_program_is_refused(postgres_url: str) -> None:
    run(postgres_url, "create table songs (title text)")
    with pytest.raises(StoreError, match=r"songs.*database of its own"):
        SqlStore(postgres_url)
