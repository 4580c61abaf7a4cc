"""What holds for every bundled problem folder."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from evolve.conformance.problem import Judged, ProblemSuite, check_seed
from evolve.domain.evaluation import Outcome
from evolve.domain.problem import Problem, Stage
from evolve.interfaces import Job
from evolve.paths import bundled

FOLDERS = sorted(path.parent.name for path in bundled("problems").glob("*/problem.yaml"))


def load(name: str, params: Mapping[str, object] | None = None) -> Problem:
    return Problem.load(bundled("problems") / name, params)


def parameter_sets(folder: str) -> list[dict[str, object]]:
    """Return the parameters of the folder, then those for which a best value is known."""
    problem = load(folder)
    sets = [dict(problem.params), *({**problem.params, **known.params} for known in problem.known_best)]
    return [chosen for index, chosen in enumerate(sets) if chosen not in sets[:index]]


OTHER_SETS = [
    pytest.param(folder, params, id="-".join([folder, *(str(v) for k, v in params.items() if len(params) < 5)]))
    for folder in FOLDERS
    for params in parameter_sets(folder)[1:]
]


def recorded() -> list[Any]:
    """Return one pytest parameter for each recorded score."""
    found = []
    for folder in FOLDERS:
        path = bundled("problems") / folder / "baselines" / "recorded.json"
        for entry in json.loads(path.read_text("utf-8")):
            words = [folder, entry["program"], entry["stage"], *map(str, entry.get("params", {}).values())]
            found.append(pytest.param(folder, entry, id="-".join(words)))
    return found


class TestFolders(ProblemSuite):
    @pytest.fixture(params=FOLDERS)
    def folder(self, request: pytest.FixtureRequest) -> Path:
        return bundled("problems") / str(request.param)

    @pytest.fixture
    def judged(self, judged: Judged) -> Judged:
        return judged


@pytest.mark.parametrize(("folder", "params"), OTHER_SETS)
def test_the_seed_is_valid_with_other_parameters_too(folder: str, params: Mapping[str, object], judged: Judged) -> None:
    check_seed(load(folder, params), judged)


@pytest.mark.parametrize(("folder", "entry"), recorded())
def test_baseline_reproduces_its_recorded_score(folder: str, entry: dict[str, Any], judged: Judged) -> None:
    problem = load(folder, entry.get("params"))
    verdict = judged(Job(problem, problem.stage(entry["stage"]), problem.baselines()[entry["program"]]))
    assert verdict.outcome is Outcome.VALID, verdict.feedback
    for name, value in entry["metrics"].items():
        assert verdict.metrics[name] == pytest.approx(value, rel=entry["tolerance"], abs=0)


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_baseline_is_recorded_in_every_stage(
    folder: str, every_stage: Callable[[Problem], tuple[Stage, ...]]
) -> None:
    problem = load(folder)
    known = {(case.values[1]["program"], case.values[1]["stage"]) for case in recorded() if case.values[0] == folder}
    assert known == {(name, stage.name) for name in problem.baselines() for stage in every_stage(problem)}


def is_stated(value: float, text: str) -> bool:
    """Whether a number, or its hundredfold as a percentage, stands in the text."""
    return any(re.search(rf"(?<![\d.]){re.escape(f'{scaled:.14g}')}0*(?!\d)", text) for scaled in (value, 100 * value))


@pytest.mark.parametrize("folder", FOLDERS)
def test_folder_says_what_is_known_and_how_to_cheat(folder: str) -> None:
    problem = load(folder)
    assert problem.known_best and all(known.source for known in problem.known_best)
    assert {known.objective for known in problem.known_best} <= {goal.name for goal in problem.objectives}
    assert problem.exploits() and problem.baselines()
    readme = (problem.folder / "README.md").read_text("utf-8")
    missing = [known.value for known in problem.known_best if not is_stated(known.value, readme)]
    assert not missing, f"README.md does not state {missing}"
    assert "## What is known" in readme or "literature" in readme
    assert "How one might cheat" in readme
