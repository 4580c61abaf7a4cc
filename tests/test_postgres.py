"""The server that other tests use: what it keeps when it is stopped or killed."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest

from tests.postgres import Server


@pytest.mark.parametrize("end", [Server.stop, Server.kill])
def test_what_is_committed_survives_the_end_of_the_server(
    end: Callable[[Server], None], postgres_server: Server, postgres_url: str
) -> None:
    with psycopg.connect(postgres_url) as connection:
        connection.execute("create table kept (value integer)")
        connection.execute("insert into kept values (7)")
        connection.commit()
        end(postgres_server)
        assert not postgres_server.running
        with pytest.raises(psycopg.OperationalError):
            connection.execute("select 1")
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(postgres_url)

    postgres_server.start()

    with psycopg.connect(postgres_url) as connection:
        assert connection.execute("select value from kept").fetchall() == [(7,)]


def test_each_database_is_empty_and_of_its_own(postgres_server: Server, postgres_url: str) -> None:
    other = postgres_server.create_database()
    postgres_server.execute("create table here (value integer)", other)
    with psycopg.connect(postgres_url) as connection:
        found = connection.execute("select count(*) from pg_tables where schemaname = 'public'").fetchone()
    postgres_server.drop_database(other)

    assert found == (0,)
