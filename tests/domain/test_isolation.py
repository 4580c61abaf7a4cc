from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from evolve.domain.isolation import Isolation
from evolve.domain.problem import Problem
from evolve.errors import ProblemError
from evolve.paths import bundled


def labelled(folder: Path, label: str) -> Problem:
    copy = shutil.copytree(bundled("problems") / "_template", folder / "problem")
    with (copy / "problem.yaml").open("a") as file:
        file.write(f"\n{label}\n")
    return Problem.load(copy)


def test_a_judge_is_separate_unless_the_problem_says_otherwise(tmp_path: Path) -> None:
    problem = labelled(tmp_path, "")
    assert problem.isolation is Isolation.SEPARATE
    assert problem.isolation.caveat == ""


def test_a_shared_process_is_a_caveat(tmp_path: Path) -> None:
    assert "can forge its score" in labelled(tmp_path, "isolation: shared").isolation.caveat


def test_other_words_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ProblemError, match="'isolation': expected one of separate, shared, found 'none'"):
        labelled(tmp_path, "isolation: none")
