from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.cli_support import ROOT, Command, lines
from tests.live_run import write_problem

SMALL = ("budget.evaluations=12", "budget.wall_s=60")


def test_help_lists_every_command(evolve: Command) -> None:
    shown = evolve("--help").stdout
    commands = (
        "import",
        "run",
        "resume",
        "replay",
        "verify",
        "steer",
        "pause",
        "stop",
        "eval",
        "check",
        "new",
        "runs",
        "show",
        "best",
        "export",
        "doctor",
        "bench",
    )
    for command in commands:
        assert f"  {command} " in shown
        assert evolve(command, "--help").returncode == 0


def test_an_unknown_command_is_refused_with_the_nearest(evolve: Command) -> None:
    done = evolve("rum")
    assert done.returncode != 0
    assert "'run'" in done.stderr


# ── eval ──────────────────────────────────────────────────────────────────────────────────────
def test_eval_prints_one_object_for_each_program(evolve: Command, tmp_path: Path) -> None:
    good = ROOT / "problems" / "circle_packing" / "seed"
    bad = tmp_path / "bad.py"
    bad.write_text("def pack(n):\n    return 'nothing'\n")
    done = evolve("eval", "circle_packing", str(good), str(bad), "--param", "n=5", "--json")
    first, second = lines(done)
    assert done.returncode == 1
    assert set(first) == {"program", "outcome", "metrics", "objectives", "feedback", "seconds"}
    assert first["outcome"] == "valid"
    assert first["objectives"] == {"sum_radii": first["metrics"]["sum_radii"]}
    assert 0 < first["metrics"]["sum_radii"] < 2
    assert second["program"] == str(bad)
    assert (second["outcome"], second["metrics"], second["objectives"]) == ("invalid", {}, {})


def test_eval_of_valid_programs_succeeds(evolve: Command) -> None:
    assert evolve("eval", "circle_packing", str(ROOT / "problems" / "circle_packing" / "seed")).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("circle_pakcing", "."), "'circle_packing'"),
        (("circle_packing", "missing.py"), "missing.py"),
        (("circle_packing", ".", "--param", "m=5"), "Known: n"),
        (("circle_packing", ".", "--param", "n"), "NAME=VALUE"),
        (("circle_packing", ".", "--stage", "ful"), "'full'"),
    ],
)
def test_eval_refuses_what_it_does_not_know(evolve: Command, arguments: tuple[str, ...], expected: str) -> None:
    done = evolve("eval", *arguments)
    assert done.returncode == 1
    assert done.stderr.startswith("evolve: ") and expected in done.stderr
    assert "Traceback" not in done.stderr


# ── a new problem, from nothing to a result ───────────────────────────────────────────────────
def test_a_new_problem_is_checked_run_shown_and_exported(evolve: Command, tmp_path: Path) -> None:
    assert "evolve check" in evolve("new", "mine").stdout
    assert evolve("new", "mine").returncode == 1
    checked = lines(evolve("check", "./mine", "--json"))[0]
    assert checked["findings"] == []
    (result,) = lines(evolve("run", "problem=./mine", "run=first", *SMALL, "--json"))
    assert result["status"] == "finished"
    assert set(result["sealed"]) >= {"best", "seed"}
    (listed,) = lines(evolve("runs", "--json"))
    assert (listed["run"], listed["status"], listed["evaluated"]) == ("first", "finished", 12)
    shown = lines(evolve("show", "first", "--json"))[0]
    assert shown["best"]["step"] == result["best"]["step"]
    assert (shown["stages"], shown["reused"]) == (result["stages"], 0) == ([], 0)
    program = lines(evolve("show", "first", str(result["best"]["step"]), "--json"))[0]
    assert program["lineage"][-1] == 0
    evolve("best", "first", "--out", "out")
    assert {p.name: p.read_text() for p in (tmp_path / "out").iterdir()} == program["files"]
    _exports_agree(evolve)


def _exports_agree(evolve: Command) -> None:
    rows = lines(evolve("export", "first"))
    assert [row["sequence"] for row in rows] == list(range(len(rows)))
    table = list(csv.DictReader(evolve("export", "first", "--format", "csv").stdout.splitlines()))
    assert [int(row["step"]) for row in table] == [row["step"] for row in rows]


