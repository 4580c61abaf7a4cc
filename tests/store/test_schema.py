"""New, old, newer and foreign databases."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from evolve.domain.proposal import (
    Called,
    CallState,
    Choice,
    Completed,
    Completion,
    Learned,
    Lesson,
    LessonKind,
    Message,
    Request,
    Selected,
)
from evolve.domain.steering import Hint, Pin
from evolve.errors import StoreError, StoreLocked, StoreTooNew
from evolve.interfaces import RunInfo
from evolve.store.connection import open_engine
from evolve.store.schema import HEAD, MIGRATIONS, bring_to_head
from evolve.store.sql import SqlStore
from evolve.store.tables import metadata

RUN = RunInfo("r", "p", "running", {}, {}, 1.0)
NEXT_REVISION = f"""
import sqlalchemy as sa
from alembic import op

revision = "test2"
down_revision = "{HEAD}"


def upgrade() -> None:
    op.add_column("runs", sa.Column("note", sa.String()))
"""
BROKEN_REVISION = NEXT_REVISION + '    op.drop_table("no_such_table")\n'
FIRST_SCHEMA = Path(__file__).parents[1] / "fixtures" / "stores" / "r0001.sql"
SECOND_SCHEMA = FIRST_SCHEMA.with_name("r0002.sql")
STAMP_EMPTY = (
    "CREATE TABLE alembic_version "
    "(version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
)


def schema(path: Path) -> set[tuple[str, ...]]:
    """Return what a database holds; the constraints of a table in alphabetical order."""
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_master")
        return {(*row[:3], *_parts(" ".join(row[3].split()))) for row in rows}


def _parts(definition: str) -> list[str]:
    columns, *constraints = definition.replace(" )", ")").split(", CONSTRAINT ")
    last = constraints.pop() if constraints else ""
    *body, options = last.rpartition(")")
    return [columns, *sorted([*constraints, "".join(body).removesuffix(")")]), options]


def sql(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a database at HEAD with one run."""
    path = tmp_path / "evolve.db"
    store = SqlStore(f"sqlite:///{path}")
    store.create_run(RUN)
    store.close()
    return path


@pytest.fixture
def connection(path: Path) -> Iterator[Connection]:
    engine = open_engine(f"sqlite:///{path}", "normal", 1.0)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


@pytest.fixture
def longer_history(tmp_path: Path) -> Path:
    """Return this package's history with one more revision."""
    history = tmp_path / "100% longer"
    shutil.copytree(MIGRATIONS, history, ignore=shutil.ignore_patterns("__pycache__"))
    (history / "versions" / "test2.py").write_text(NEXT_REVISION)
    return history


def test_head_is_the_last_revision() -> None:
    assert ScriptDirectory(str(MIGRATIONS)).get_current_head() == HEAD


def test_the_history_and_the_tables_give_the_same_schema(tmp_path: Path, path: Path) -> None:
    upgraded = tmp_path / "upgraded.db"
    engine = open_engine(f"sqlite:///{upgraded}", "normal", 1.0)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()
    assert schema(upgraded) == schema(path)


