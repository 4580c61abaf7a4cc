"""``evolve check PROBLEM --redteam`` as a person meets it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.cli_support import Command, evolve, lines
from tests.redteam.conftest import Make
from tests.redteam.test_suite import BELIEVES_NUMBERS

__all__ = ["evolve"]


def test_contained_attacks_end_with_code_0_and_a_table(evolve: Command) -> None:
    done = evolve("check", "circle_packing", "--redteam", "--only", "reach/tcp")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Connects to listeners of the host over IP." in done.stdout
    assert "contained" in done.stdout
    assert "refused" in done.stdout
    assert "1 attacks: 1 contained." in done.stdout


def test_json_has_one_object_an_attack(evolve: Command) -> None:
    rows = lines(evolve("check", "circle_packing", "--redteam", "--only", "controls/*", "--json"))
    assert len(rows) > 5
    assert {row["family"] for row in rows} == {"controls"}
    assert {row["ruling"] for row in rows} == {"contained"}
    assert {"attack", "tried", "ended", "why", "held", "did", "feedback", "seconds"} <= set(rows[0])


def test_a_breach_ends_with_code_1_and_says_why(evolve: Command, make_problem: Make) -> None:
    problem = make_problem(BELIEVES_NUMBERS, {"greedy.py": "def answer(x):\n    return 1e9\n"})
    done = evolve("check", str(problem.folder), "--redteam", "--only", "exploits/*")
    assert done.returncode == 1
    assert "BREACH exploits/greedy: scored {'value': 1000000000.0}" in done.stdout
    done = evolve("check", str(problem.folder), "--redteam", "--only", "exploits/*", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["ruling"] == "BREACH"


def test_a_name_that_no_attack_has_is_refused_with_the_nearest(evolve: Command) -> None:
    done = evolve("check", "circle_packing", "--redteam", "--only", "reach/tpc")
    assert done.returncode == 1
    assert "'reach/tcp'" in done.stderr


def test_choosing_attacks_without_the_suite_is_refused(evolve: Command) -> None:
    done = evolve("check", "circle_packing", "--only", "reach/*")
    assert done.returncode == 1
    assert "--redteam" in done.stderr


@pytest.mark.parametrize("exploit", [True, False])
def test_a_problem_in_another_language_is_not_said_to_be_safe(
    evolve: Command, make_problem: Make, exploit: bool
) -> None:
    problem = make_problem(
        "from evaluators import Score, invalid\n"
        "def evaluate(candidate, stage, params):\n"
        "    done = candidate.run(['sh', 'program.sh'])\n"
        "    return Score(metrics={'value': 42.0}) if done.stdout == b'42\\n' else invalid('wrong')\n"
    )
    (problem.folder / "seed" / "program.py").unlink()
    (problem.folder / "seed" / "program.sh").write_text("echo 42\n")
    if exploit:
        (problem.folder / "exploits").mkdir()
        (problem.folder / "exploits" / "lies.sh").write_text("# Expected: invalid\necho 43\n")
    done = evolve("check", str(problem.folder), "--redteam")
    assert done.returncode == 1
    assert "program.sh" in done.stderr and "none of them could be tried" in done.stderr
    assert ("lies" in done.stdout) == exploit


def test_the_problem_itself_is_left_as_it_was(evolve: Command, make_problem: Make) -> None:
    problem = make_problem()
    before = snapshot(problem.folder)
    assert evolve("check", str(problem.folder), "--redteam", "--only", "leftovers/files").returncode == 0
    assert snapshot(problem.folder) == before


def snapshot(folder: Path) -> dict[str, str]:
    return {str(path): path.read_text() for path in folder.rglob("*") if path.is_file()}
