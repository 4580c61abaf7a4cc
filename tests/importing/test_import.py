"""Tasks of other systems, imported and scored through the process sandbox.

The evaluators hand on what the program says, so that one sandbox tries many traps.
"""

from __future__ import annotations

import asyncio
import math
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from evolve.domain.evaluation import Outcome
from evolve.domain.isolation import Isolation
from evolve.domain.objective import Direction
from evolve.domain.problem import Problem
from evolve.errors import ConfigurationError, ProblemError
from evolve.evaluation.docker_sandbox import DockerSandbox
from evolve.evaluation.process_sandbox import ProcessSandbox
from evolve.importing.kinds import recognise, travelling
from evolve.importing.writing import write_problem
from evolve.interfaces import Job, Verdict
from tests.engine import Engine

TASKS = Path(__file__).parent / "tasks"


def scored(problem: Problem, programs: Mapping[str, str] | None = None) -> dict[str, Verdict]:
    """Return the verdict on the seed and on each program, by name, all in one sandbox."""
    seed = problem.seed().files
    files = {"seed": seed, **{name: {**seed, problem.entry: text} for name, text in (programs or {}).items()}}

    async def judged() -> dict[str, Verdict]:
        sandbox = ProcessSandbox(problem)
        await sandbox.start()
        try:
            return {name: await sandbox.judge(Job(problem, problem.stages[-1], text)) for name, text in files.items()}
        finally:
            await sandbox.close()

    return asyncio.run(judged())


def imported(task: str, out: Path, **objectives: Direction) -> Problem:
    return write_problem(recognise(TASKS / task), out / task, objectives)


# ── OpenEvolve ────────────────────────────────────────────────────────────────────────────────
def says(value: str) -> str:
    return f"import asyncio, os, numpy as np\n\n\ndef answer():\n    return {value}\n"


PROGRAMS = {
    "plain": says("{'combined_score': 2}"),
    "numpy": says("{'combined_score': np.float32(0.5), 'count': np.int64(3), 'one': np.array([1.5])}"),
    "text": says("{'combined_score': '0.25', 'name': 'a word'}"),
    "infinite": says("{'combined_score': float('inf')}"),
    "not_a_number": says("{'combined_score': np.nan}"),
    "side_infinite": says("{'combined_score': 1.0, 'slack': float('-inf')}"),
    "none": says("{'other': 1.0}"),
    "failed": says("{'combined_score': 0.0, 'error': 'the answer is wrong'}"),
    "error_metric": says("{'combined_score': 1.0, 'error': 0.125}"),
    "nested": says("{'combined_score': 1.0, 'part': {'inner': 2.0}, 'steps': [1, 2]}"),
    "list": says("[1.0]"),
    "raises": "def answer():\n    raise ValueError('no such answer')\n",
    "exits": "import sys\n\n\ndef answer():\n    sys.exit(3)\n",
    "dies": "import os\n\n\ndef answer():\n    os._exit(0)\n",
    "pools": says("{'combined_score': 1.0, 'pools': True}"),
    "wordy": says(
        "{'combined_score': 1.0, 'x' * 300: 2.0, **{f'word {n}': 'y' * 50_000 + chr(0xD800) for n in range(99)}}"
    ),
    "prints": "def answer():\n    print('{\"combined_score\": 99}')\n    return {'combined_score': 1.0}\n",
}


@pytest.fixture(scope="module")
def openevolve(tmp_path_factory: pytest.TempPathFactory) -> tuple[Problem, dict[str, Verdict]]:
    problem = imported("openevolve", tmp_path_factory.mktemp("openevolve"))
    return problem, scored(problem, PROGRAMS)


def test_an_openevolve_folder_becomes_an_ordinary_problem(openevolve: tuple[Problem, dict[str, Verdict]]) -> None:
    problem, verdicts = openevolve
    assert "Find the answer to everything." in problem.statement
    assert [(o.name, o.direction) for o in problem.objectives] == [("combined_score", Direction.MAXIMIZE)]
    assert problem.stages[0].timeout_s == 20.0
    assert problem.isolation is Isolation.SHARED
    assert "forge" in problem.isolation.caveat
    assert set(problem.seed().files) == {"initial_program.py"}
    assert verdicts["seed"].outcome is Outcome.VALID


def test_helpers_children_and_the_package_are_there(openevolve: tuple[Problem, dict[str, Verdict]]) -> None:
    verdict = openevolve[1]["seed"]
    # helper.py beside the evaluator, numbers.bin opened by a relative path, a child of sys.executable that imports both
    assert verdict.metrics["combined_score"] == 42.0
    assert verdict.metrics["from_a_child"] == 2.0
    assert verdict.metrics["bytes_of_data"] == 4.0
    assert verdict.artifacts["report.inner"] == b"text"
    assert verdict.artifacts["report.numbers"] == b"[1, 2]"


