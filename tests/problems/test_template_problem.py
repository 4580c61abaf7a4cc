"""The folder that ``evolve new`` copies."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import numpy as np
import pytest

from evaluators import CandidateCrashed
from evolve.domain.problem import Problem
from evolve.paths import bundled
from tests.problems.problem_support import CandidateFactory, load_judge

judge = load_judge("_template")
FOLDER = bundled("problems") / "_template"


def test_a_copy_under_another_name_is_a_problem_of_that_name(tmp_path: Path) -> None:
    shutil.copytree(FOLDER, tmp_path / "my_problem")
    problem = Problem.load(tmp_path / "my_problem")
    assert problem.name == "my_problem"
    assert problem.sealed is not None
    assert "EVOLVE-BLOCK-START" in problem.seed().files[problem.entry]


def test_sealed_points_lie_between_the_others() -> None:
    seen, _ = judge.points("full", 0, 100)
    sealed, _ = judge.points("sealed", 0, 100)
    assert not set(seen) & set(sealed)
    assert sorted([*seen, *sealed]) == [5.0 * k for k in range(21)]
    assert judge.points("full", 0, 50)[0].max() == 50


def test_known_best_is_what_the_formula_scores(candidate_factory: CandidateFactory) -> None:
    program = (
        "import numpy as np\ndef pressure(t):\n    return 0.61121 * np.exp((18.678 - t / 234.5) * t / (257.14 + t))\n"
    )
    problem = Problem.load(FOLDER)
    score = judge.evaluate(candidate_factory(problem, {problem.entry: program}), "full", dict(problem.params))
    assert score.metrics["relative_rmse"] == pytest.approx(problem.known_best[0].value, abs=5e-7)
    assert f"{score.metrics['relative_rmse']:.6f}" in (FOLDER / "README.md").read_text("utf-8")


def test_score_is_the_root_mean_square_of_relative_errors(candidate_factory: CandidateFactory) -> None:
    problem = Problem.load(FOLDER, {"high_c": 20})
    program = "import numpy as np\ndef pressure(t):\n    return np.full(len(t), 1.2281)\n"
    score = judge.evaluate(candidate_factory(problem, {problem.entry: program}), "full", dict(problem.params))
    errors = [1.2281 / 0.6113 - 1, 0.0, 1.2281 / 2.3388 - 1]
    assert score.metrics["relative_rmse"] == pytest.approx(math.sqrt(sum(e * e for e in errors) / 3))
    assert score.per_instance["10 C"] == 0.0
    assert score.feedback.startswith("Worst at 0 C")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("list(t)", "float array, found list"),
        ("t.astype(int)", "float array"),
        ("t[:, None]", "11 numbers"),
        ("t * np.inf", "not finite"),
    ],
)
def test_wrong_answers_are_explained(body: str, words: str, candidate_factory: CandidateFactory) -> None:
    problem = Problem.load(FOLDER)
    program = f"import numpy as np\ndef pressure(t):\n    with np.errstate(all='ignore'):\n        return {body}\n"
    score = judge.evaluate(candidate_factory(problem, {problem.entry: program}), "full", dict(problem.params))
    assert not score.valid and words in score.feedback


def test_no_points_in_the_range_is_an_error_in_the_parameters(candidate_factory: CandidateFactory) -> None:
    problem = Problem.load(FOLDER, {"low_c": 101})
    with pytest.raises(ValueError, match="low_c=101"):
        judge.evaluate(candidate_factory(problem, problem.seed().files), "full", dict(problem.params))


def test_in_process_candidate_copies_arguments_and_reports_crashes(candidate_factory: CandidateFactory) -> None:
    problem = Problem.load(FOLDER)
    program = "def pressure(t):\n    t[:] = 0.0\n    return t\ndef fails():\n    raise SystemExit(0)\n"
    candidate = candidate_factory(problem, {problem.entry: program})
    sent = np.ones(3)
    assert candidate.call("pressure", sent).tolist() == [0.0] * 3
    assert sent.tolist() == [1.0] * 3
    for function in ("fails", "missing"):
        with pytest.raises(CandidateCrashed):
            candidate.call(function)
