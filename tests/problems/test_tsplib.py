"""TSPLIB's distances beside their definitions in other words, and its files."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction
from itertools import pairwise, permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolve import problem_library
from evolve.domain.evaluation import Outcome
from evolve.interfaces import Job, Verdict
from tests.problems.problem_support import load_judge

judge = load_judge("tsp")
tsplib = judge.tsplib

COORDINATES = st.tuples(*[st.decimals(-9999, 9999, places=2, allow_nan=False)] * 4)
SQUARE = "NODE_COORD_SECTION\n1 0 0\n3 3 4\n2 3 0\n4 0 4.0\nEOF\nrubbish"


def head(kind: str, more: str = "", cities: int = 4) -> str:
    return f"NAME : square\nCOMMENT: a: b\nTYPE: TSP\nDIMENSION : {cities}\nEDGE_WEIGHT_TYPE: {kind}\n{more}"


def slow(kind: str, x1: Decimal, y1: Decimal, x2: Decimal, y2: Decimal) -> int:
    """Follow the definition with eighty digits."""
    with localcontext() as place:
        place.prec = 80
        square = (x1 - x2) ** 2 + (y1 - y2) ** 2
        root = (square / 10 if kind == "ATT" else square).sqrt()
        nearest = int(root.to_integral_value(ROUND_HALF_UP))
        if kind == "ATT":
            return nearest + 1 if nearest < root else nearest
        return int(root.to_integral_value(ROUND_CEILING)) if kind == "CEIL_2D" else nearest


@settings(max_examples=300, deadline=None)
@given(COORDINATES, st.sampled_from(["EUC_2D", "CEIL_2D", "ATT"]))
def test_distances_are_those_of_the_definition(drawn: tuple[Decimal, Decimal, Decimal, Decimal], kind: str) -> None:
    x1, y1, x2, y2 = drawn
    points = (Fraction(x1), Fraction(y1)), (Fraction(x2), Fraction(y2))
    assert tsplib.DISTANCES[kind](*points) == slow(kind, *drawn)


def test_halves_are_rounded_up_and_whole_roots_stay() -> None:
    assert [tsplib.nearest_root(Fraction(n, 4)) for n in (0, 1, 9, 24, 25)] == [0, 1, 2, 2, 3]
    assert [tsplib.root_up(Fraction(n)) for n in (0, 1, 2, 4, 5)] == [0, 1, 2, 2, 3]
    assert tsplib.root_up(Fraction(10**40) + Fraction(1, 10**9)) == 10**20 + 1


def test_a_degree_of_latitude_is_a_360th_of_the_meridian_and_minutes_are_sixtieths() -> None:
    one, other = (Fraction(10), Fraction(20)), (Fraction(11), Fraction(20))
    assert tsplib.on_earth(one, other) == int(6378.388 * 3.141592 / 180 + 1)
    half = (Fraction("10.30"), Fraction(20))
    assert tsplib.on_earth(one, half) == int(6378.388 * 3.141592 / 360 + 1)
    south = (Fraction("-10.30"), Fraction(20))
    assert tsplib.on_earth((Fraction(0), Fraction(20)), south) == int(6378.388 * 3.141592 * 10.5 / 180 + 1)


def test_a_file_is_read_whatever_the_order_of_its_cities() -> None:
    found = tsplib.read(head("EUC_2D") + SQUARE)
    assert found.name == "square"
    assert found.points.tolist() == [[0, 0], [3, 0], [3, 4], [0, 4]]
    assert found.distances.tolist() == [[0, 3, 5, 4], [3, 0, 4, 5], [5, 4, 0, 3], [4, 5, 3, 0]]
    assert found.length(np.array([0, 1, 2, 3])) == [3, 4, 3, 4]
    assert found.bound() == 14.0
    assert found.nearest_share(np.array([0, 1, 2, 3])) == 1.0
    assert found.nearest_share(np.array([0, 2, 1, 3])) == 0.0


@pytest.mark.parametrize(
    ("layout", "words"),
    [
        ("FULL_MATRIX", "0 1 2 1 0 3 2 3 0"),
        ("UPPER_ROW", "1 2 3"),
        ("LOWER_ROW", "1 2 3"),
        ("UPPER_DIAG_ROW", "0 1 2 0 3 0"),
        ("LOWER_DIAG_ROW", "0 1 0 2 3 0"),
    ],
)
def test_given_distances_are_read_in_every_layout(layout: str, words: str) -> None:
    more = f"EDGE_WEIGHT_FORMAT: {layout}\nEDGE_WEIGHT_SECTION\n{words}\nDISPLAY_DATA_SECTION\n1 0 0\n2 1 0\n3 2 0\n"
    assert tsplib.read(head("EXPLICIT", more, 3)).distances.tolist() == [[0, 1, 2], [1, 0, 3], [2, 3, 0]]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "DIMENSION"),
        (head("EUC_2D"), "no coordinates"),
        (head("EUC_2D", cities=2) + SQUARE, "3 to 2000"),
        (head("EUC_2D", cities=5) + SQUARE, "each of 5 cities"),
        (head("EUC_2D") + SQUARE.replace("4 0", "3 0"), "each of 4 cities"),
        (head("EUC_2D") + SQUARE.replace("3 0\n", "3 x\n"), "coordinates"),
        (head("EUC_2D") + SQUARE.replace("2 3", "two 3"), "by number"),
        (head("MAN_2D") + SQUARE, "EDGE_WEIGHT_TYPE.*MAN_2D"),
        (head("EUC_2D").replace("TYPE: TSP", "TYPE: ATSP") + SQUARE, "ATSP"),
        ("hello\n", "expected KEY"),
        (head("EXPLICIT", "EDGE_WEIGHT_FORMAT: UPPER_ROW\nEDGE_WEIGHT_SECTION\n1 2\n") + SQUARE, "6 numbers, found 2"),
        (head("EXPLICIT", "EDGE_WEIGHT_FORMAT: FUNCTION\n") + SQUARE, "EDGE_WEIGHT_FORMAT"),
    ],
)
def test_what_cannot_be_read_is_named(text: str, says: str) -> None:
    with pytest.raises(tsplib.NotTsplib, match=says):
        tsplib.read(text)


def test_what_is_written_is_read_and_measured_as_generated_cities_are() -> None:
    points = judge.uniform(40, [1, 2])
    again = tsplib.read(tsplib.written("forty", points))
    order = np.random.default_rng(3).permutation(40)
    assert (again.points == points).all()
    assert again.length(order) == judge.edge_lengths(points, order)


def test_no_tour_is_shorter_than_the_bound() -> None:
    for seed in range(20):
        instance = tsplib.read(tsplib.written("seven", judge.clustered(7, [seed, 5])))
        shortest = min(sum(instance.length(np.array([0, *rest]))) for rest in permutations(range(1, 7)))
        assert instance.bound() <= shortest


def test_stored_instances_are_judged(judged: Callable[[Job], Verdict]) -> None:
    problem = problem_library.load_problem("tsp", {"family": "tsplib", "train_files": "even120.tsp"})
    verdict = judged(Job(problem, problem.stages[0], problem.seed().files))
    assert verdict.outcome is Outcome.VALID, verdict
    assert verdict.metrics["tour_constant"] > 1.0 and verdict.per_instance.keys() == {"even120"}
    assert math.isclose(verdict.metrics["tour_constant"], verdict.per_instance["even120"])


def test_files_that_are_not_there_are_named() -> None:
    params = {"family": "tsplib", "train_files": "berlin52.tsp"}
    with pytest.raises(ValueError, match=r"even120\.tsp.*berlin52"):
        judge.stored("full", params)


def test_the_files_that_come_with_the_folder_hold_distinct_cities() -> None:
    for path in sorted(judge.FILES.glob("*.tsp")):
        instance = tsplib.read(path.read_text("utf-8"))
        rows = sorted(map(tuple, instance.points.tolist()))
        assert instance.name == path.stem and all(one != other for one, other in pairwise(rows))
