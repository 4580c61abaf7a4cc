"""What holds for every bundled problem folder."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from evolve.domain.evaluation import Outcome
from evolve.domain.problem import Problem, Stage
from evolve.interfaces import Job, Verdict
from evolve.paths import bundled

Judged = Callable[[Job], Verdict]
FOLDERS = sorted(path.parent.name for path in bundled("problems").glob("*/problem.yaml"))


def load(name: str, params: Mapping[str, object] | None = None) -> Problem:
    return Problem.load(bundled("problems") / name, params)


def parameter_sets(folder: str) -> list[dict[str, object]]:
    """Return the parameters of the folder, then those for which a best value is known."""
    problem = load(folder)
    sets = [dict(problem.params), *({**problem.params, **known.params} for known in problem.known_best)]
    return [chosen for index, chosen in enumerate(sets) if chosen not in sets[:index]]


EVERY_SET = [
    pytest.param(folder, params, id="-".join([folder, *(str(v) for k, v in params.items() if len(params) < 5)]))
    for folder in FOLDERS
    for params in parameter_sets(folder)
]


def expected_outcome(files: Mapping[str, str], entry: str) -> Outcome:
    """Read ``expect: OUTCOME`` from the comment that is the first line of an exploit."""
    prefix, _, outcome = files[entry].splitlines()[0].partition(": ")
    assert prefix in ("# expect", "// expect"), f"an exploit begins with '# expect: OUTCOME', found {prefix!r}"
    return Outcome(outcome)


def exploits() -> list[tuple[str, str]]:
    return [(folder, name) for folder in FOLDERS for name in load(folder).exploits()]


def recorded() -> list[Any]:
    """Return one pytest parameter for each recorded score."""
    found = []
    for folder in FOLDERS:
        path = bundled("problems") / folder / "baselines" / "recorded.json"
        for entry in json.loads(path.read_text("utf-8")):
            words = [folder, entry["program"], entry["stage"], *map(str, entry.get("params", {}).values())]
            found.append(pytest.param(folder, entry, id="-".join(words)))
    return found


@pytest.mark.parametrize(("folder", "params"), EVERY_SET)
def test_seed_is_valid_scores_the_same_twice_and_is_no_record(
    folder: str, params: Mapping[str, object], judged: Judged, every_stage: Callable[[Problem], tuple[Stage, ...]]
) -> None:
    problem = load(folder, params)
    known = problem.known_gain()
    for stage in every_stage(problem):
        job = Job(problem, stage, problem.seed().files)
        first, second = judged(job), judged(job)
        assert first.outcome is Outcome.VALID, first.feedback
        assert_equal(problem, first, second)
        assert first.feedback
        if known is not None:
            assert problem.vector(first.metrics)[0] < known, "the seed must leave something to be found"


def assert_equal(problem: Problem, first: Verdict, second: Verdict) -> None:
    """Two verdicts on one program are equal; where times are scored or reported, those may differ."""
    assert second.outcome is first.outcome and second.metrics.keys() == first.metrics.keys()
    if not problem.deterministic:
        for goal in problem.objectives:
            assert 0.4 < second.metrics[goal.name] / first.metrics[goal.name] < 2.5
        return
    one, other = ({n: v for n, v in verdict.metrics.items() if not n.startswith("ns_")} for verdict in (first, second))
    assert replace(first, seconds=0.0, metrics=one) == replace(second, seconds=0.0, metrics=other)


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


@pytest.mark.parametrize(("folder", "name"), exploits())
def test_exploit_ends_as_it_says_in_every_stage(
    folder: str, name: str, judged: Judged, every_stage: Callable[[Problem], tuple[Stage, ...]]
) -> None:
    problem = load(folder)
    files = problem.exploits()[name]
    for stage in every_stage(problem):
        verdict = judged(Job(problem, stage, files))
        assert verdict.outcome is expected_outcome(files, problem.entry), verdict
        assert verdict.feedback and not verdict.metrics


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


@pytest.mark.parametrize("folder", FOLDERS)
def test_gates_let_the_seed_through(folder: str, judged: Judged) -> None:
    problem = load(folder)
    for stage in problem.stages:
        if stage.gate is not None:
            value = judged(Job(problem, stage, problem.seed().files)).metrics[stage.gate.metric]
            assert stage.gate.passes(value, value)
