"""store copy and what doctor says of stores."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from evolve.cli.store_health import store_health
from evolve.cli.storing import store
from evolve.conformance.store import RUN
from evolve.errors import ConfigurationError, NotFound, StoreError
from evolve.store.sql import SqlStore
from tests.store.test_copying import fill

FIXTURES = Path(__file__).parents[1] / "fixtures" / "stores"


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Return the URL of a file with two runs."""
    url = f"sqlite:///{tmp_path}/a.db"
    with closing(SqlStore(url)) as opened:
        fill(opened)
        fill(opened, "second")
    return url


def copied(*arguments: str) -> Result:
    return CliRunner().invoke(store, ["copy", *arguments], catch_exceptions=False)


def test_all_runs_of_a_file_are_copied_to_a_server_and_back(url: str, postgres_url: str, tmp_path: Path) -> None:
    assert copied(url, postgres_url).output.splitlines() == [f"{RUN.id}: copied", "second: copied"]
    back = f"sqlite:///{tmp_path}/new/b.db"
    done = copied(postgres_url, back, "second", "--json")
    assert [json.loads(line) for line in done.output.splitlines()] == [{"run": "second", "became": "copied"}]
    assert copied(postgres_url, back).output.splitlines() == [
        f"{RUN.id}: copied",
        "second: there already, and equal",
    ]


def test_what_cannot_be_copied_is_refused_in_words(url: str, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"no run 'secnd'. Did you mean 'second'"):
        copied(url, f"sqlite:///{tmp_path}/b.db", "secnd")
    assert not (tmp_path / "b.db").exists()
    with pytest.raises(NotFound, match="no store at"):
        copied(f"sqlite:///{tmp_path}/nowhere.db", url)
    with pytest.raises(ConfigurationError, match="same store"):
        copied(url, url)
    with closing(SqlStore(f"sqlite:///{tmp_path}/other.db")) as other:
        other.create_run(RUN)
    with pytest.raises(StoreError, match="another run"):
        copied(url, f"sqlite:///{tmp_path}/other.db", RUN.id)


# ── doctor ────────────────────────────────────────────────────────────────────────────────────
def test_a_good_file_and_a_good_server_are_told_with_version_schema_and_holders(url: str, postgres_url: str) -> None:
    for one, engine in ((url, "SQLite"), (postgres_url, "PostgreSQL 1")):
        with closing(SqlStore(one)) as opened:
            if one is postgres_url:
                fill(opened)
            opened.acquire(RUN.id, "elsewhere:1:1", 60.0)
        said = store_health(one)
        assert "fail" not in [state for state, _ in said]
        text = "\n".join(sentence for _, sentence in said)
        assert engine in text
        assert "Its schema is that of this version" in text
        assert f"Run {RUN.id!r} is worked on by elsewhere:1:1" in text


def test_an_empty_server_and_a_missing_file_are_told_and_left_as_they_are(postgres_url: str, tmp_path: Path) -> None:
    assert ("ok", "It is empty: the first run makes its tables.") in store_health(postgres_url)
    assert ("ok", "It is empty: the first run makes its tables.") in store_health(postgres_url)
    ((state, said),) = store_health(f"sqlite:///{tmp_path}/new/a.db")
    assert (state, said.partition(": ")[2]) == ("ok", "will be created by the first run")
    assert list(tmp_path.iterdir()) == []


def test_an_old_file_is_told_and_not_upgraded(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((FIXTURES / "r0001.sql").read_text(encoding="utf-8"))
    for _ in range(2):
        (note,) = [said for state, said in store_health(f"sqlite:///{path}") if state == "note" and "older" in said]
        assert "revision 0001" in note and "a copy is made beside it" in note


def test_newer_foreign_damaged_and_unreachable_stores_fail(url: str, tmp_path: Path) -> None:
    path = url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("update alembic_version set version_num = '9999'")
    notes = tmp_path / "notes.txt"
    notes.write_text("not a database, but long enough to be read as the header of one" * 20)
    theirs = tmp_path / "theirs.db"
    with closing(sqlite3.connect(theirs)) as connection, connection:
        connection.execute("create table songs (title text)")
    for one, word in (
        (url, "A newer version made it"),
        (f"sqlite:///{notes}", "not a SQLite database"),
        (f"sqlite:///{theirs}", "belongs to another program"),
        ("postgresql://me:s3cret@127.0.0.1:1/evolve", "Start the server"),
        ("mysql://me:s3cret@127.0.0.1:1/evolve", "Runs are kept in"),
    ):
        failed = [said for state, said in store_health(one) if state == "fail"]
        assert len(failed) == 1 and word in failed[0]
        assert "s3cret" not in failed[0]
