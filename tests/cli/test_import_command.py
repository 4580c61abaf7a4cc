from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.cli.cli_support import ROOT, Command

TASKS = ROOT / "tests" / "importing" / "tasks"


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    cache = tmp_path / "cache"
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    return cache


def test_a_task_is_imported_checked_and_labelled(evolve: Command, tmp_path: Path) -> None:
    arguments = ("--command", "python score.py --scale 2", "--objective", "cost=minimize")
    done = evolve("import", str(TASKS / "command"), "--out", "mine", *arguments)
    assert done.returncode == 0, done.stderr
    assert "evolve check ./mine" in done.stdout
    assert "can forge its score" in done.stderr.replace("\n", " ")
    text = (tmp_path / "mine" / "problem.yaml").read_text()
    assert "isolation: shared" in text
    assert "statement: |" in text
    checked = evolve("check", "./mine", "--set", "sandbox=process", "--json")
    assert checked.returncode == 0, checked.stdout
    told = json.loads(checked.stdout)
    assert told["isolation"] == "shared"
    assert told["programs"][0]["objectives"] == {"cost": 10.0}
    again = evolve("import", str(TASKS / "command"), "--out", "mine", *arguments)
    assert "mine exists already" in again.stderr


def test_a_task_runs_without_being_imported(evolve: Command, tmp_path: Path, own_cache: Path) -> None:
    task = shutil.copytree(TASKS / "openevolve", tmp_path / "task")
    settings = ("budget.evaluations=4", "budget.wall_s=60", "sandbox=process", "store.url=sqlite:///task/runs/a.db")
    done = evolve("run", "problem=./task", "run=first", *settings)
    assert done.returncode == 0, done.stderr
    assert "isolation: shared" in done.stderr
    assert len(list((own_cache / "evolve" / "imported").iterdir())) == 1
    # The record of the run lies in the task's folder now, which makes it no other task.
    shutil.rmtree(own_cache)
    more = evolve("resume", "first", "budget.evaluations=6", "--store", "sqlite:///task/runs/a.db")
    assert more.returncode == 0, more.stderr
    assert (task / "runs" / "a.db").is_file()
    report = evolve("report", "first", "--store", "sqlite:///task/runs/a.db", "--out", "page.html")
    assert report.returncode == 0, report.stderr
    assert "a program can forge its score" in (tmp_path / "page.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("nowhere",), "There is nothing at"),
        ((".",), "Looked for an OpenEvolve task"),
        ((str(TASKS / "single.py"),), "--objective NAME=maximize"),
        ((str(TASKS / "single.py"), "--objective", "error=less"), "'error=less'"),
        ((str(TASKS / "command"), "--program", "solution.py"), "needs --command"),
        ((str(TASKS / "command"), "--command", "x", "--program", "other.py"), "no such file"),
    ],
)
def test_what_cannot_be_imported_is_refused(evolve: Command, arguments: tuple[str, ...], expected: str) -> None:
    done = evolve("import", *arguments)
    assert done.returncode == 1
    assert expected in done.stderr
