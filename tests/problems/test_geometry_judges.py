"""Judges of points, circles in a box and hexagons against slow verifiers that follow the definitions."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluators import Score
from evaluators.constructions import Floats
from tests.problems.problem_support import Answering, load_judge

rectangle = load_judge("circle_packing_rectangle")
distances = load_judge("max_min_distance")
triangle = load_judge("heilbronn_triangle")
convex = load_judge("heilbronn_convex")
hexagons = load_judge("hexagon_packing")

seeds = st.integers(0, 2**32 - 1)
coarse = st.integers(-4, 4).map(lambda k: k / 4)  # points that often touch, coincide or lie in line
number = st.one_of(coarse, st.floats(-1, 1), st.sampled_from([5e-324, 1e-160, 1e-30, 0.1]))


def clouds(least: int, most: int, columns: int) -> st.SearchStrategy[Floats]:
    row = st.lists(number, min_size=columns, max_size=columns)
    return st.lists(row, min_size=least, max_size=most).map(np.array)


def exact(points: Floats) -> list[list[Fraction]]:
    return [[Fraction(value) for value in row] for row in points.tolist()]


# ── circles in a box ──────────────────────────────────────────────────────────────────────────
def judge_circles(circles: Floats) -> Score:
    return rectangle.evaluate(Answering(circles), "full", {"n": len(circles)})  # type: ignore[no-any-return]


def circles_fit(circles: Floats) -> bool:
    rows = exact(circles)
    sides = [max(row[k] + row[2] for row in rows) - min(row[k] - row[2] for row in rows) for k in (0, 1)]
    apart = all((x - u) ** 2 + (y - v) ** 2 >= (r + s) ** 2 for (x, y, r), (u, v, s) in itertools.combinations(rows, 2))
    return apart and sum(sides) <= 2 and min(row[2] for row in rows) >= 0


@settings(max_examples=150, deadline=None)
@given(clouds(1, 4, 3), st.floats(0, 1), st.booleans())
def test_circles_in_a_box_are_judged_as_by_fractions(cloud: Floats, shrink: float, positive: bool) -> None:
    circles = cloud.copy()
    circles[:, 2] = (np.abs(circles[:, 2]) if positive else circles[:, 2]) * shrink / 2
    verdict = judge_circles(circles)
    assert verdict.valid == circles_fit(circles)
    if verdict.valid:
        assert verdict.metrics["sum_radii"] == float(sum(row[2] for row in exact(circles)))


@settings(max_examples=150, deadline=None)
@given(st.floats(0.1, 1.9), st.floats(0, 0.9), st.integers(-2, 2))
def test_a_box_of_exactly_the_perimeter_is_allowed(width: float, radius: float, steps: int) -> None:
    height = 2 - width
    radius *= min(width, height) / 2
    circles = np.array([[0, 0, 0], [width, 0, 0], [0, height, 0], [width / 2, height / 2, radius]])
    for _ in range(abs(steps)):
        circles[2, 1] = np.nextafter(circles[2, 1], 9.0 if steps > 0 else -9.0)
    assert judge_circles(circles).valid == circles_fit(circles)


def test_feedback_of_circles_says_where_and_how_much() -> None:
    words = judge_circles(np.array([[0.3, 0.3, 0.3], [0.3, 0.8, 0.3]])).feedback
    assert "circles 0 and 1 by 0.1" in words
    words = judge_circles(np.array([[0.0, 0.0, 0.6], [9.0, 0.0, 0.1]])).feedback
    assert "9.7 wide and 1.2 high; width + height exceeds 2 by 8.9" in words
    assert "negative radius -0.5" in judge_circles(np.array([[0.0, 0.0, -0.5]])).feedback


# ── distances ─────────────────────────────────────────────────────────────────────────────────
@settings(max_examples=150, deadline=None)
@given(clouds(2, 5, 3))
def test_ratio_of_distances_is_that_of_fractions(cloud: Floats) -> None:
    squared = [
        sum((a - b) ** 2 for a, b in zip(one, other, strict=True))
        for one, other in itertools.combinations(exact(cloud), 2)
    ]
    verdict = distances.evaluate(Answering(cloud), "full", {"n": len(cloud), "d": 3})
    if min(squared) == 0:
        assert not verdict.valid and "coincide" in verdict.feedback
    elif max(squared) / min(squared) > 10**300:
        assert not verdict.valid
    else:
        assert verdict.metrics["ratio_squared"] == float(Fraction(max(squared) / min(squared)))


def test_distances_do_not_depend_on_scale_or_place() -> None:
    square = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    for cloud in (square, square * 2.0**300, square * 2.0**-500, square + 1e6):
        verdict = distances.evaluate(Answering(cloud), "full", {"n": 4, "d": 2})
        assert verdict.metrics["ratio_squared"] == 2.0
    assert "Nearest pair (0, 1), farthest pair (0, 3)" in verdict.feedback


# ── Heilbronn ─────────────────────────────────────────────────────────────────────────────────
def area(a: list[Fraction], b: list[Fraction], c: list[Fraction]) -> Fraction:
    return abs((b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1])) / 2


def in_triangle(point: list[Fraction], outwards: Fraction) -> bool:
    """Whether a point is in the triangle whose sides are moved out, with sqrt(3) between two fractions."""
    low, high = Fraction(math.isqrt(3 * 10**60), 10**30), Fraction(math.isqrt(3 * 10**60) + 1, 10**30)
    x, y = point
    rooms = [min(root * side - y for root in (low, high)) / 2 for side in (x, 1 - x)]
    return y + outwards >= 0 and all(room + outwards >= 0 for room in rooms)


@settings(max_examples=150, deadline=None)
@given(seeds, st.sampled_from([0.0, 0.0, 1e-16, 1e-13, 9e-12, 1.1e-11, 1e-9, 1e-7, 1e-3]))
def test_points_in_the_triangle_are_judged_as_by_fractions(seed: int, outside: float) -> None:
    rng = np.random.default_rng(seed)
    corners = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, math.sqrt(3) / 2]])
    centre = corners.mean(axis=0)
    weights = np.concatenate([rng.dirichlet([1, 1, 1], 3), [[1, 0, 0], [0.5, 0, 0.5]]])
    points = weights @ corners
    points = centre + (points - centre) * (1 + outside / triangle.INRADIUS)
    verdict = triangle.evaluate(Answering(points), "full", {"n": 5})
    rows = exact(points)
    if verdict.valid:
        slack = Fraction(verdict.metrics["slack"])
        assert slack <= Fraction(1, 10**11) and all(in_triangle(row, slack + Fraction(1, 10**28)) for row in rows)
        least = min(itertools.starmap(area, itertools.combinations(rows, 3)))
        enlarged = math.sqrt(3) / 4 * (1 + float(slack) * 2 * math.sqrt(3)) ** 2
        assert verdict.metrics["min_area"] == pytest.approx(float(least) / enlarged, rel=1e-13)
    assert verdict.valid == all(in_triangle(row, Fraction(1, 10**11)) for row in rows) or 8e-12 < outside < 2e-11


def test_corners_are_inside_and_the_next_double_is_slack() -> None:
    corners = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, math.sqrt(3) / 2]])
    verdict = triangle.evaluate(Answering(corners), "full", {"n": 3})
    assert verdict.metrics["min_area"] == pytest.approx(1.0, abs=1e-13)
    assert 0 <= verdict.metrics["slack"] < 2e-15
    corners[2, 1] = np.nextafter(np.nextafter(corners[2, 1], 1), 1)
    verdict = triangle.evaluate(Answering(corners), "full", {"n": 3})
    assert 0 < verdict.metrics["slack"] < 2e-15 and verdict.metrics["min_area"] < 1


def hull_area(rows: list[list[Fraction]]) -> Fraction:
    """Sum the edges that have all points on their left: cubic, from the definition of a hull."""
    total = Fraction(0)
    for a, b in itertools.permutations({tuple(row) for row in rows}, 2):
        sides = [((b[0] - a[0]) * (y - a[1]) - (x - a[0]) * (b[1] - a[1]), x, y) for x, y in rows]
        within = all(
            min(a[0], b[0]) <= x <= max(a[0], b[0]) and min(a[1], b[1]) <= y <= max(a[1], b[1])
            for side, x, y in sides
            if side == 0
        )
        if min(side for side, _, _ in sides) >= 0 and within:
            total += a[0] * b[1] - b[0] * a[1]
    return total / 2


@settings(max_examples=150, deadline=None)
@given(clouds(3, 7, 2))
def test_share_of_the_hull_is_that_of_fractions(cloud: Floats) -> None:
    verdict = convex.evaluate(Answering(cloud), "full", {"n": len(cloud)})
    rows = exact(cloud)
    areas = list(itertools.starmap(area, itertools.combinations(rows, 3)))
    assert verdict.valid == (max(areas) > 0)
    if verdict.valid:
        assert verdict.metrics["min_area"] == float(min(areas) / hull_area(rows))


# ── hexagons ──────────────────────────────────────────────────────────────────────────────────
def corners_of(x: float, y: float, side: float, angle: float) -> Floats:
    turned = np.deg2rad(angle + 60.0 * np.arange(6))
    return np.array([x, y]) + side * np.stack([np.cos(turned), np.sin(turned)], axis=1)


def depth_by_clipping(one: Floats, other: Floats) -> float:
    """Return the area that two convex polygons share, by clipping one with each side of the other."""
    polygon = [tuple(point) for point in one.tolist()]
    for a, b in zip(other, np.roll(other, -1, axis=0), strict=True):
        clipped: list[tuple[float, float]] = []
        sides = [(b[0] - a[0]) * (y - a[1]) - (x - a[0]) * (b[1] - a[1]) for x, y in polygon]
        for (p, s), (q, t) in zip(
            zip(polygon, sides, strict=True),
            zip(polygon[1:] + polygon[:1], sides[1:] + sides[:1], strict=True),
            strict=True,
        ):
            if s >= 0:
                clipped.append(p)
            if s * t < 0:
                share = s / (s - t)
                clipped.append((p[0] + share * (q[0] - p[0]), p[1] + share * (q[1] - p[1])))
        polygon = clipped
        if not polygon:
            return 0.0
    x, y = np.array(polygon).T
    return float(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2


def judge_hexagons(inner: Floats, outer: Floats) -> Score:
    return hexagons.evaluate(Answering([inner, outer]), "full", {"n": len(inner)})  # type: ignore[no-any-return]


@settings(max_examples=200, deadline=None)
@given(seeds)
def test_overlap_of_hexagons_is_found_as_by_clipping(seed: int) -> None:
    rng = np.random.default_rng(seed)
    inner = np.column_stack([rng.uniform(-1.2, 1.2, (2, 2)), rng.uniform(-400, 400, 2)])
    shared = depth_by_clipping(*(corners_of(x, y, 1.0, angle) for x, y, angle in inner.tolist()))
    verdict = judge_hexagons(inner, np.array([0.0, 0.0, 9.0, 0.0]))
    assert verdict.valid == (shared < 1e-12) or shared < 1e-9
    if not verdict.valid:
        assert "(0, 1)" in verdict.feedback


@settings(max_examples=200, deadline=None)
@given(st.floats(-720, 720), st.floats(-1e-6, 1e-6), st.sampled_from([0.0, 1e-6, 1e-3, 1.0]))
def test_hexagons_that_touch_along_a_side_are_apart_by_what_they_are(angle: float, gap: float, scale: float) -> None:
    away = math.sqrt(3) + gap * scale
    direction = math.radians(angle + 30)
    inner = np.array([[0.0, 0.0, angle], [away * math.cos(direction), away * math.sin(direction), angle - 120]])
    verdict = judge_hexagons(inner, np.array([0.0, 0.0, 9.0, 0.0]))
    assert verdict.valid == (gap * scale >= -1e-11)
    if verdict.valid:
        repaired = max(0.0, -gap * scale)
        assert 9.0 <= verdict.metrics["outer_side"] <= 9.0 * (1 + repaired + 2e-12)


@settings(max_examples=200, deadline=None)
@given(seeds, st.sampled_from([-1e-3, -1e-7, -1e-10, -5e-12, 0.0, 1e-12, 1e-6]))
def test_outer_hexagon_holds_every_corner_of_the_inner_ones(seed: int, room: float) -> None:
    rng = np.random.default_rng(seed)
    x, y, turn, inner_turn = *rng.uniform(-5, 5, 2), *rng.uniform(-400, 400, 2)
    inner = np.array([[x + 0.3, y - 0.2, inner_turn]])
    normal = np.deg2rad(turn + 30 + 60 * np.arange(6))
    reach = (corners_of(x + 0.3, y - 0.2, 1.0, inner_turn) - [x, y]) @ np.stack([np.cos(normal), np.sin(normal)])
    side = (reach.max() + room) / math.cos(math.pi / 6)
    verdict = judge_hexagons(inner, np.array([x, y, side, turn]))
    assert verdict.valid == (room >= -1e-11)
    if verdict.valid:
        assert verdict.metrics["outer_side"] * math.cos(math.pi / 6) >= reach.max() - 1e-14


def test_repaired_packing_is_strictly_valid_and_scored_as_such() -> None:
    """What is scored for a packing with an overlap within what is allowed is a packing without one."""
    inner = np.array([[0.0, 0.0, 0.0], [0.0, math.sqrt(3) - 5e-12, 0.0]])
    verdict = judge_hexagons(inner, np.array([0.0, 0.8, 4.0, 0.0]))
    assert verdict.valid and 5e-12 < verdict.metrics["slack"] < 7e-12
    assert verdict.metrics["outer_side"] > 4.0 * (1 + 5e-12)
    inner[1, 1] = math.sqrt(3) + 1e-12
    assert judge_hexagons(inner, np.array([0.0, 0.8, 4.0, 0.0])).metrics["slack"] == 0.0
