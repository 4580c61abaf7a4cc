"""Rank correlation between stages."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.domain.evaluation import Evaluation, Outcome
from evolve.domain.problem import Problem
from evolve.domain.program import Program
from evolve.domain.proposal import Applied, Choice, Evaluated, Record, Selected
from evolve.evaluation.agreement import FEWEST, agreements, interval, ranks, spearman
from evolve.interfaces import RunInfo
from evolve.store.memory import MemoryStore

FEW_VALUES = st.integers(-3, 3).map(float)  # many ties
ANY_VALUES = st.floats(-1e300, 1e300)
PAIRS = st.lists(st.tuples(FEW_VALUES, FEW_VALUES), max_size=12) | st.lists(
    st.tuples(ANY_VALUES, ANY_VALUES), max_size=12
)


def rank_by_counting(values: Sequence[float], value: float) -> float:
    """A value's rank by definition: how many are smaller, and the middle of those that are equal."""
    return sum(other < value for other in values) + (sum(other == value for other in values) + 1) / 2


def spearman_by_definition(left: Sequence[float], right: Sequence[float]) -> float | None:
    a, b = ([rank_by_counting(values, value) for value in values] for values in (left, right))
    if len(set(a)) < 2 or len(set(b)) < 2:
        return None
    count = len(a)
    mean = (count + 1) / 2
    covariance = math.fsum((x - mean) * (y - mean) for x, y in zip(a, b, strict=True))
    return covariance / math.sqrt(math.fsum((x - mean) ** 2 for x in a) * math.fsum((y - mean) ** 2 for y in b))


@settings(max_examples=200, deadline=None)
@given(PAIRS)
def test_it_is_what_the_definition_says_ties_included(pairs: list[tuple[float, float]]) -> None:
    left, right = [a for a, _ in pairs], [b for _, b in pairs]
    assert list(ranks(left)) == [rank_by_counting(left, value) for value in left]
    assert spearman(left, right) == pytest.approx(spearman_by_definition(left, right), abs=1e-12)


@settings(max_examples=100, deadline=None)
@given(PAIRS)
def test_only_the_order_counts(pairs: list[tuple[float, float]]) -> None:
    left, right = [a for a, _ in pairs], [b for _, b in pairs]
    rho = spearman(left, right)
    assert spearman(right, left) == rho
    assert spearman([float(rank) ** 3 for rank in ranks(left)], right) == rho
    if rho is not None:
        assert spearman([-a for a in left], right) == pytest.approx(-rho, abs=1e-12)


@settings(max_examples=100, deadline=None)
@given(st.floats(-1, 1), st.integers(0, 10_000))
def test_the_interval_holds_the_correlation_and_shrinks(rho: float, count: int) -> None:
    low, high = interval(rho, count)
    if count < FEWEST:
        assert low is None and high is None
        return
    assert low is not None and high is not None
    assert -1 <= low <= rho <= high <= 1
    assert low < high
    narrower = interval(rho, count * 4)
    assert narrower[0] is not None and narrower[1] is not None
    assert narrower[1] - narrower[0] < high - low


def test_perfect_order_of_a_few_is_weak_evidence() -> None:
    low, high = interval(1.0, 5)
    assert low is not None and low < 0.5
    assert high == 1.0
    low, _ = interval(1.0, 1000)
    assert low is not None and low > 0.99


def test_the_interval_covers_as_often_as_it_says() -> None:
    """At n = 30 and a normal correlation of 0.6, whose rank correlation is 6 / pi * asin(0.3)."""
    rng = np.random.default_rng(1)
    truth = 6 / math.pi * math.asin(0.3)
    held = 0
    for _ in range(400):
        x = rng.normal(size=30)
        y = 0.6 * x + 0.8 * rng.normal(size=30)
        low, high = interval(spearman(x, y), 30)
        assert low is not None and high is not None
        held += low <= truth <= high
    assert held / 400 >= 0.92


YAML = """
statement: x
objectives: [{name: gain, direction: maximize}, {name: cost, direction: minimize}]
stages:
  - {name: quick, gate: {metric: cost, factor_of_seed: 2}}
  - {name: middle}
  - {name: full}
"""


@pytest.fixture
def problem(tmp_path: Path) -> Problem:
    (tmp_path / "seed").mkdir()
    (tmp_path / "seed" / "program.py").write_text("x = 1\n")
    (tmp_path / "evaluate.py").write_text("def evaluate(candidate, stage, params): ...\n")
    (tmp_path / "problem.yaml").write_text(YAML)
    return Problem.load(tmp_path)


def scored(step: int, stage: str, gain: float, cost: float, outcome: Outcome = Outcome.VALID) -> Evaluated:
    return Evaluated(step, Evaluation(stage, outcome, "h", metrics={"gain": gain, "cost": cost}))


def recorded(*evaluations: Evaluated) -> MemoryStore:
    store = MemoryStore()
    store.create_run(RunInfo("r", "p", "running", {}, {}, 0.0))
    steps = sorted({evaluation.step for evaluation in evaluations})
    programs: list[Record] = []
    for step in steps:
        files = {"program.py": f"x = {step}"}
        programs += [Selected(step, Choice(0, (), 0), "o", 0), Applied(Program(step, files, (), {}))]
    store.append(store.acquire("r", "elsewhere:1:1", 60.0), [*programs, *evaluations])
    return store


def test_stages_are_compared_by_what_gates_them_over_programs_that_passed(problem: Problem) -> None:
    """Small costs on the first stage go with large gains on the last; the middle one says the opposite."""
    passed = [
        scored(step, stage, *scores)
        for step in range(20)
        for stage, scores in (("quick", (0.0, -step)), ("middle", (-step, 0.0)), ("full", (step, 0.0)))
    ]
    stopped = [scored(20, "quick", 0.0, 99.0, Outcome.REJECTED), scored(21, "quick", 0.0, -30.0)]
    quick, middle = agreements(recorded(*passed, *stopped), "r", problem)
    assert (quick.stage, quick.metric, quick.last_stage, quick.last_metric) == ("quick", "cost", "full", "gain")
    assert (quick.programs, quick.stopped) == (20, 2)
    assert quick.rho == 1.0 and not quick.is_low
    assert "not in it" in quick.in_words() and "Warning" not in quick.in_words()
    assert (middle.metric, middle.programs, middle.stopped) == ("gain", 20, 0)
    assert middle.rho == -1.0 and middle.is_low
    assert "hardly predicts" in middle.in_words()


def test_little_evidence_is_no_warning(problem: Problem) -> None:
    disorder = itertools.chain.from_iterable(
        (scored(step, "quick", 0.0, cost), scored(step, "full", float(step), 0.0))
        for step, cost in enumerate((1.0, 2.0, 0.0, 3.0))
    )
    quick, middle = agreements(recorded(*disorder), "r", problem)
    assert quick.rho is not None and quick.rho < 0.5 and not quick.is_low
    assert (middle.programs, middle.rho, middle.low) == (0, None, None)
    assert "unknown" in middle.in_words()


def test_one_stage_has_nothing_to_agree_with(problem: Problem) -> None:
    single = replace(problem, stages=problem.stages[-1:])
    assert agreements(recorded(scored(0, "full", 1.0, 1.0)), "r", single) == []