def test_alembic_is_not_imported_for_new_and_current_databases(tmp_path: Path) -> None:
    code = (
        "import sys; from evolve.store.sql import SqlStore; url = 'sqlite:///' + sys.argv[1];"
        "SqlStore(url).close(); SqlStore(url).close(); sys.exit('alembic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path / "a.db")], check=False).returncode == 0


def test_a_newer_database_is_refused_and_left_as_it_is(path: Path) -> None:
    sql(path, "UPDATE alembic_version SET version_num = '9999'")
    before = schema(path)
    with pytest.raises(StoreTooNew, match=r"9999.*Upgrade the package"):
        SqlStore(f"sqlite:///{path}")
    assert schema(path) == before
    assert list(path.parent.glob("*.bak")) == []


def test_an_older_database_is_copied_and_upgraded(path: Path, connection: Connection, longer_history: Path) -> None:
    bring_to_head(connection, str(path), longer_history, "test2")
    with closing(sqlite3.connect(path)) as upgraded:
        assert upgraded.execute("SELECT id, note FROM runs").fetchall() == [("r", None)]
        assert upgraded.execute("SELECT version_num FROM alembic_version").fetchall() == [("test2",)]
    copy = SqlStore(f"sqlite:///{path}.{HEAD}.bak")
    assert copy.run("r") == RUN
    copy.close()


def test_a_file_of_the_first_schema_is_upgraded_keeps_everything_and_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "first.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(FIRST_SCHEMA.read_text(encoding="utf-8"))
    request = Request(
        "openai/x", (Message("system", "You are."), Message("user", "improve this")), {"temperature": 0.7}
    )
    answer = Completion("done", "openai/x-1", "stop", 100, 20, 0.25, 1.5)
    lesson = Lesson(32, LessonKind.INSIGHT, "smaller steps", evidence=(1,))
    store = SqlStore(f"sqlite:///{path}")
    attempts = list(store.history("old"))
    assert [(a.selected.model, a.selected.lessons, a.lessons, a.usage.cost_usd) for a in attempts] == [
        ("", (), (), 0.0),
        ("", (), (), 0.25),
    ]
    assert [item.selected for item in store.unfinished("old")] == [Selected(2, Choice(0, (), 0), "diff", 2)]
    assert store.requests("old", 1) == [(request, answer)]
    assert not any(evaluation.reused for evaluation in store.evaluations("old", 1))
    assert store.calls("old", 1) == []
    status = store.questions().status("old")
    assert (status.finished, status.in_flight, status.calls, status.cost_usd) == (2, 1, 1, 0.25)
    lease = store.acquire("old", "elsewhere:1:1", 60.0)
    sent = Called(2, "hash-0", 0, CallState.SENT, "openai/x")
    store.append(lease, [sent, Completed(2, "hash-0", answer), Learned(2, (lesson,))])
    assert [called for _, called in store.calls("old", 2)] == [sent]
    store.close()
    assert Path(f"{path}.0001.bak").is_file()


def test_a_file_of_the_second_schema_is_upgraded_keeps_everything_and_takes_orders(tmp_path: Path) -> None:
    path = tmp_path / "second.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(SECOND_SCHEMA.read_text(encoding="utf-8"))
    store = SqlStore(f"sqlite:///{path}")
    attempts = list(store.history("old"))
    lesson = Lesson(32, LessonKind.INSIGHT, "smaller steps", evidence=(1,))
    assert [(a.selected.model, a.selected.lessons, a.lessons, a.usage.cost_usd) for a in attempts] == [
        ("", (), (), 0.0),
        ("openai/x", (32,), (lesson,), 0.25),
    ]
    assert [called.state for _, called in store.calls("old", 1)] == [CallState.SENT]
    assert store.orders("old", 0) == []
    numbers = [store.order("old", order) for order in (Hint("go on"), Pin(0))]
    assert [(number, order) for number, _, order in store.orders("old", 0)] == [
        (numbers[0], Hint("go on")),
        (numbers[1], Pin(0)),
    ]
    store.close()
    assert Path(f"{path}.0002.bak").is_file()


def test_an_upgrade_that_fails_changes_nothing(path: Path, connection: Connection, longer_history: Path) -> None:
    (longer_history / "versions" / "test2.py").write_text(BROKEN_REVISION)
    before = schema(path)
    with pytest.raises(StoreError, match="no_such_table"):
        bring_to_head(connection, str(path), longer_history, "test2")
    assert schema(path) == before
    assert list(path.parent.glob("*.bak*")) == []


def test_a_person_is_told_where_the_copy_is_and_no_copy_is_overwritten(
    path: Path, connection: Connection, longer_history: Path, caplog: pytest.LogCaptureFixture
) -> None:
    older = Path(f"{path}.{HEAD}.bak")
    older.write_text("an older copy")
    bring_to_head(connection, str(path), longer_history, "test2")
    (said,) = caplog.messages
    assert (
        said
        == f"Database {path} was upgraded from revision {HEAD} to test2. As it was, it is kept in {path}.{HEAD}.2.bak."
    )
    assert older.read_text() == "an older copy"
    copy = SqlStore(f"sqlite:///{path}.{HEAD}.2.bak")
    assert copy.run("r") == RUN
    copy.close()


def test_a_copy_that_cannot_be_made_keeps_the_upgrade_from_being_tried(
    path: Path, connection: Connection, longer_history: Path
) -> None:
    before = schema(path)
    Path(f"{path}.{HEAD}.bak.partial").mkdir()
    with pytest.raises(StoreError, match=rf"is to be copied before it is upgraded, but its copy .*{HEAD}\.bak"):
        bring_to_head(connection, str(path), longer_history, "test2")
    assert schema(path) == before


def test_a_database_is_not_upgraded_under_a_controller(
    path: Path, connection: Connection, longer_history: Path
) -> None:
    sql(path, "UPDATE runs SET holder = 'elsewhere:1:1', expires_at = 1e12")
    before = schema(path)
    with pytest.raises(StoreLocked, match=r"'r' by elsewhere:1:1.*Stop them"):
        bring_to_head(connection, str(path), longer_history, "test2")
    assert schema(path) == before
    assert list(path.parent.glob("*.bak*")) == []


def test_a_database_of_another_program_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "theirs.db"
    sql(path, "CREATE TABLE songs (title TEXT)")
    with pytest.raises(StoreError, match=r"songs.*database of its own"):
        SqlStore(f"sqlite:///{path}")
    assert {row[1] for row in schema(path)} == {"songs"}


def test_a_history_without_a_revision_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "theirs.db"
    sql(path, STAMP_EMPTY)
    with pytest.raises(StoreError, match="another program"):
        SqlStore(f"sqlite:///{path}")
