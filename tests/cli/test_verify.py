"""evolve verify: what is whole, what is not, and what cannot be done again."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from evolve.bench.machinery import TRIVIAL
from tests.cli.cli_support import Command, lines

STORE = "runs/evolve.db"


def begun(evolve: Command, tmp_path: Path, *names: str) -> None:
    shutil.copytree(TRIVIAL, tmp_path / "mine")
    for name in names:
        assert evolve("run", "--quiet", "problem=./mine", f"run={name}", "budget.proposals=12").returncode == 0


def harm(tmp_path: Path, statement: str) -> None:
    with closing(sqlite3.connect(tmp_path / STORE, isolation_level=None)) as connection:
        connection.execute(statement)


def test_a_whole_record_is_verified_and_damage_is_named(evolve: Command, tmp_path: Path) -> None:
    begun(evolve, tmp_path, "one", "two")
    told = lines(evolve("verify", "--all", "--json"))
    assert [(row["run"], row["findings"], row["not_replayed"]) for row in told] == [("two", [], ""), ("one", [], "")]
    assert told[0]["attempts"] >= 12
    done = evolve("verify", "one")
    assert done.returncode == 0 and "nothing wrong" in done.stdout

    harm(tmp_path, "UPDATE proposals SET sequence = 99 WHERE sequence = 11 AND run = 1")
    done = evolve("verify", "--all")
    assert done.returncode == 1
    assert "one: 1 findings" in done.stdout and "told as number 99" in done.stdout and "two: " in done.stdout
    (row,) = lines(evolve("verify", "one", "--json"))
    (finding,) = row["findings"]
    assert finding["what"] == "sequences" and finding["expected"] == "an attempt told before it"
    assert row["not_replayed"] == "the record is not whole"
    assert evolve("verify", "two").returncode == 0


def test_a_record_that_does_not_replay_is_a_finding(evolve: Command, tmp_path: Path) -> None:
    begun(evolve, tmp_path, "one")
    harm(tmp_path, "UPDATE proposals SET cell = 'elsewhere' WHERE step = 0")
    (row,) = lines(evolve("verify", "one", "--json"))
    assert [(finding["what"], finding["where"]) for finding in row["findings"]] == [("replay", "step 0, placement")]
    assert "elsewhere" in row["findings"][0]["expected"]
    assert lines(evolve("verify", "one", "--no-replay", "--json"))[0]["findings"] == []


def test_a_run_whose_problem_is_gone_is_verified_without_being_done_again(evolve: Command, tmp_path: Path) -> None:
    begun(evolve, tmp_path, "one")
    shutil.rmtree(tmp_path / "mine")
    done = evolve("verify", "one")
    assert done.returncode == 0
    assert "nothing wrong" in done.stdout and "Not done again: Run 'one' needs its problem" in done.stdout


def test_verify_wants_a_run_or_all(evolve: Command, tmp_path: Path) -> None:
    begun(evolve, tmp_path, "one")
    for arguments in ((), ("one", "--all")):
        done = evolve("verify", *arguments)
        assert done.returncode == 1 and "Give a RUN, or --all" in done.stderr
    assert "nearest" not in evolve("verify", "onne").stderr and "one" in evolve("verify", "onne").stderr
