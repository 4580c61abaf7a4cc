"""evolve verify: what is whole, what is not, and what cannot be done again."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from evolve.bench.machinery import TRIVIAL
from evolve.cli import verifying
from evolve.cli.verifying import verify
from evolve.errors import ConfigurationError, NotFound
from evolve.interfaces import Prunable
from evolve.store.checker import Checker
from evolve.store.findings import Rule
from evolve.store.sql import SqlStore
from tests.cli.cli_support import ROOT


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a problem, ``mine``, and a store of two runs of it, ``one`` and ``two``."""
    folder = tmp_path_factory.mktemp("made")
    shutil.copytree(TRIVIAL, folder / "mine")
    for name in ("one", "two"):
        arguments = (
            "run",
            "--quiet",
            "problem=./mine",
            f"run={name}",
            "budget.proposals=12",
            "store.url=sqlite:///e.db",
        )
        command = [sys.executable, "-c", "from evolve.cli import main; main()", *arguments, "executor.width=1"]
        subprocess.run(command, cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True, timeout=120)
    return folder


@pytest.fixture
def store(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(made / "e.db", tmp_path / "e.db"))


def harm(store: Path, statement: str) -> None:
    with closing(sqlite3.connect(store, isolation_level=None)) as connection:
        connection.execute(statement)


def verified(store: Path, *arguments: str) -> Result:
    return CliRunner().invoke(verify, [*arguments, "--store", f"sqlite:///{store}"], catch_exceptions=True)


def told(store: Path, *arguments: str) -> Sequence[Any]:
    return [json.loads(line) for line in verified(store, *arguments, "--json").stdout.splitlines()]


def test_a_whole_record_is_verified(store: Path) -> None:
    rows = told(store, "--all")
    assert [(row["run"], row["findings"], row["not_replayed"]) for row in rows] == [("two", [], ""), ("one", [], "")]
    assert rows[0]["attempts"] >= 12
    done = verified(store, "one")
    assert done.exit_code == 0 and "nothing wrong" in done.stdout


def test_damage_is_named_with_the_run_that_has_it(store: Path) -> None:
    harm(store, "UPDATE proposals SET sequence = 99 WHERE sequence = 11 AND run = 1")
    done = verified(store, "--all")
    assert done.exit_code == 1
    assert "one: 1 findings" in done.stdout and "told as number 99" in done.stdout
    assert "two: " in done.stdout and "nothing wrong" in done.stdout
    (row,) = told(store, "one")
    assert [(each["what"], each["expected"]) for each in row["findings"]] == [
        ("sequences", "an attempt told before it")
    ]
    assert row["not_replayed"] == "the record is not whole"


def test_a_record_that_does_not_replay_is_a_finding(store: Path) -> None:
    harm(store, "UPDATE proposals SET cell = 'elsewhere' WHERE step = 0")
    (row,) = told(store, "one")
    assert [(each["what"], each["where"]) for each in row["findings"]] == [("replay", "step 0, placement")]
    assert "elsewhere" in row["findings"][0]["expected"]
    assert told(store, "one", "--no-replay")[0]["findings"] == []


def test_a_run_whose_problem_is_gone_is_verified_without_being_done_again(store: Path, made: Path) -> None:
    (made / "mine").rename(made / "elsewhere")
    try:
        done = verified(store, "one")
    finally:
        (made / "elsewhere").rename(made / "mine")
    assert done.exit_code == 0
    assert "nothing wrong" in done.stdout and "Not done again: Run 'one' needs its problem" in done.stdout


def test_a_run_that_was_pruned_is_verified_without_being_done_again(store: Path) -> None:
    with closing(SqlStore(f"sqlite:///{store}")) as opened:
        lease = opened.acquire("one", "me", 60.0)
        opened.prune(lease, {Prunable.ARTIFACTS, Prunable.PROMPTS, Prunable.ANSWERS}, range(5))
    (row,) = told(store, "one")
    assert (row["findings"], row["not_replayed"]) == ([], "prompts, answers or artifacts were pruned")


def test_totals_are_held_against_rows_unless_somebody_works_on_the_run(store: Path) -> None:
    url = f"sqlite:///{store}"
    with closing(SqlStore(url)) as opened, closing(Checker(url)) as checker:
        info = replace(opened.run("one"), proposals=99)
        found = verifying.verified(checker, url, info, replay=False)
        assert [finding.what for finding in found.findings] == [Rule.TOTALS]
        opened.acquire("one", "elsewhere", 600.0)
        assert verifying.verified(checker, url, info, replay=False).findings == []


def test_verify_wants_a_run_that_exists_or_all(store: Path) -> None:
    for arguments in ((), ("one", "--all")):
        assert isinstance(verified(store, *arguments).exception, ConfigurationError)
    assert isinstance(verified(store, "three").exception, NotFound)
