"""The script for GPU machines, tried on a kernel of numpy: its parts run, its report says what was not measured."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from evolve.bench import kernel_check
from evolve.domain.problem import Problem
from evolve.errors import ConfigurationError
from evolve.evaluation import gpus

FOLDER = Path(__file__).parents[1] / "fixtures" / "timed_kernel"


def plan(attacks: str, *, wall_s: float = 30.0, budget_s: float = 600.0) -> kernel_check.Plan:
    problem = Problem.load(FOLDER)
    made = kernel_check.planned(problem, attacks, [FOLDER], wall_s=wall_s, budget_s=budget_s, dry_run=True)
    few = {
        **made.timed,
        "blocks": 3,
        "windows": 2,
        "calls": 40,
    }  # on a busy machine a request that does nothing takes milliseconds
    return replace(made, timed=few, overrides=(*made.overrides, "budget.evaluations=2", "noise=off"))


@pytest.fixture
def few_attacks(tmp_path: Path) -> str:
    for name in ("writes_nothing", "cached_replay"):
        (tmp_path / f"{name}.py").write_text((FOLDER / "exploits" / f"{name}.py").read_text())
    (tmp_path / "honest.py").write_text("# expect: no faster than 1000 times\n" + (FOLDER / "baseline.py").read_text())
    return str(tmp_path)


def test_every_part_runs_and_is_written_down(few_attacks: str, tmp_path: Path) -> None:
    said: list[str] = []
    report = kernel_check.check(plan(few_attacks), tmp_path / "out", said.append)
    assert report.refused and {row["attack"] for row in report.attacks} == {"writes_nothing", "cached_replay", "honest"}
    [agreement] = report.agreement
    assert agreement["case"] == "64x1024" and float(str(agreement["round_trip_us"])) > 0
    [search] = report.searches
    assert search["baseline"] == 1.0 and search["of_roofline"] == kernel_check.NOT_MEASURED
    page = (tmp_path / "out" / kernel_check.PAGE).read_text()
    assert "| cached_replay | True | invalid |" in page and report.facts["date"] in page  # type: ignore[operator]
    assert json.loads((tmp_path / "out" / "kernels.json").read_text())["attacks"] == report.attacks
    assert said


def test_an_attack_that_scores_is_told(tmp_path: Path) -> None:
    (tmp_path / "honest.py").write_text("# expect: invalid\n" + (FOLDER / "baseline.py").read_text())
    problem = Problem.load(FOLDER)
    rows = kernel_check.attacked(problem, tmp_path, time.monotonic() + 600, lambda line: None)
    assert rows[0]["held"] is False


def test_what_does_not_fit_the_time_is_not_measured(few_attacks: str, tmp_path: Path) -> None:
    report = kernel_check.check(plan(few_attacks, budget_s=-1.0), tmp_path / "out", lambda line: None)
    rows = [*report.agreement, *report.attacks, *report.searches]
    assert {row["what"] for row in rows} == {kernel_check.NOT_MEASURED}
    assert not report.refused


def test_a_stage_that_needs_a_gpu_is_refused_where_there_is_none(tmp_path: Path) -> None:
    problem = Problem.load(Path(__file__).parents[2] / "problems" / "kernels" / "vector_add")
    gpus.refuse_without_gpu(problem, [problem.stage("correct")], tmp_path)
    with pytest.raises(ConfigurationError, match=r"Stage timing of problem 'vector_add' needs a GPU.*--stage correct"):
        gpus.refuse_without_gpu(problem, problem.stages, tmp_path)
    (tmp_path / "nvidia0").touch()
    (tmp_path / "nvidiactl").touch()
    gpus.refuse_without_gpu(problem, problem.stages, tmp_path)
    assert gpus.visible_gpus(tmp_path) == ["nvidia0"]
