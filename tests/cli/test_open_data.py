"""Runs as people ask of them, take them out, give them away and prune them."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

from tests.cli.cli_support import ROOT, Command, lines

KEPT = ROOT / "tests" / "fixtures" / "bundles" / "r0001.evolve"


def test_a_bundle_is_checked_opened_asked_replayed_and_not_worked_on(evolve: Command, tmp_path: Path) -> None:
    (checked,) = lines(evolve("open", str(KEPT), "--check", "--json"))
    assert (checked["run"], checked["attempts"], checked["findings"]) == ("kept", 45, [])
    assert not (tmp_path / "runs").exists()
    (opened,) = lines(evolve("open", str(KEPT), "--json"))
    assert Path(opened["problem"]).is_relative_to(tmp_path / "runs" / "opened")
    assert lines(evolve("replay", "kept", "--json"))[0]["identical"]
    refused = evolve("resume", "kept", "budget.proposals=60")
    assert refused.returncode == 1 and "--trust" in refused.stderr
    _is_asked(evolve)
    _is_pruned(evolve)


def _is_asked(evolve: Command) -> None:
    curve = lines(evolve("show", "kept", "--curve", "--json"))
    assert [best["value"] for best in curve] == sorted(best["value"] for best in curve)
    shown = evolve("show", "kept", "--operators").stdout
    assert "placed_share" in shown and "diff" in shown
    costs = lines(evolve("show", "kept", "--costs", "--json"))
    assert sum(row["attempts"] for row in costs) == 45
    several = evolve("show", "kept", "--costs", "--curve")
    assert several.returncode == 1 and "one question at a time" in several.stderr


def _is_pruned(evolve: Command) -> None:
    (told,) = lines(evolve("store", "prune", "kept", "--prompts", "--answers", "--keep-elites", "--reclaim", "--json"))
    assert told["steps"] > 20 and told["after"]["answers"] < told["before"]["answers"]
    replayed = evolve("replay", "kept")
    assert replayed.returncode == 0, replayed.stderr
    assert "answers of steps" in replayed.stdout and "were pruned" in replayed.stdout
    nothing = evolve("store", "prune", "kept")
    assert nothing.returncode == 1 and "--prompts" in nothing.stderr
    (size,) = lines(evolve("store", "size", "--json"))
    assert size["bytes_per_program"]["files"] > 0


def test_an_export_comes_back_as_it_was(evolve: Command, tmp_path: Path) -> None:
    evolve("open", str(KEPT), "--trust")
    assert evolve("export", "kept", "--out", "first").returncode == 0
    assert evolve("store", "import", "first", "--trust", "--store", "sqlite:///other.db").returncode == 0
    evolve("export", "kept", "--out", "second", "--store", "sqlite:///other.db")
    first, second = ({p.name: p.read_bytes() for p in (tmp_path / name).iterdir()} for name in ("first", "second"))
    assert first == second and len(first) == 12
    assert evolve("export", "kept", "--out", "first").returncode == 1
    shutil.rmtree(tmp_path / "second")
    evolve("export", "kept", "--format", "csv", "--out", "second")
    with (tmp_path / "second" / "proposals.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 45
    header = json.loads((tmp_path / "first" / "run.json").read_text())
    assert header["run"]["objectives"][0]["name"] == "sum_radii"
    evolve("bundle", "kept", "-o", "mine.evolve")
    assert lines(evolve("open", "mine.evolve", "--check", "--json"))[0]["findings"] == []