@pytest.mark.parametrize(
    ("program", "metrics"),
    [
        ("plain", {"combined_score": 2.0}),
        ("numpy", {"combined_score": 0.5, "count": 3.0, "one": 1.5}),
        ("text", {"combined_score": 0.25}),
        ("side_infinite", {"combined_score": 1.0}),
        ("error_metric", {"combined_score": 1.0, "error": 0.125}),
        ("nested", {"combined_score": 1.0, "part.inner": 2.0}),
        ("prints", {"combined_score": 1.0}),
        ("pools", {"fork": 14.0, "spawn": 14.0}),
    ],
)
def test_what_evaluators_return_is_read(
    openevolve: tuple[Problem, dict[str, Verdict]], program: str, metrics: Mapping[str, float]
) -> None:
    verdict = openevolve[1][program]
    assert verdict.outcome is Outcome.VALID, verdict.feedback
    assert metrics.items() <= verdict.metrics.items()
    assert all(math.isfinite(value) for value in verdict.metrics.values())


@pytest.mark.parametrize(
    ("program", "outcome", "words"),
    [
        ("infinite", Outcome.INVALID, "combined_score is inf"),
        ("not_a_number", Outcome.INVALID, "combined_score is nan"),
        ("none", Outcome.INVALID, "reported no combined_score; it reported bytes_of_data, from_a_child, other"),
        ("failed", Outcome.INVALID, "the answer is wrong"),
        ("list", Outcome.INVALID, "returned list"),
        ("raises", Outcome.INVALID, "ValueError: no such answer"),
        ("exits", Outcome.INVALID, "SystemExit: 3"),
        ("dies", Outcome.CRASHED, ""),
    ],
)
def test_what_is_no_score_is_refused_with_the_reason(
    openevolve: tuple[Problem, dict[str, Verdict]], program: str, outcome: Outcome, words: str
) -> None:
    verdict = openevolve[1][program]
    assert verdict.outcome is outcome, verdict
    assert words in verdict.feedback
    assert "combined_score" not in verdict.metrics


def test_what_was_left_out_is_said(openevolve: tuple[Problem, dict[str, Verdict]]) -> None:
    verdicts = openevolve[1]
    assert "slack is -inf and is left out" in verdicts["side_infinite"].feedback
    assert verdicts["text"].artifacts["name"] == b"a word"
    assert verdicts["nested"].artifacts["steps"] == b"[1, 2]"
    wordy = verdicts["wordy"]
    assert wordy.outcome is Outcome.VALID, wordy.feedback
    assert "37 artifacts are left out." in wordy.feedback  # two more come from the evaluator itself
    assert "xxx is 2.0 and is left out" in wordy.feedback
    assert {len(text) for name, text in wordy.artifacts.items() if name.startswith("word ")} == {32_000}


def test_the_evaluator_belongs_to_the_judge(openevolve: tuple[Problem, dict[str, Verdict]], tmp_path: Path) -> None:
    problem = openevolve[0]
    copy = shutil.copytree(problem.folder, tmp_path / "copy")
    assert Problem.load(copy).judge_hash() == problem.judge_hash()
    (copy / "peer" / "helper.py").write_text("SCALE = 3.0\n")
    assert Problem.load(copy).judge_hash() != problem.judge_hash()


def test_a_cascade_keeps_to_thresholds_on_the_problems_own_scale(tmp_path: Path) -> None:
    problem = imported("cascade", tmp_path, combined_score=Direction.MAXIMIZE)
    programs = {"poor": "SCORE = -20.0\n", "better": "SCORE = -8.0\n", "good": "SCORE = -1.0\n"}
    verdicts = scored(problem, programs)
    reached = {name: verdicts[name].metrics["cascade_stages"] for name in programs}
    assert reached == {"poor": 1.0, "better": 2.0, "good": 3.0}
    assert verdicts["poor"].metrics["combined_score"] == -20.0
    assert "Stopped after evaluate_stage1: -20, the next stage needs -10.0" in verdicts["poor"].feedback
    assert verdicts["good"].metrics["slow"] == 3.0


# ── ShinkaEvolve ──────────────────────────────────────────────────────────────────────────────
def test_a_shinka_folder_is_scored_by_the_files_its_evaluator_writes(tmp_path: Path) -> None:
    problem = imported("shinka", tmp_path)
    verdicts = scored(
        problem,
        {
            "wrong": "def run_experiment(seed):\n    return -1.0\n",
            "raises": "def run_experiment(seed):\n    return 1 / 0\n",
            "infinite": "def run_experiment(seed):\n    return float('inf')\n",
        },
    )
    assert "Make the numbers large." in problem.statement
    assert problem.stages[0].timeout_s == 90.0
    seed = verdicts["seed"]
    assert seed.outcome is Outcome.VALID, seed.feedback
    assert seed.metrics["combined_score"] == 3.0
    assert seed.metrics["runs"] == 3.0
    assert (seed.metrics["num_valid_runs"], seed.metrics["num_invalid_runs"]) == (3.0, 0.0)
    assert "private.secret" not in seed.metrics
    assert seed.feedback == "three runs"
    assert {name: v.outcome for name, v in verdicts.items() if name != "seed"} == dict.fromkeys(
        ("wrong", "raises", "infinite"), Outcome.INVALID
    )
    assert "-1.0 is negative" in verdicts["wrong"].feedback
    assert "ZeroDivisionError" in verdicts["raises"].feedback
    assert "inf" in verdicts["infinite"].feedback