def test_best_as_a_patch_applies_to_the_seed(evolve: Command, tmp_path: Path) -> None:
    (result,) = lines(evolve("run", "problem=circle_packing", "params.n=4", "run=c", "budget.evaluations=80", "--json"))
    patch = evolve("best", "c", "--patch").stdout
    seed = ROOT / "problems" / "circle_packing" / "seed"
    work = tmp_path / "work"
    work.mkdir()
    for path in seed.glob("*.py"):
        (work / path.name).write_bytes(path.read_bytes())
    if patch:
        subprocess.run(["git", "apply", "-"], input=patch, text=True, cwd=work, check=True)
    program = lines(evolve("show", "c", str(result["best"]["step"]), "--json"))[0]
    assert {p.name: p.read_text() for p in work.iterdir()} == program["files"]


# ── run, resume, replay ───────────────────────────────────────────────────────────────────────
def test_the_result_is_shown_with_diff_scores_and_what_to_type_next(evolve: Command) -> None:
    shown = evolve("run", "problem=circle_packing", "params.n=4", "run=c", "budget.evaluations=60").stdout
    assert "sum_radii" in shown and "evolve best c" in shown and "evolve resume c" in shown


def test_nothing_is_left_behind_when_the_configuration_is_wrong(evolve: Command, tmp_path: Path) -> None:
    done = evolve("run", "problem=circle_packing", "budget.wal_s=3")
    assert done.returncode == 1 and "'budget.wall_s'" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_seed_that_is_not_valid_is_refused_with_the_judges_words(evolve: Command, tmp_path: Path) -> None:
    evolve("new", "mine")
    for path in (tmp_path / "mine" / "seed").iterdir():
        path.write_text("def nothing():\n    pass\n")
    done = evolve("run", "problem=./mine", *SMALL)
    assert done.returncode == 1
    assert "does not evaluate VALID" in done.stderr
    assert lines(evolve("runs", "--json")) == []


def test_the_resolved_configuration_can_be_printed(evolve: Command) -> None:
    shown = evolve("run", "problem=circle_packing", "search=greedy", "--cfg", "job").stdout
    assert "evolve.search.controls.Greedy" in shown


def test_a_sweep_runs_every_combination(evolve: Command) -> None:
    done = evolve("run", "-m", "problem=circle_packing", "params.n=3", "seed=1,2", "budget.evaluations=5", "--json")
    assert done.returncode == 0, done.stderr
    assert len(lines(evolve("runs", "--json"))) == 2


def test_ctrl_c_stops_cleanly_and_resume_goes_on(evolve: Command, tmp_path: Path) -> None:
    running = _begin(tmp_path, "problem=circle_packing", "params.n=6", "run=c", "budget.wall_s=100", "--json")
    _wait_for_evaluations(evolve, "c", 20)
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=30)
    assert json.loads(out)["status"] == "paused", err
    before = lines(evolve("runs", "--json"))[0]["evaluated"]
    (result,) = lines(evolve("resume", "c", f"budget.evaluations={before + 30}", "--json"))
    assert "evaluations used" in result["reason"]
    rows = lines(evolve("export", "c", "--no-files"))
    assert [row["sequence"] for row in rows] == list(range(len(rows)))
    assert sorted(row["step"] for row in rows) == list(range(len(rows)))
    replayed = lines(evolve("replay", "c", "--json"))[0]
    assert replayed["identical"], replayed


def test_equal_seeds_give_identical_runs_with_one_worker(evolve: Command) -> None:
    marks = []
    for name in ("a", "b"):
        setting = ("problem=circle_packing", "params.n=4", f"run={name}", "executor.width=1", "budget.evaluations=60")
        evolve("run", *setting, "--quiet")
        rows = lines(evolve("export", name, "--no-files"))
        marks.append([{key: row[key] for key in row if key != "seconds"} for row in rows])
    assert marks[0] == marks[1]
    assert len(marks[0]) >= 60


def test_a_judge_that_changed_since_is_refused(evolve: Command, tmp_path: Path) -> None:
    evolve("new", "mine")
    evolve("run", "problem=./mine", "run=first", *SMALL, "--quiet")
    judge = tmp_path / "mine" / "evaluate.py"
    judge.write_text(judge.read_text() + "\n# changed\n")
    done = evolve("resume", "first", "budget.evaluations=20")
    assert done.returncode == 1 and "would not be comparable" in done.stderr


def test_a_store_that_is_none_is_refused(evolve: Command, tmp_path: Path) -> None:
    (tmp_path / "notes.db").write_text("these are not the bytes of a database " * 50)
    done = evolve("run", "problem=circle_packing", f"store.url=sqlite:///{tmp_path}/notes.db")
    assert done.returncode == 1 and "notes.db" in done.stderr and "Traceback" not in done.stderr


