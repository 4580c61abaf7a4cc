"""What a judge takes from the library of judges, and how a change of it is noticed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from evolve.domain.judge_sources import judge_library
from evolve.domain.problem import Problem
from evolve.paths import bundled

MODULES = {
    "__init__.py": "from evaluators.score import Score\n",
    "score.py": "class Score: ...\n",
    "judge.py": "from evaluators.wire import send\n",
    "wire.py": "def send(): ...\n",
    "shapes.py": '''"""Words."""
import math
from evaluators.numbers import exact, rounded
from evaluators.wire import send

SIDE = 4  # of a square
SIDE += 1


def area(x):
    return exact(x) * SIDE


@staticmethod
def other(x):
    return rounded(x)
''',
    "numbers.py": "def exact(x):\n    return x\n\n\ndef rounded(x):\n    return round(x)\n",
    "kernels/__init__.py": "",
    "kernels/race.py": "from evaluators.numbers import rounded\n",
    "kernels/shim.cu": "int x;\n",
    "kernels/README.md": "words\n",
}


@pytest.fixture
def library(tmp_path: Path) -> Path:
    for name, text in MODULES.items():
        path = tmp_path / "evaluators" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "evaluators"


def taken(library: Path, judge: str) -> dict[str, str]:
    path = library.parent / "evaluate.py"
    path.write_text(judge)
    return dict(judge_library([path], library))


def test_only_definitions_that_are_used_count_with_what_they_use(library: Path) -> None:
    found = taken(library, "from evaluators import Score\nfrom evaluators.shapes import area\n")
    assert set(found) == {"shapes.py:SIDE", "shapes.py:area", "numbers.py:exact"}
    assert found["shapes.py:SIDE"] == "SIDE = 4  # of a square\nSIDE += 1\n"
    assert set(taken(library, "from evaluators.shapes import other")) == {"shapes.py:other", "numbers.py:rounded"}
    assert taken(library, "from evaluators.shapes import other")["shapes.py:other"].startswith("@staticmethod\n")


@pytest.mark.parametrize(
    "judge",
    ["import evaluators.shapes", "from evaluators import shapes", "def f():\n    import evaluators.shapes as s"],
)
def test_a_module_that_is_taken_whole_counts_whole(library: Path, judge: str) -> None:
    assert set(taken(library, judge)) == {"shapes.py", "numbers.py:exact", "numbers.py:rounded"}


def test_all_files_of_a_package_count(library: Path) -> None:
    found = taken(library, "from evaluators.kernels.race import Race")
    assert set(found) == {"kernels/__init__.py", "kernels/race.py", "kernels/shim.cu", "numbers.py:rounded"}


@pytest.mark.parametrize(
    "judge", ["from evaluators import Score, invalid", "import evaluators", "import numpy", "def (:", ""]
)
def test_the_harness_and_others_do_not_count(library: Path, judge: str) -> None:
    assert taken(library, judge) == {}
    assert taken(library, "from evaluators.wire import send\nfrom evaluators.nowhere import x") == {}


def copied(tmp_path: Path, judge: str) -> Problem:
    (tmp_path / "problem" / "seed").mkdir(parents=True)
    (tmp_path / "problem" / "seed" / "a.py").write_text("x = 1\n")
    (tmp_path / "problem" / "evaluate.py").write_text(judge + "def evaluate(candidate, stage, params): ...\n")
    (tmp_path / "problem" / "problem.yaml").write_text("statement: x\nobjectives: [{name: v, direction: maximize}]\n")
    return Problem.load(tmp_path / "problem")


def test_a_change_of_the_library_is_a_change_of_the_judges_that_use_it(
    tmp_path: Path, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evolve.domain.problem.bundled", lambda name: library)
    problem = copied(tmp_path, "from evaluators.shapes import area\n")
    before = problem.judge_hash()
    (library / "shapes.py").write_text(MODULES["shapes.py"].replace("rounded(x)", "rounded(2 * x)"))
    assert problem.judge_hash() == before, "nothing that it uses"
    (library / "numbers.py").write_text(
        "def exact(x):\n    return x + 1e-9\n\n\ndef rounded(x):\n    return round(x)\n"
    )
    assert problem.judge_hash() != before


def test_records_from_before_the_library_counted_keep_their_rule(tmp_path: Path) -> None:
    problem = copied(tmp_path, "from evaluators.constructions import whole_number\n")
    former = replace(problem, library_counts=False).judge_hash()
    assert former != problem.judge_hash()
    assert problem.as_judged_by(former).judge_hash() == former
    assert problem.as_judged_by(problem.judge_hash()) == problem
    for unknown in ("0" * 16, None, 7):
        assert problem.as_judged_by(unknown) == problem


def test_judges_that_use_only_the_harness_have_the_hash_that_they_had(tmp_path: Path) -> None:
    problem = copied(tmp_path, "from evaluators import Candidate, Score\n")
    assert replace(problem, library_counts=False).judge_hash() == problem.judge_hash()


def test_the_bundled_judges_use_what_they_import() -> None:
    places = {
        name: {place for place, _ in judge_library([bundled("problems") / name / "evaluate.py"], bundled("evaluators"))}
        for name in ("matmul_schedule", "sorting", "cap_set")
    }
    assert places["sorting"] == {"constructions.py:whole_number"}
    assert {"timing.py:race", "timing.py:median_interval"} <= places["matmul_schedule"]
    assert "constructions.py:greedy" in places["cap_set"]
