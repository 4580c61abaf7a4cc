"""What a person gets for bad input: one clear sentence, exit code 1, and nothing left behind."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from evolve import configuration, problem_library, wiring
from evolve.controller.run import start_run
from evolve.domain.problem import complete_program
from evolve.errors import ConfigurationError, EvolveError, ProblemError
from tests.cli.cli_support import ROOT, Command, lines

FEW = ("budget.evaluations=4", "budget.wall_s=60", "--quiet")


def refused(done: subprocess.CompletedProcess[str]) -> str:
    """Return what a command said when it refused; check that it did so in words."""
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("evolve: ")
    return done.stderr


# ── settings ──────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("zzkey=1", "no setting 'zzkey'. Known: ablation, budget"),
        ("wall_s=3", "Did you mean 'budget.wall_s'?"),
        ("search.island=3", "'search.islands'"),
        ("executor=locl", "'local'"),
        ("mutation.weights.sintax=1", "'mutation.weights.syntax'"),
        ("+mutation.weights.foo=1", "no operator 'foo'"),
        ("params.m=1", "no parameter 'm'. Known: n"),
        ("budget.evaluations=abc", "budget.evaluations: expected a whole number or null, found 'abc'"),
        ("budget.evaluations=2.5", "budget.evaluations: expected a whole number"),
        ("budget.evaluations=-5", "budget.evaluations: expected a number above 0"),
        ("budget.wall_s=0", "budget.wall_s: expected a number above 0, or null for no limit"),
        ("budget.wall_s=nan", "budget.wall_s: expected a number"),
        ("executor.width=0", "executor.width: expected at least 1, found 0"),
        ("executor.width=-1", "executor.width: expected at least 1, found -1"),
        ("executor.width=2.5", "executor.width: expected a whole number, found 2.5"),
        ("executor.retries=-1", "executor.retries: expected at least 0"),
        ("seed=abc", "seed: expected a whole number"),
        ("seed=-1", "seed: expected at least 0"),
        ("sealed=maybe", "sealed: expected true or false"),
        ("controller.ordered=maybe", "controller.ordered: expected true or false"),
        ("controller.stall=0", "controller.stall: expected at least 1"),
        ("mutation.weights.syntax=-1", "mutation.weights.syntax: expected a number >= 0"),
        ("mutation.weights.syntax=abc", "mutation.weights.syntax: expected a number"),
        ("mutation.operators.tune.step_size=x", "mutation.operators.tune.step_size: expected a number"),
        ("search.islands=0", "search.islands must be at least 1"),
        ("search.islands=x", "search.islands: expected a whole number"),
        ("search.islands=x", "search.islands: expected"),
        ("+sandbox.namespaces=maybe", "sandbox.namespaces: expected true or false"),
        ("params=", "params: expected settings params.NAME=VALUE"),
        ("params.n", "'params.n' is not of the form key=value"),
        ("run=a/ü,b[", "run='TEXT'"),
        ("llm=", "llm has no value"),
    ],
)
def test_a_wrong_setting_is_named_with_what_was_expected(override: str, expected: str) -> None:
    with pytest.raises(EvolveError) as caught:
        wiring.build(configuration.configure(["problem=circle_packing", override]))
    assert expected in str(caught.value)


def test_a_setting_of_another_option_is_explained() -> None:
    with pytest.raises(ConfigurationError, match=r"search=greedy has no setting 'search\.islands'"):
        configuration.configure(["problem=circle_packing", "search=greedy", "search.islands=3"])


def test_a_wrong_setting_costs_nothing_and_leaves_nothing(evolve: Command, tmp_path: Path) -> None:
    assert "executor.width" in refused(evolve("run", "problem=circle_packing", "executor.width=0"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("value", ["0", "-3", "x"])
def test_a_parameter_that_the_judge_refuses_is_reported_with_its_words(value: str, tmp_path: Path) -> None:
    said = seed_refusal("circle_packing", tmp_path, f"params.n={value}")
    assert "The judge raised ValueError" in said and "params.n" in said and "evolve check" in said


def test_a_problem_without_a_params_choice_names_the_choices(tmp_path: Path) -> None:
    assert "['or_uniform', 'weibull'], found 'normal'" in seed_refusal("bin_packing", tmp_path, "params.family=normal")


# ── problem folders ───────────────────────────────────────────────────────────────────────────
@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a working problem folder, to be broken."""
    return shutil.copytree(ROOT / "problems" / "_template", tmp_path / "mine")


