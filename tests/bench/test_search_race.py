from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from evolve import problem_library
from evolve.bench import peer_races
from evolve.bench.peer_races import run_peer
from evolve.bench.race import Race, recorded, run
from evolve.bench.search_race import LANDSCAPES, Cell, located, run_cell
from evolve.cli.benching import bench
from evolve.errors import ConfigurationError, EvolveError

CELL = Cell("deceptive", "greedy", "reader", seed=3, proposals=15)


def silent(_: str) -> None:
    """Say nothing."""


def test_equal_cells_give_equal_results_and_other_seeds_others() -> None:
    first, again, other = (run_cell(cell) for cell in (CELL, CELL, replace(CELL, seed=4)))
    assert replace(again, cpu_s=first.cpu_s, wall_s=first.wall_s) == first
    assert other.curve != first.curve
    assert first.curve[0] == (0, 0.0)
    assert all(count <= 15 for count, _ in first.curve)
    assert first.model_calls >= 10 and first.prompt_tokens > 1000 and first.cpu_s > 0
    assert 2 <= first.valid <= first.evaluations <= 16


def test_the_noisy_curve_is_of_true_values_of_what_the_search_holds_best() -> None:
    found = run_cell(Cell("noisy", "greedy", "mutator", seed=1, proposals=6))
    again = run_cell(Cell("noisy", "greedy", "mutator", seed=2, proposals=3))
    assert found.seed_gain == again.seed_gain  # of the seed: the noise is not in it
    assert found.curve[0] == (0, 0.0)


def test_two_objectives_are_measured_by_their_hypervolume() -> None:
    found = run_cell(Cell("two_goals", "random", "mutator", seed=1, proposals=10))
    values = [value for _, value in found.curve]
    assert values == sorted(values) and values[-1] > values[0] == 0
    assert found.reference_gain == pytest.approx(2.0866667)


@pytest.fixture(scope="module")
def race_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("race") / "race.jsonl"
    said: list[str] = []
    results = run(RACE, path, 2, said.append)
    assert len(results) == len(said) == 12
    return path


RACE = Race(("deceptive", "two_goals"), ("greedy", "best_of_n", "random"), ("mutator",), (1, 2), proposals=12)


def test_a_race_runs_every_cell_and_a_second_call_none(race_file: Path) -> None:
    before = race_file.read_text()
    said: list[str] = []
    results = run(RACE, race_file, 2, said.append)
    assert said == [] and race_file.read_text() == before
    assert [result.cell for result in results] == RACE.cells()


def test_a_cell_that_was_cut_off_is_run_again(race_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "race.jsonl"
    whole = race_file.read_text()
    path.write_text(whole[:-40])
    said: list[str] = []
    results = run(RACE, path, 1, said.append)
    assert len(said) == 1 and len(results) == 12
    lost = json.loads(whole.splitlines()[-1])
    assert json.loads(path.read_text().splitlines()[-1])["curve"] == lost["curve"]


def test_what_another_judge_scored_is_run_again(race_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "race.jsonl"
    path.write_text(
        race_file.read_text().replace(problem_library.load_problem(located("deceptive")).judge_hash(), "another")
    )
    race = replace(RACE, problems=("deceptive",), searches=("greedy",), seeds=(1,))
    said: list[str] = []
    assert len(run(race, path, 1, said.append)) == len(said) == 1


def test_the_command_prints_a_table_and_draws_a_picture(race_file: Path, tmp_path: Path) -> None:
    plot = tmp_path / "race.svg"
    arguments = [
        *(
            "search",
            "--problems",
            "deceptive,two_goals",
            "--searches",
            "greedy,best_of_n,random",
            "--mutator",
            "mutator",
        ),
        *("--seeds", "2", "--proposals", "12", "--out", str(race_file), "--plot", str(plot)),
    ]
    shown = CliRunner().invoke(bench, arguments)
    assert shown.exit_code == 0, shown.output
    assert "vs best_of_n" in shown.output and "two_goals" in shown.output
    assert plot.read_text().startswith("<svg")
    as_json = CliRunner().invoke(bench, [*arguments, "--json"])
    rows = [json.loads(line) for line in as_json.output.splitlines()]
    assert sum("area" in row for row in rows) == 6
    assert sum("better_apart" in row for row in rows) == 6


def test_what_cannot_be_raced_is_refused_before_anything_runs(tmp_path: Path) -> None:
    for race, words in (
        (replace(RACE, searches=("gredy",)), "'greedy'"),
        (replace(RACE, mutators=("readr",)), "'reader'"),
        (replace(RACE, problems=(str(LANDSCAPES.parent / "trivial"),)), "known_best"),
    ):
        with pytest.raises(ConfigurationError, match=words):
            run(race, tmp_path / "race.jsonl", 1, silent)
    assert recorded(tmp_path / "race.jsonl") == []


def test_a_cell_that_fails_is_told_of_and_the_others_are_run(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(LANDSCAPES / "deceptive", broken)
    (broken / "seed" / "levers.py").write_text("def levers():\n    return 'high'\n")
    said: list[str] = []
    race = replace(RACE, problems=(str(broken), "deceptive"), searches=("greedy",), seeds=(1,), proposals=3)
    results = run(race, tmp_path / "race.jsonl", 1, said.append)
    assert [result.cell.problem for result in results] == ["deceptive"]
    assert "FAILED" in said[0] and "levers must return" in said[0]


# ── peers ─────────────────────────────────────────────────────────────────────────────────────
PEER = """
import json, re, sys, urllib.request
sys.path.insert(0, {adapters!r})
from judge_client import judge

task = json.load(open(sys.argv[1]))
program = task["program"]
assert not judge(task["judge_port"], "def levers(): return 'hill'")["valid"]
best = judge(task["judge_port"], program)
assert best["valid"] and best["score"] == 1.0, best
for number in range(task["proposals"] + 5):
    prompt = "# Current program\\n```python\\n" + program + "\\n```"
    body = json.dumps({{"model": "m", "messages": [{{"role": "user", "content": prompt}}]}}).encode()
    request = urllib.request.Request(task["model_url"] + "/chat/completions", body)
    answer = json.load(urllib.request.urlopen(request))["choices"][0]["message"]["content"]
    child = re.search(r"```python\\n(.*)\\n```", answer, re.S)[1]
    said = judge(task["judge_port"], child)
    if said["score"] > best["score"]:
        program, best = child, said
{end}
"""


def a_peer(folder: Path, end: str = "") -> Path:
    script = folder / "peer.py"
    script.write_text(PEER.format(adapters=str(peer_races.ADAPTERS), end=end))
    return script


def test_a_peer_is_judged_in_our_sandbox_and_cut_off_at_its_last_proposal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peer_races, "PEERS", {"climber": str(a_peer(tmp_path))})
    found = run_peer(Cell("deceptive", "climber", "mutator", seed=1, proposals=20), Path(sys.executable))
    values = [value for _, value in found.curve]
    assert found.curve[0] == (0, 0.0) and values == sorted(values) and values[-1] > 0
    assert found.curve[-1][0] <= 20 < found.model_calls == 25
    assert found.evaluations == 25 + 3  # the seed before the peer starts, what is no answer, the seed again
    assert found.valid == 25 + 2


def test_a_peer_that_fails_is_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer_races, "PEERS", {"climber": str(a_peer(tmp_path, "sys.exit('out of ideas')"))})
    with pytest.raises(EvolveError, match=r"exit code 1(?s:.*)out of ideas"):
        run_peer(Cell("deceptive", "climber", "mutator", seed=1, proposals=2), Path(sys.executable))
