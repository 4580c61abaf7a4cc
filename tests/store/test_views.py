"""The views that README.md documents, by running its examples, and beside the answers of the Python questions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection

from evolve.conformance.synthetic import fill
from evolve.domain.objective import Direction, Objective
from evolve.interfaces import RunInfo
from evolve.store.columns import TABLES
from evolve.store.sql import SqlStore
from evolve.store.views import names

README = Path(__file__).resolve().parents[2] / "evolve" / "store" / "README.md"
AIMS = (Objective("sum_radii", Direction.MAXIMIZE), Objective("time_s", Direction.MINIMIZE))
EXAMPLES = re.findall(r"```sql\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlStore]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/views.db"
    else:
        url = str(request.getfixturevalue("postgres_url")).replace("postgresql://", "postgresql+psycopg://")
    store = SqlStore(url)
    store.create_run(RunInfo("first", "packing", "paused", {}, {}, 0.0, objectives=AIMS))
    fill(store, store.acquire("first", "me", 60.0), 60, metric="sum_radii")
    yield store
    store.close()


@pytest.fixture
def connection(store: SqlStore) -> Connection:
    return store._connection


def test_every_example_runs_and_says_something(connection: Connection) -> None:
    assert len(EXAMPLES) >= 9
    for example in EXAMPLES:
        assert connection.exec_driver_sql(example.strip().rstrip(";")).all(), example
    connection.rollback()


def test_the_readme_names_every_view_and_column(connection: Connection) -> None:
    text = README.read_text(encoding="utf-8")
    for view in names("9999"):
        columns = connection.exec_driver_sql(f"SELECT * FROM {view} LIMIT 1").keys()
        assert f"| `{view}` |" in text and f"| {', '.join(columns)} |" in text, view
    connection.rollback()
    for table in TABLES:
        listed = ", ".join(f"{c.name} ({c.kind})" for c in table.columns)
        assert f"| `{table.name}` | {table.meaning} | {listed} |" in text, table.name


def test_views_say_what_the_questions_say(store: SqlStore, connection: Connection) -> None:
    asked = store.questions()
    for aim in AIMS:
        query = f"SELECT proposals, step, value FROM best_so_far WHERE objective = '{aim.name}' ORDER BY proposals"
        curve = [tuple(row) for row in connection.exec_driver_sql(query)]
        connection.rollback()
        assert curve == [(best.proposals, best.step, best.value) for best in asked.curve("first", aim.name, 1000)]
    counted = connection.exec_driver_sql("SELECT sum(attempts), sum(calls), sum(placed) FROM costs").one()
    connection.rollback()
    status = asked.status("first")
    assert tuple(map(int, counted)) == (status.finished, status.calls, status.placed)
    ended = {
        (row[0], row[1]): int(row[2])
        for row in connection.exec_driver_sql("SELECT outcome, cause, attempts FROM outcomes")
    }
    connection.rollback()
    told: dict[tuple[str, str], int] = {}
    for tally in asked.tallies("first"):
        key = (str(tally.outcome), tally.cause)
        told[key] = told.get(key, 0) + tally.attempts
    assert ended == told
    line = (
        connection.exec_driver_sql("SELECT ancestor FROM lineage WHERE step = 59 ORDER BY generation").scalars().all()
    )
    connection.rollback()
    assert line == [row.step for row in asked.lineage("first", 59)]


def test_views_survive_names_that_are_no_ascii(store: SqlStore, connection: Connection) -> None:
    odd = (Objective("größe", Direction.MAXIMIZE), Objective("\ud800 alone", Direction.MAXIMIZE))
    store.create_run(RunInfo("odd", "packing", "paused", {}, {}, 0.0, objectives=odd))
    fill(store, store.acquire("odd", "me", 60.0), 5, metric="größe")
    assert connection.exec_driver_sql("SELECT step FROM ranking WHERE run = 'odd'").all()
    connection.rollback()
    assert store.run("odd").objectives == odd