def seed_refusal(problem: str, tmp_path: Path, *overrides: str) -> str:
    """Start a run whose seed cannot be scored; return the error. Nothing may be on record."""
    url = f"sqlite:///{tmp_path}/e.db"
    config = configuration.configure([f"problem='{problem}'", f"store.url='{url}'", "executor.width=1", *overrides])
    parts = wiring.build(config)
    with pytest.raises(EvolveError) as caught:
        asyncio.run(start_run(parts, wiring.new_run(config, parts), lambda loop: None))
    store = wiring.open_existing(url)
    assert list(store.runs()) == []
    store.close()
    return str(caught.value)


def _yaml(old: str, new: str) -> Callable[[Path], object]:
    def change(folder: Path) -> None:
        text = (folder / "problem.yaml").read_text()
        assert old in text
        (folder / "problem.yaml").write_text(text.replace(old, new))

    return change


def _write(name: str, text: bytes) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes(text)


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (lambda f: (f / "problem.yaml").unlink(), "has no problem.yaml"),
        (lambda f: (f / "evaluate.py").unlink(), "has no evaluate.py: expected the judge"),
        (lambda f: (f / "seed" / "pressure.py").unlink(), "seed holds no files"),
        (_write("problem.yaml", b": : ["), "problem.yaml is not valid YAML"),
        (_write("problem.yaml", b"\xff\xfe"), "problem.yaml is not valid YAML"),
        (_write("evaluate.py", b"def evaluate("), "evaluate.py, line 1"),
        (_write("evaluate.py", b"def judge(): pass"), "defines no function 'evaluate"),
        (_write("seed/pressure.py", b"\xff"), "is not UTF-8 text"),
        (_yaml("objectives:", "objectivs:"), "'objectives'"),
        (_yaml("direction: minimize", "direction: down"), "'maximize' or 'minimize'"),
        (_yaml("timeout_s: 5}\n\n# Run", "timeout_s: abc}\n\n# Run"), "stages[0].timeout_s"),
        (
            _yaml("{name: full, timeout_s: 5}", "{name: full, gate: {metric: rmse, factor_of_seed: 1}}"),
            "Known: relative_rmse.",
        ),
    ],
)
def test_a_broken_folder_is_blamed_by_file_and_field(
    folder: Path, damage: Callable[[Path], object], expected: str
) -> None:
    damage(folder)
    with pytest.raises(ProblemError) as caught:
        wiring.build(configuration.configure([f"problem='{folder}'"]))
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    ("judge", "expected"),
    [
        ("raise RuntimeError('boom')\ndef evaluate(c, s, p): ...", "The judge raised RuntimeError: boom"),
        ("def evaluate(c): ...", "takes 1 positional argument"),
        ("def evaluate(c, s, p): return None", "expected a Score"),
        ("def evaluate(c, s, p): return {'relative_rmse': 1.0}", "evaluate returned dict, expected a Score"),
        ("import nosuchmodule\ndef evaluate(c, s, p): ...", "No module named 'nosuchmodule'"),
        ("import os\ndef evaluate(c, s, p): os._exit(0)", "Does evaluate.py end its process"),
        (
            "from evaluators import Score\ndef evaluate(c, s, p): return Score({'relative_rmse': float('nan')})",
            "not a finite number",
        ),
        (
            "from evaluators import Score\ndef evaluate(c, s, p): return Score({'relative_rmse': True})",
            "is True, not a number",
        ),
        (
            "from evaluators import Score\ndef evaluate(c, s, p): return Score({'other': 1.0})",
            "The judge reported no 'relative_rmse'",
        ),
    ],
)
def test_a_broken_judge_is_reported_before_the_run_begins(
    folder: Path, tmp_path: Path, judge: str, expected: str
) -> None:
    (folder / "evaluate.py").write_text(judge)
    assert expected in seed_refusal(str(folder), tmp_path)


@pytest.mark.parametrize(
    ("body", "expected"),
    [("while True: pass", "timed_out"), ("raise ValueError('no')", "ValueError: no"), ("return 'x'", "invalid")],
)
def test_a_seed_that_fails_is_refused_with_the_judges_feedback(
    folder: Path, tmp_path: Path, body: str, expected: str
) -> None:
    _yaml("{name: full, timeout_s: 5}", "{name: full, timeout_s: 0.5}")(folder)
    (folder / "seed" / "pressure.py").write_text(f"def pressure(t):\n    {body}\n")
    assert expected in seed_refusal(str(folder), tmp_path)


