"""Judges of the problems from algorithms and systems against slow verifiers written from the statements."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, localcontext
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.domain.problem import Problem
from evolve.paths import bundled
from tests.problems.in_process_candidate import InProcessCandidate
from tests.problems.problem_support import load_judge

tsp = load_judge("tsp")
vector_packing = load_judge("vector_packing")


def problem_of(name: str, **params: object) -> Problem:
    return Problem.load(bundled("problems") / name, params)


def written(text: str) -> InProcessCandidate:
    """Return a program of one file."""
    return InProcessCandidate({"program.py": text}, "program.py")


# ── travelling salesman ───────────────────────────────────────────────────────────────────────
def rounded_length(points: Sequence[Sequence[int]], order: Sequence[int]) -> int:
    """Return the length of a closed tour by TSPLIB's rule, in 60 decimals."""
    total = 0
    with localcontext() as context:
        context.prec = 60
        for here, there in zip(order, [*order[1:], order[0]], strict=True):
            (x, y), (u, v) = points[here], points[there]
            total += int(Decimal((x - u) ** 2 + (y - v) ** 2).sqrt() + Decimal("0.5"))
    return total


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 30), st.sampled_from([3, 1000, 1_000_000]))
def test_tour_lengths_are_whole_numbers_by_the_rule(seed: int, cities: int, side: int) -> None:
    rng = np.random.default_rng(seed)
    points = rng.integers(side, size=(cities, 2))
    order = rng.permutation(cities)
    assert sum(tsp.edge_lengths(points, order)) == rounded_length(points.tolist(), order.tolist())


@settings(max_examples=300, deadline=None)
@given(st.lists(st.integers(-1, 6), min_size=5, max_size=5) | st.permutations(range(5)))
def test_an_order_is_a_tour_exactly_if_it_is_a_permutation(order: list[int]) -> None:
    assert (tsp.tour_fault(np.array(order), 5) == "") == (sorted(order) == [0, 1, 2, 3, 4])


def test_score_of_a_tour_is_its_length_over_the_root() -> None:
    params = dict(problem_of("tsp", train_instances=2, train_cities=30).params)
    candidate = written("import numpy as np\ndef tour(points):\n    return np.arange(len(points))[::-1]\n")
    score = tsp.evaluate(candidate, "full", params)
    drawn = [points.tolist() for points in tsp.instances("full", params)]
    lengths = [rounded_length(points, range(30)) for points in drawn]
    assert score.metrics["length"] == sum(lengths)
    assert score.metrics["tour_constant"] == pytest.approx(sum(lengths) / 2 / (1e6 * 30**0.5), rel=1e-12)
    near = sum(map(joined_to_nearest, drawn)) / 60
    assert score.metrics["nearest_share"] == pytest.approx(near, rel=1e-12)


def joined_to_nearest(points: list[list[int]]) -> int:
    """Count the cities next to (one of) their nearest in the tour 0, 1, 2, ..."""

    def squared(i: int, j: int) -> int:
        return (points[i][0] - points[j][0]) ** 2 + (points[i][1] - points[j][1]) ** 2

    n = len(points)
    return sum(
        min(squared(i, (i + 1) % n), squared(i, i - 1)) <= min(squared(i, j) for j in range(n) if j != i)
        for i in range(n)
    )


@pytest.mark.parametrize("family", ["uniform", "clustered"])
def test_cities_lie_in_the_square_and_differ_by_stage(family: str) -> None:
    params = dict(problem_of("tsp", family=family).params)
    drawn = {stage: tsp.instances(stage, params) for stage in tsp.STAGES}
    assert [points.shape for points in drawn["full"]] == [(200, 2)] * 4
    assert [points.shape for points in drawn["sealed"]] == [(1000, 2)] * 2
    assert all(points.min() >= 0 and points.max() < 10**6 for part in drawn.values() for points in part)
    assert not np.array_equal(drawn["full"][0], drawn["full"][1])
    assert not np.array_equal(drawn["full"][0], drawn["sealed"][0][:200])


@pytest.mark.parametrize(("name", "value"), [("family", "metric"), ("train_cities", 4), ("seed", -1), ("seed", 1.5)])
def test_parameters_that_name_no_cities_are_named(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=rf"params\.{name}: expected"):
        tsp.instances("full", {**problem_of("tsp").params, name: value})


# ── vector packing ────────────────────────────────────────────────────────────────────────────
def lost_by_hand(size: list[list[int]], jobs: list[list[int]], lifetimes: list[int], rule: Any) -> tuple[int, int]:
    """Return the work turned away and asked for, from a list of who is where at each step."""
    placed: list[tuple[int, int]] = []  # job, machine
    lost = asked = 0
    for job, need in enumerate(jobs):
        running = [(other, machine) for other, machine in placed if other + lifetimes[other] > job]
        free = [
            [full - sum(jobs[other][kind] for other, where in running if where == m) for kind, full in enumerate(row)]
            for m, row in enumerate(size)
        ]
        fitting = [m for m, room in enumerate(free) if room[0] >= need[0] and room[1] >= need[1]]
        work = lifetimes[job] * (need[0] * sum(row[1] for row in size) + need[1] * sum(row[0] for row in size))
        asked += work
        if not fitting:
            lost += work
            continue
        scores = rule(np.array(need), np.array([free[m] for m in fitting]), np.array([size[m] for m in fitting]))
        placed.append((job, fitting[max(range(len(fitting)), key=lambda place: (scores[place], -place))]))
    return lost, asked


@pytest.mark.parametrize("seed", [1, 7])
@pytest.mark.parametrize("name", ["best_fit", "dot_product", "balanced_best_fit"])
def test_lost_work_is_that_of_a_plain_simulation(name: str, seed: int) -> None:
    problem = problem_of("vector_packing", machines=4, train_jobs=160, train_traces=2, seed=seed)
    files = problem.baselines()[name]
    score = vector_packing.evaluate(InProcessCandidate(files, problem.entry), "full", dict(problem.params))
    names: dict[str, Any] = {}
    exec(files[problem.entry], names)
    size, traces = vector_packing.instances("full", problem.params)
    counts = [
        lost_by_hand(size.tolist(), trace.jobs.tolist(), trace.lifetimes.tolist(), names["priority"])
        for trace in traces
    ]
    assert 0 < score.metrics["lost_work"] < 1
    assert score.metrics["lost_work"] == sum(lost for lost, _ in counts) / sum(asked for _, asked in counts)


def test_no_machine_ever_holds_more_than_it_has() -> None:
    problem = problem_of("vector_packing", machines=6)
    size, traces = vector_packing.instances("full", problem.params)
    centre = vector_packing.DataCentre(size, traces[0])
    rng = np.random.default_rng(5)
    for job in range(600):
        offer = centre.advance(job)
        if offer is not None:
            assert (offer[1] >= offer[0]).all()
            centre.place(job, int(rng.integers(len(offer[1]))))
        assert (centre.free >= 0).all() and (centre.free <= size).all()
    assert centre.turned_away


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (np.zeros(3), ""),
        (np.array([np.inf, 0, -np.inf]), ""),
        (np.array([np.inf, 0, np.nan]), "NaN"),
        (np.zeros(4), "shape"),
        (np.zeros((3, 1)), "shape"),
        (np.zeros(3, dtype=complex), "real numbers"),
        ([0.0, 0.0, 0.0], "found list"),
    ],
)
def test_scores_of_machines_are_real_numbers_one_each(answer: Any, words: str) -> None:
    found = vector_packing.fault(answer, 3)
    assert words in found and bool(words) == bool(found)
