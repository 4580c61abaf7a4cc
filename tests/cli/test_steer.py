"""Orders given as a person gives them: from another process, to a run that runs or waits."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from evolve.cli.steering import pause, steer, stop
from evolve.errors import EvolveError
from tests.cli.cli_support import ROOT, Command, lines

SEED = ROOT / "problems" / "circle_packing" / "seed"


@pytest.fixture
def running(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Return a run ``c`` of five circles that goes on until it is told otherwise."""
    overrides = ("problem=circle_packing", "params.n=5", "run=c", "budget.wall_s=100", "executor.width=1", "--json")
    command = [sys.executable, "-c", "from evolve.cli import main; main()", "run", *overrides]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    yield process
    if process.poll() is None:
        process.send_signal(signal.SIGKILL)
        process.communicate()


def until(happened: Callable[[], Any]) -> Any:
    """Wait for a true answer, a minute at most."""
    for _ in range(200):
        found = happened()
        if found:
            return found
        time.sleep(0.3)
    raise AssertionError("it never happened")


def evaluated(evolve: Command) -> int:
    rows = [json.loads(line) for line in evolve("runs", "--json").stdout.splitlines()]
    return int(rows[0]["evaluated"]) if rows else 0


def small_change(folder: Path, note: str = "") -> Path:
    """Write a program like the seed."""
    path = folder / "mine.py"
    (seed,) = SEED.glob("*.py")
    mine = f"\nMINE = 1  # {note}\n# EVOLVE-BLOCK-END"
    path.write_text(seed.read_text().replace("\n# EVOLVE-BLOCK-END", mine))
    assert path.read_text() != seed.read_text()
    return path


def test_a_run_is_steered_while_it_runs_paused_resumed_and_replayed(
    evolve: Command, running: subprocess.Popen[str], tmp_path: Path
) -> None:
    until(lambda: evaluated(evolve) > 5)
    (given,) = lines(evolve("steer", "c", "inject", str(small_change(tmp_path)), "--note", "by hand", "--json"))
    assert given["kind"] == "inject" and given["at_work"]
    assert "takes it up within seconds" in evolve("steer", "c", "pin", "0").stdout
    until(lambda: all(o["state"] == "in effect" for o in lines(evolve("show", "c", "--json"))[0]["orders"]))
    shown = lines(evolve("show", "c", "--json"))[0]["orders"]
    assert [order["kind"] for order in shown] == ["inject", "pin"]
    assert shown[0]["what"] == {"files": [path.name for path in SEED.glob("*.py")], "note": "by hand"}
    assert evolve("pause", "c").returncode == 0
    out, err = running.communicate(timeout=60)
    result = json.loads(out)
    assert (result["status"], running.returncode) == ("paused", 0), err
    before = lines(evolve("runs", "--json"))[0]["evaluated"]
    waits = evolve("steer", "c", "unpin", "0").stdout
    assert "evolve resume c" in waits
    (resumed,) = lines(evolve("resume", "c", f"budget.evaluations={before + 20}", "--json"))
    assert resumed["status"] == "finished"
    table = evolve("show", "c").stdout
    assert "unpin" in table and "after" in table and "refused" not in table
    assert lines(evolve("replay", "c", "--json"))[0]["identical"]
    rows = lines(evolve("export", "c", "--no-files"))
    assert [row["made_by"]["summary"] for row in rows if row["operator"] == "inject"] == ["by hand"]


def test_a_run_is_stopped_and_says_its_result(evolve: Command, running: subprocess.Popen[str]) -> None:
    until(lambda: evaluated(evolve) > 5)
    assert lines(evolve("stop", "c", "--json"))[0]["kind"] == "stop"
    out, err = running.communicate(timeout=60)
    assert json.loads(out)["status"] == "finished", err
    assert running.returncode == 0


def test_orders_are_checked_before_anything_is_written(evolve: Command, tmp_path: Path) -> None:
    setting = ("problem=circle_packing", "params.n=4", "run=c", "executor.width=1", "budget.evaluations=25")
    (result,) = lines(evolve("run", *setting, "--json"))
    best = result["best"]["step"]
    bad = tmp_path / "bad.py"
    bad.write_text("import os\n")
    url = f"sqlite:///{tmp_path}/runs/evolve.db"
    refused = [
        (steer, ("d", "pin", "0"), "no run 'd'"),
        (steer, ("c", "inject", str(bad)), "is no program for circle_packing"),
        (steer, ("c", "pin", "900"), "no program 900"),
        (steer, ("c", "pin", "--", "-1"), "expected at least 0, found -1"),
        (steer, ("c", "unpin", "0"), "not pinned"),
        (steer, ("c", "veto", "900"), "no program 900"),
        (steer, ("c", "veto", "0", "--descendants"), "no valid program"),
        (steer, ("c", "weigh", "sum_radi=1"), "'sum_radii'"),
        (steer, ("c", "weigh", "sum_radii=much"), "NAME=WEIGHT"),
        (steer, ("c", "weigh", "sum_radii=0"), "above 0"),
        (steer, ("c", "hint", "use triangles"), "asks no model"),
        (steer, ("c", "hint"), "TEXT"),
        (steer, ("c", "hint", "--remove"), "has none"),
        (pause, ("c",), "Nobody works on run"),
        (stop, ("c",), "Nobody works on run"),
    ]
    for command, arguments, expected in refused:
        done = CliRunner().invoke(command, arguments, env={"EVOLVE_STORE": url})
        assert isinstance(done.exception, EvolveError) and expected in str(done.exception), (arguments, done.exception)
    assert "missing.py" in evolve("steer", "c", "inject", "missing.py").stderr
    assert lines(evolve("show", "c", "--json"))[0]["orders"] == []
    if best:
        _a_veto_takes_the_champion_out(evolve, best)


def _a_veto_takes_the_champion_out(evolve: Command, best: int) -> None:
    (given,) = lines(evolve("steer", "c", "veto", str(best), "--json"))
    assert given == {"run": "c", "number": 1, "kind": "veto", "at_work": None}
    assert lines(evolve("show", "c", "--json"))[0]["orders"][0]["state"] == "waiting"
    (result,) = lines(evolve("resume", "c", "--json"))
    assert result["best"]["step"] != best
    assert lines(evolve("best", "c", "--json"))[0]["step"] == result["best"]["step"]
    assert lines(evolve("replay", "c", "--json"))[0]["identical"]


def test_a_run_may_select_by_a_weighted_sum_from_the_start(evolve: Command) -> None:
    setting = ("problem=circle_packing", "params.n=4", "executor.width=1", "budget.evaluations=8", "--json")
    (result,) = lines(evolve("run", *setting, "run=w", "objective_weights={sum_radii: 2}"))
    assert lines(evolve("best", "w", "--json"))[0]["step"] == result["best"]["step"]
    assert lines(evolve("run", *setting, "run=v", "objective_weights.sum_radii=2"))[0]["status"] == "finished"
    assert "'sum_radii'" in evolve("run", *setting, "objective_weights={sum_radi: 2}").stderr