def test_a_folder_may_have_spaces_and_letters_of_any_language(folder: Path, evolve: Command, tmp_path: Path) -> None:
    (tmp_path / "a b").mkdir()
    folder.rename(tmp_path / "a b" / "ü x")
    (row,) = lines(evolve("eval", "./a b/ü x", "./a b/ü x/seed/pressure.py", "--json"))
    assert row["outcome"] == "valid"
    assert evolve("run", "problem=./a b/ü x", "run=ü 1", *FEW).returncode == 0
    assert lines(evolve("show", "ü 1", "--json"))[0]["run"] == "ü 1"


# ── commands ──────────────────────────────────────────────────────────────────────────────────
def test_programs_and_values_that_cannot_be_read(evolve: Command, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "binary").write_bytes(b"\x7fELF\xd0")
    problem = problem_library.load_problem("circle_packing")
    with pytest.raises(ProblemError, match="is not UTF-8 text"):
        complete_program(problem, tmp_path / "binary")
    with pytest.raises(ProblemError, match="holds no files"):
        complete_program(problem, tmp_path / "empty")
    assert "cannot be read" in refused(evolve("eval", "circle_packing", "binary", "--param", "n=["))


def test_new_does_not_overwrite_and_wants_a_plain_name(evolve: Command, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    assert "exists already" in refused(evolve("new", "there"))
    assert "no good folder name" in refused(evolve("new", "a/b"))
    assert "Check the path" in refused(evolve("new", "ok", "--dir", "/proc"))


# ── runs on record ────────────────────────────────────────────────────────────────────────────
def test_a_finished_run_is_not_resumed_without_a_larger_budget(evolve: Command) -> None:
    evolve("run", "problem=circle_packing", "params.n=3", "run=one", *FEW)
    assert "evolve resume one budget.evaluations=8" in refused(evolve("resume", "one"))
    assert "is a run 'one' already" in refused(evolve("run", "problem=circle_packing", "run=one", *FEW))
    assert "has no finished attempt 99" in refused(evolve("show", "one", "99"))
    assert "Check the path" in refused(evolve("best", "one", "--out", "/proc/x"))
    assert lines(evolve("resume", "one", "budget.evaluations=6", "--json"))[0]["status"] == "finished"


def test_a_resumed_run_takes_settings_of_budget_and_sandbox_only() -> None:
    config = configuration.configure(["problem=circle_packing"])
    assert configuration.for_resume(config, ["budget.wall_s=1e3"])["budget"]["wall_s"] == 1000
    with pytest.raises(ConfigurationError, match="budget, sandbox=NAME, executor=NAME and tracker=NAME only"):
        configuration.for_resume(config, ["search=greedy"])
    with pytest.raises(ConfigurationError, match="expected a whole number"):
        wiring.build(configuration.for_resume(config, ["budget.evaluations=abc"]))


def test_a_run_whose_folder_is_gone_says_so(folder: Path, evolve: Command, tmp_path: Path) -> None:
    evolve("run", "problem=./mine", "run=one", *FEW)
    folder.rename(tmp_path / "elsewhere")
    for command in (("resume", "one", "budget.evaluations=9"), ("best", "one")):
        assert "Put the folder back" in refused(evolve(*command))
    assert evolve("show", "one", "0").returncode == 0


# ── the store ─────────────────────────────────────────────────────────────────────────────────
def test_stores_that_cannot_be_used(evolve: Command, tmp_path: Path) -> None:
    for url, expected in (
        (f"sqlite:///{tmp_path}", "cannot be opened"),
        ("sqlite:////proc/x/y.db", "cannot be made"),
        ("mysql://x/y", "Runs are kept in"),
    ):
        with pytest.raises(EvolveError, match=expected):
            wiring.open_store(configuration.configure(["problem=circle_packing", f"store.url={url}"]))
    assert "no store at" in refused(evolve("runs", "--store", "sqlite:///nothing.db"))


def test_a_newer_schema_is_refused_untouched(evolve: Command, tmp_path: Path) -> None:
    evolve("run", "problem=circle_packing", "params.n=3", "run=one", *FEW)
    with sqlite3.connect(tmp_path / "runs" / "evolve.db") as database:
        database.execute("update alembic_version set version_num = '9999'")
    database.close()
    assert "Upgrade the package" in refused(evolve("runs"))


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_disk_that_stays_full_stops_the_run_which_can_be_resumed(evolve: Command, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=500k", "tmpfs", str(disk)], check=False)
    if mounted.returncode:
        pytest.skip("mounting is not allowed here")
    try:
        store = "sqlite:///disk/e.db"
        settings = ("params.n=3", f"store.url={store}", "run=one", "controller.store_patience_s=1")
        done = evolve("run", "problem=circle_packing", *settings, "-q")
        said = done.stderr
        assert done.returncode == 1 and "Traceback" not in said
        assert "The run waits for the store" in said
        assert "disk is full" in said and "evolve resume one" in said
        subprocess.run(["mount", "-o", "remount,size=50m", str(disk)], check=True)
        (before,) = lines(evolve("runs", "--store", store, "--json"))
        budget = f"budget.evaluations={before['evaluated'] + 5}"
        (result,) = lines(evolve("resume", "one", budget, "--store", store, "--json"))
        assert result["status"] == "finished"
        assert lines(evolve("replay", "one", "--store", store, "--json"))[0]["identical"]
    finally:
        subprocess.run(["umount", str(disk)], check=True)


# ── models ────────────────────────────────────────────────────────────────────────────────────
def test_a_model_without_a_key_is_refused_with_the_variables_name(
    evolve: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    assert "OPENAI_API_KEY" in refused(evolve("run", "problem=circle_packing", "llm=gpt-4o-mini", *FEW))
    free = ("llm.input_usd_per_million=0", "llm.output_usd_per_million=0")
    said = refused(evolve("run", "problem=circle_packing", "llm=openai/x", "llm.api_key_env=NO_KEY", *free, *FEW))
    assert "NO_KEY" in said
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_nobody_runs_ends_the_run_soon(evolve: Command) -> None:
    done = evolve("run", "problem=circle_packing", "params.n=3", "llm=http://127.0.0.1:9/v1", "llm.retries=0", "--json")
    result = json.loads(done.stdout)
    assert done.returncode == 1
    assert result["status"] == "failed"
    assert "Cannot connect" in result["reason"]


# ── interrupts ────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_while_the_seed_is_judged_leaves_no_run(folder: Path, tmp_path: Path, number: int) -> None:
    (folder / "seed" / "pressure.py").write_text("import time\ndef pressure(t):\n    time.sleep(60)\n")
    _yaml("{name: full, timeout_s: 5}", "{name: full, timeout_s: 60}")(folder)
    done = interrupted(tmp_path, number, until=lambda: (tmp_path / "runs" / "evolve.db").exists(), wait_s=1.5)
    assert done.returncode == 130
    assert "Stopped before the search began" in done.stderr and "Traceback" not in done.stderr


def test_an_interrupt_while_the_sealed_stage_is_judged_is_taken_up_again(
    folder: Path, evolve: Command, tmp_path: Path
) -> None:
    judge = folder / "evaluate.py"
    call = "    answer = candidate.call"
    judge.write_text(
        judge.read_text().replace(call, f"    import time\n    time.sleep(2 * (stage == 'sealed'))\n{call}")
    )

    def stopped() -> bool:
        if not (tmp_path / "runs" / "evolve.db").exists():
            return False
        return any(row["evaluated"] == 4 for row in lines(evolve("runs", "--json")))

    done = interrupted(tmp_path, signal.SIGTERM, until=stopped, wait_s=0.5)
    assert done.returncode == 130 and "evolve resume one" in done.stderr
    assert lines(evolve("runs", "--json"))[0]["status"] == "paused"
    (result,) = lines(evolve("resume", "one", "--json"))
    assert result["status"] == "finished" and set(result["sealed"]) >= {"best", "seed"}


def interrupted(
    folder: Path, number: int, until: Callable[[], bool], wait_s: float
) -> subprocess.CompletedProcess[str]:
    """Send a signal to a run when ``until`` holds and ``wait_s`` have passed."""
    command = [sys.executable, "-c", "from evolve.cli import main; main()", "run", "problem=./mine", "run=one", *FEW]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    running = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    for _ in range(200):
        if until():
            break
        time.sleep(0.05)
    time.sleep(wait_s)
    running.send_signal(number)
    out, err = running.communicate(timeout=30)
    return subprocess.CompletedProcess(command, running.returncode, out, err)