def test_doctor_says_what_the_sandbox_does_and_does_not(evolve: Command) -> None:
    found = lines(evolve("doctor", "--json"))[0]
    states = {finding["topic"]: finding["state"] for finding in found}
    assert states["python"] == states["store"] == "ok"
    assert [finding["says"] for finding in found if finding["topic"] == "sandbox"] == [
        "sandbox=process is used unless you choose: EVOLVE_SANDBOX names it."
    ]
    assert [finding for finding in found if finding["topic"] == "process" and finding["state"] == "ok"]
    assert [finding for finding in found if finding["topic"] == "process" and finding["state"] == "note"]


def _begin(folder: Path, *overrides: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", "from evolve.cli import main; main()", "run", *overrides]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def _wait_for_evaluations(evolve: Command, run: str, count: int) -> None:
    for _ in range(200):
        done = evolve("runs", "--json")
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        if any(row["run"] == run and row["evaluated"] >= count for row in rows):
            return
        time.sleep(0.1)
    raise AssertionError(f"run {run} did not reach {count} evaluations: {done.stdout} {done.stderr}")


# ── noise ─────────────────────────────────────────────────────────────────────────────────────
def _make_noisy(tmp_path: Path) -> None:
    judge = tmp_path / "mine" / "evaluate.py"
    text = judge.read_text().replace("def evaluate(", "import random\n\n\ndef evaluate(", 1)
    score = "float(np.sqrt(np.mean(error**2)))"
    assert score in text
    judge.write_text(text.replace(score, f"{score} + random.gauss(0, 0.02)", 1))


def test_noise_is_measured_repeated_and_announced_with_intervals(evolve: Command, tmp_path: Path) -> None:
    evolve("new", "mine")
    quiet = lines(evolve("check", "./mine", "--json"))[0]
    assert {(row["sd"], row["evaluations"], row["sandboxes_agree"]) for row in quiet["noise"]} == {(0.0, 3, True)}
    _make_noisy(tmp_path)
    checked = lines(evolve("check", "./mine", "--repeats", "6", "--json"))[0]
    full = next(row for row in checked["noise"] if row["stage"] == "full")
    assert full["evaluations"] == 6
    assert 0.004 < full["sd"] < 0.06
    assert full["interval"][0] < full["mean"] < full["interval"][1]
    assert full["one_evaluation_shows"] > full["sd"]
    assert full["repeats_for_1_percent"] > 10
    said = evolve("check", "./mine").stdout
    assert "relative_rmse at stage full: sd" in said
    (result,) = lines(evolve("run", "problem=./mine", "run=noisy", "budget.evaluations=160", "--json"))
    assert result["repeats"] > 4 and 0.004 < result["noise_sd"] < 0.06
    best = result["confidence"]["best"]["relative_rmse"]
    assert best["evaluations"] == 5 and best["interval"][0] < best["mean"] < best["interval"][1]
    assert best["above_search"] is not None and "tetens" in result["confidence"]
    assert evolve("replay", "noisy").returncode == 0
    chosen = lines(evolve("best", "noisy", "--json"))[0]
    assert chosen["step"] == result["best"]["step"]
    assert chosen["measured"]["relative_rmse"]["evaluations"] >= 2
    shown = evolve("show", "noisy", str(chosen["step"])).stdout
    assert "relative_rmse when judged again:" in shown and "± " in shown


def test_without_a_sealed_stage_a_noisy_champion_is_judged_again(evolve: Command, tmp_path: Path) -> None:
    evolve("new", "mine")
    _make_noisy(tmp_path)
    described = tmp_path / "mine" / "problem.yaml"
    described.write_text(described.read_text().replace("sealed: {timeout_s: 5}\n", ""))
    done = evolve("run", "problem=./mine", "run=noisy", "budget.evaluations=30", "-q")
    assert done.returncode == 0, done.stderr
    assert "best: relative_rmse (judged again)" in done.stdout and "(95 %, 5 evaluations)" in done.stdout


def test_a_find_that_does_not_carry_over_is_said_at_the_end_and_in_the_report(evolve: Command, tmp_path: Path) -> None:
    problem = write_problem(tmp_path / "turned")
    judge = problem / "evaluate.py"
    judge.write_text(judge.read_text().replace("candidate.call", "(1 - 2 * (stage == 'sealed')) * candidate.call"))
    (problem / "problem.yaml").write_text((problem / "problem.yaml").read_text() + "sealed: {timeout_s: 5}\n")
    settings = ("params.pause_s=0", "sandbox=process", "budget.evaluations=25", "executor.width=1", "seed=1", "run=one")
    ended = evolve("run", "problem=./turned", *settings)
    assert ended.returncode == 0, ended.stderr
    assert "did not carry over" in " ".join(ended.stdout.split())
    assert evolve("report", "one").returncode == 0
    assert "did not carry over" in (tmp_path / "one.html").read_text()