def test_a_shinka_evaluator_may_spread_its_runs(tmp_path: Path) -> None:
    task = shutil.copytree(TASKS / "shinka", tmp_path / "task")
    script = (task / "evaluate.py").read_text()
    (task / "evaluate.py").write_text(script.replace("num_runs=", "run_workers=2, num_runs="))
    verdict = scored(write_problem(recognise(task), tmp_path / "out"))["seed"]
    assert verdict.metrics["combined_score"] == 3.0, verdict.feedback


# ── a single file, a command ──────────────────────────────────────────────────────────────────
def test_a_single_file_judges_itself(tmp_path: Path) -> None:
    objectives = {"error": Direction.MINIMIZE}
    problem = write_problem(recognise(TASKS / "single.py"), tmp_path / "single", objectives)
    verdict = scored(problem)["seed"]
    assert verdict.outcome is Outcome.VALID, verdict.feedback
    assert verdict.metrics["error"] == 0.5
    assert not any((problem.folder / "peer").iterdir())


def test_a_command_prints_the_scores(tmp_path: Path) -> None:
    peer = recognise(TASKS / "command", "python score.py --scale 3")
    problem = write_problem(peer, tmp_path / "command", {"cost": Direction.MINIMIZE})
    verdicts = scored(problem, {"broken": "VALUE = \n"})
    assert verdicts["seed"].outcome is Outcome.VALID, verdicts["seed"].feedback
    assert verdicts["seed"].metrics["cost"] == 15.0
    assert verdicts["broken"].outcome is Outcome.INVALID
    assert "SyntaxError" in verdicts["broken"].feedback


def test_an_imported_problem_scores_the_same_in_a_container(
    engine: Engine, openevolve: tuple[Problem, dict[str, Verdict]]
) -> None:
    problem, verdicts = openevolve
    sandbox = DockerSandbox(problem, base_image=engine.base_image)

    async def judged() -> Verdict:
        await sandbox.start()
        try:
            return await sandbox.judge(Job(problem, problem.stages[0], problem.seed().files))
        finally:
            await sandbox.close()

    assert asyncio.run(judged()).metrics == verdicts["seed"].metrics


# ── refusals ──────────────────────────────────────────────────────────────────────────────────
def test_what_is_no_task_is_told_what_was_looked_for(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(ConfigurationError, match=r"initial_program\.\*.*initial\.\*.*found notes\.txt.*--command"):
        recognise(tmp_path)
    with pytest.raises(ConfigurationError, match="There is nothing at"):
        recognise(tmp_path / "missing")
    with pytest.raises(ConfigurationError, match="EVOLVE-BLOCK-START comments and, outside them"):
        recognise(tmp_path / "notes.txt")
    with pytest.raises(ConfigurationError, match="name what may change with --program"):
        recognise(tmp_path, "python score.py")
    with pytest.raises(ConfigurationError, match=r"--program \.\./notes\.txt: .* has no such file"):
        recognise(tmp_path, "python score.py", ["../notes.txt"])


def test_a_file_whose_evaluate_may_change_is_no_task(tmp_path: Path) -> None:
    open_to_change = tmp_path / "single.py"
    open_to_change.write_text("# EVOLVE-BLOCK-START\ndef evaluate():\n    return {'a': 1}\n# EVOLVE-BLOCK-END\n")
    with pytest.raises(ConfigurationError, match="outside them, a function evaluate"):
        recognise(open_to_change)


def test_only_files_of_the_task_travel(tmp_path: Path) -> None:
    task = shutil.copytree(TASKS / "openevolve", tmp_path / "task").resolve()
    secret = tmp_path / "secret"
    secret.write_text("key")
    (task / "link").symlink_to(secret)
    made = ("runs/evolve.db", "results_1/main.py", "openevolve_output/best.py")
    for name in (".env", ".git/config", *made, "mine/problem.yaml", "mine/peer/evaluator.py"):
        (task / name).parent.mkdir(parents=True, exist_ok=True)
        (task / name).write_text("")
    names = [path.relative_to(task).as_posix() for path in travelling(task)]
    assert names == ["config.yaml", "evaluator.py", "helper.py", "initial_program.py", "numbers.bin"]


def test_an_objective_is_not_guessed(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"reports no combined_score.*mean of all numbers.*--objective"):
        imported("cascade", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_a_problem_leaves_nothing(tmp_path: Path) -> None:
    task = shutil.copytree(TASKS / "openevolve", tmp_path / "task")
    (task / "initial_program.py").write_text("# EVOLVE-BLOCK-START\nanswer = 1\n")
    with pytest.raises(ProblemError, match="EVOLVE-BLOCK"):
        write_problem(recognise(task), tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["task"]
