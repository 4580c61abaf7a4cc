"""What searches take for progress where scores are noisy."""

from __future__ import annotations

import importlib.util
import json
import sys

import numpy as np
import pytest
from click.testing import CliRunner

from evolve import problem_library
from evolve.bench.drift import measured, run
from evolve.bench.noisy_worlds import SEED, Settings, hill
from evolve.bench.search_race import LANDSCAPES, located
from evolve.cli.benching import bench
from evolve.domain.evaluation import Outcome
from evolve.domain.proposal import RESCORE, Choice
from evolve.search.controls import Greedy


def settings() -> Settings:
    problem = problem_library.load_problem(located("noisy"))
    return Settings(np.random.default_rng(0), problem.seed().files[problem.entry])


def test_the_simulated_hill_is_the_landscape_that_is_raced() -> None:
    path = LANDSCAPES / "noisy" / "evaluate.py"
    spec = importlib.util.spec_from_file_location("noisy_evaluate", path)
    assert spec is not None and spec.loader is not None
    judge = importlib.util.module_from_spec(spec)
    sys.modules["noisy_evaluate"] = judge
    spec.loader.exec_module(judge)
    for point in np.random.default_rng(0).uniform(0.1, 5.0, (20, 6)).tolist():
        assert hill(tuple(point)) == pytest.approx(judge.true_value(point), abs=1e-12)
    assert hill(judge.BEST) == settings().best


def test_children_differ_from_their_parent_in_one_line_and_repeats_in_noise_alone() -> None:
    world = settings()
    world.seed()
    child = world.attempt(1, Choice(SEED, (), 0))
    assert child.outcome is Outcome.VALID and child.parents == (SEED,)
    assert sum(a != b for a, b in zip(world.programs[0], world.programs[1], strict=True)) == 1
    again = world.attempt(2, Choice(1, (), 0, RESCORE))
    assert again.rescored == 1 and again.gains != child.gains
    assert set(world.truth) == {0, 1}


def test_a_greedy_keeper_overstates_what_it_found() -> None:
    moments = list(
        run(Greedy(features=problem_library.load_problem(located("noisy")).features), settings(), 0, [40, 80])
    )
    assert [moment.proposals for moment in moments] == [40, 80]
    assert moments[1].overstated > 0.03
    assert moments[1].repeats == 0
    assert 0 < moments[1].false <= moments[1].accepted


def test_rows_are_of_every_world_search_and_what_stands_before_it() -> None:
    rows = list(measured(["greedy"], range(2), [20, 60]))
    assert len(rows) == 2 * 3 * 2
    assert [row.proposals for row in rows] == [20, 60] * 6
    assert {row.repeats > 0 for row in rows if row.noise != "off"} == {True}
    assert {row.repeats for row in rows if row.noise == "off"} == {0.0}


def test_the_command_prints_a_line_for_each_row_and_refuses_numbers_that_are_none() -> None:
    asked = ["noise", "--searches", "greedy", "--seeds", "1", "--proposals", "5,10"]
    done = CliRunner().invoke(bench, [*asked, "--json"])
    assert done.exit_code == 0
    rows = [json.loads(line) for line in done.output.splitlines()]
    assert [row["proposals"] for row in rows] == [5, 10] * 6
    wrong = CliRunner().invoke(bench, ["noise", "--proposals", "ten"])
    assert wrong.exit_code == 2 and "expected whole numbers" in wrong.output
