"""Judges of discrete mathematics against slow verifiers that follow the definitions."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from evaluators import Score
from evolve.domain.problem import Problem
from evolve.paths import bundled
from tests.problems.in_process_candidate import InProcessCandidate, InProcessSession
from tests.problems.problem_support import Answering, load_judge

kissing = load_judge("kissing_number")
sums = load_judge("sums_differences")
matrices = load_judge("matrix_multiplication")
caps = load_judge("cap_set")
admissible = load_judge("admissible_set")
corners = load_judge("corner_free")
cycles = load_judge("cyclic_graphs")
bases = load_judge("difference_bases")
rings = load_judge("ring_loading")
flat = load_judge("flat_polynomials")

seeds = st.integers(0, 2**32 - 1)
Array = NDArray[Any]


class Ranking:
    """A candidate whose priorities come from a function of this test."""

    files: Mapping[str, str] = {"priority.py": "def priority(): ..."}

    def __init__(self, priority: Callable[..., float]) -> None:
        self.session_ = InProcessSession({"priority": priority})

    def session(self, timeout_s: float | None = None) -> Ranking:
        return self

    def __enter__(self) -> InProcessSession:
        return self.session_

    def __exit__(self, *_: object) -> None:
        """Nothing is held."""


class Named(Answering):
    """A candidate that defines ``points`` or ``degeneration``."""

    files: Mapping[str, str] = {"program.py": "def points(n):\n    ...\ndef degeneration(p, n):\n    ..."}


def by_hash(seed: int, levels: int) -> Callable[..., float]:
    """Return a priority with few levels, so that many elements are equal."""
    weights = np.random.default_rng(seed).integers(1, 10**6, size=16)

    def priority(*args: Any) -> float:
        parts = np.concatenate([arg for arg in args if isinstance(arg, np.ndarray)])
        return float(int(parts @ weights[: len(parts)]) ** 2 % 1009 % levels)

    return priority


def greedy(elements: Sequence[Any], scores: Sequence[float], fits: Callable[[list[Any], Any], bool]) -> list[Any]:
    """Take elements by score, the first of equals first, each that fits with the ones taken."""
    taken: list[Any] = []
    for score, _, element in sorted(
        zip(scores, range(len(elements)), elements, strict=True), key=lambda t: (-t[0], t[1])
    ):
        if score > -math.inf and fits(taken, element):
            taken.append(element)
    return taken


def listed(score: Score) -> list[list[int]]:
    (text,) = score.artifacts.values()
    assert isinstance(text, str)
    return [[int(value) for value in line.replace(",", " ").split()] for line in text.splitlines()]


# ── kissing numbers ───────────────────────────────────────────────────────────────────────────
def fits_around(rows: list[list[int]]) -> bool:
    lengths = [sum(value**2 for value in row) for row in rows]
    near = [sum((a - b) ** 2 for a, b in zip(x, y, strict=True)) for x, y in itertools.combinations(rows, 2)]
    return min(lengths) > 0 and min(near, default=max(lengths)) >= max(lengths)


def angles_are_wide(rows: list[list[int]]) -> bool:
    """Whether all angles are at least 60 degrees: cos <= 1/2, in integers."""
    for x, y in itertools.combinations(rows, 2):
        inner = sum(a * b for a, b in zip(x, y, strict=True))
        if inner > 0 and 4 * inner**2 > sum(a * a for a in x) * sum(b * b for b in y):
            return False
    return True


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.lists(st.integers(-2, 2), min_size=3, max_size=3), min_size=1, max_size=7), st.sampled_from([0, 30, 60])
)
def test_kissing_vectors_are_judged_by_lengths_and_distances(rows: list[list[int]], shift: int) -> None:
    large = [[value << shift for value in row] for row in rows]
    verdict = kissing.evaluate(Answering(np.array(large, dtype=np.int64)), "full", {"d": 3})
    assert verdict.valid == fits_around(rows)
    if verdict.valid:
        assert angles_are_wide(rows)
        assert verdict.metrics["count"] == len(rows)


@settings(max_examples=100, deadline=None)
@given(st.integers(-2, 2), st.integers(-2, 2), st.integers(20, 61))
def test_kissing_vectors_that_differ_by_one_unit_are_told_apart(a: int, b: int, shift: int) -> None:
    unit = 1 << shift
    rows = [[unit, 0, unit], [0, unit + a, unit + b], [unit, -unit, 0]]
    verdict = kissing.evaluate(Answering(np.array(rows, dtype=np.int64)), "full", {"d": 3})
    assert verdict.valid == fits_around(rows)


# ── sums and differences ──────────────────────────────────────────────────────────────────────
@settings(max_examples=150, deadline=None)
@given(st.sets(st.one_of(st.integers(1, 60), st.integers(1, 2**60 - 1)), min_size=1, max_size=20))
def test_exponent_is_that_of_python_sets(elements: set[int]) -> None:
    found = elements | {0}
    verdict = sums.evaluate(Answering(sorted(found, reverse=True)), "full", {})
    plus = {a + b for a in found for b in found}
    minus = {a - b for a in found for b in found}
    expected = 1 + math.log(len(minus) / len(plus)) / math.log(2 * max(found) + 1)
    assert verdict.metrics["exponent"] == pytest.approx(expected, rel=1e-14)


@settings(max_examples=20, deadline=None)
@given(seeds, st.integers(2, 400))
def test_counting_by_transform_is_counting_by_sorting(seed: int, largest: int) -> None:
    rng = np.random.default_rng(seed)
    found = np.union1d([0, largest], np.flatnonzero(rng.random(largest) < rng.random()))
    assert sums.counts_by_transform(found) == sums.counts(found)


def test_a_dense_set_of_many_integers_is_counted_exactly() -> None:
    verdict = sums.evaluate(Answering(np.arange(100_000)), "full", {})
    assert verdict.metrics["sums"] == 199_999 and verdict.metrics["exponent"] == 1.0


# ── matrix multiplication ─────────────────────────────────────────────────────────────────────
def exact(value: complex) -> tuple[Fraction, Fraction]:
    return Fraction(value.real), Fraction(value.imag)


def times(a: tuple[Fraction, Fraction], b: tuple[Fraction, Fraction]) -> tuple[Fraction, Fraction]:
    return a[0] * b[0] - a[1] * b[1], a[0] * b[1] + a[1] * b[0]


def makes_the_tensor(u: Array, v: Array, w: Array, sizes: tuple[int, int, int]) -> bool:
    """Check every entry of the tensor, in fractions."""
    n, m, p = sizes
    for x, y, z in itertools.product(range(n * m), range(m * p), range(p * n)):
        total = (Fraction(0), Fraction(0))
        for s in range(u.shape[1]):
            part = times(times(exact(complex(u[x, s])), exact(complex(v[y, s]))), exact(complex(w[z, s])))
            total = (total[0] + part[0], total[1] + part[1])
        (i, j), (j2, k), (k2, i2) = divmod(x, m), divmod(y, p), divmod(z, n)
        if total != (Fraction(i == i2 and j == j2 and k == k2), Fraction(0)):
            return False
    return True


def baseline(problem: str, name: str) -> InProcessCandidate:
    loaded = Problem.load(bundled("problems") / problem)
    return InProcessCandidate(loaded.baselines()[name], loaded.entry)


@pytest.mark.parametrize("sizes", [(1, 1, 1), (2, 2, 2), (2, 3, 2), (3, 2, 1), (4, 3, 2)])
def test_baseline_multiplies_whole_matrices(sizes: tuple[int, int, int]) -> None:
    n, m, p = sizes
    factors = baseline("matrix_multiplication", "strassen_blocks").call("decompose", n=n, m=m, p=p)
    verdict = matrices.evaluate(Answering(factors), "full", {"n": n, "m": m, "p": p})
    u, v, w = factors
    assert verdict.valid and makes_the_tensor(u, v, w, sizes)
    rng = np.random.default_rng(0)
    a, b = rng.integers(-9, 10, (n, m)), rng.integers(-9, 10, (m, p))
    product = (w @ ((u.T @ a.ravel()) * (v.T @ b.ravel()))).reshape(p, n).T
    assert (product == a @ b).all()


@settings(max_examples=25, deadline=None)
@given(seeds, st.booleans(), st.sampled_from([0, 1, 2]))
def test_changed_factors_are_judged_as_by_fractions(seed: int, turned: bool, changes: int) -> None:
    """Equivalent forms stay valid: columns scaled by 2 and 1/2 or by i and -i, products in another order."""
    rng = np.random.default_rng(seed)
    factors = [
        np.array(f) for f in baseline("matrix_multiplication", "strassen_blocks").call("decompose", n=2, m=2, p=2)
    ]
    order = rng.permutation(7)
    u, v, w = (factor[:, order].astype(complex if turned else float) for factor in factors)
    scale = rng.choice([1, 2, -1, 1j] if turned else [1, 2, -1], size=7)
    u, v = u * scale, v / scale
    for _ in range(changes):
        factor = (u, v, w)[rng.integers(3)]
        factor[rng.integers(4), rng.integers(7)] += rng.choice([0.5, -1.0, 1.0])
    verdict = matrices.evaluate(Answering([u, v, w]), "full", {"n": 2, "m": 2, "p": 2})
    assert verdict.valid == makes_the_tensor(u, v, w, (2, 2, 2))


def test_largest_entries_do_not_wrap_round() -> None:
    factors = [np.full((4, 7), 64.0), np.full((4, 7), -64.0), np.full((4, 7), 64.0)]
    verdict = matrices.evaluate(Answering(factors), "full", {"n": 2, "m": 2, "p": 2})
    assert f"{-7 * 64**3}" in verdict.feedback.replace(".0", "").replace("+0j", "")


# ── cap sets ──────────────────────────────────────────────────────────────────────────────────
def is_cap(points: list[tuple[int, ...]]) -> bool:
    distinct = len(set(points)) == len(points)
    return distinct and not any(
        all(sum(entries) % 3 == 0 for entries in zip(*three, strict=True))
        for three in itertools.combinations(points, 3)
    )


def vectors(base: int, n: int) -> list[tuple[int, ...]]:
    return list(itertools.product(range(base), repeat=n))


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(*[st.integers(0, 2)] * 3), min_size=1, max_size=8))
def test_named_points_are_judged_by_all_triples(points: list[tuple[int, ...]]) -> None:
    verdict = caps.evaluate(Named(np.array(points)), "full", {"n": 3})
    assert verdict.valid == is_cap(points)


@settings(max_examples=25, deadline=None)
@given(seeds, st.sampled_from([1, 2, 40]))
def test_cap_set_is_that_of_the_greedy_rule(seed: int, levels: int) -> None:
    priority = by_hash(seed, levels)
    scores = [priority(np.array(vector)) for vector in vectors(3, 3)]
    expected = greedy(vectors(3, 3), scores, lambda taken, new: is_cap([*taken, new]))
    verdict = caps.evaluate(Ranking(priority), "full", {"n": 3})
    assert [tuple(row) for row in listed(verdict)] == expected


# ── admissible sets ───────────────────────────────────────────────────────────────────────────
GOOD = {(0, 1, 2), (0, 0, 1), (0, 0, 2)}


def is_admissible(points: list[tuple[int, ...]]) -> bool:
    supports = {tuple(bool(value) for value in point) for point in points}
    return len(supports) == len(points) and all(
        any(tuple(sorted(entries)) in GOOD for entries in zip(*three, strict=True))
        for three in itertools.combinations(points, 3)
    )


@settings(max_examples=12, deadline=None)
@given(seeds, st.sampled_from([1, 3, 500]), st.sampled_from([(4, 2), (5, 3), (5, 4), (4, 4), (6, 1)]))
def test_admissible_set_is_that_of_the_greedy_rule(seed: int, levels: int, sizes: tuple[int, int]) -> None:
    n, w = sizes
    priority = by_hash(seed, levels)
    elements = [vector for vector in vectors(3, n) if sum(map(bool, vector)) == w]
    scores = [priority(np.array(vector)) for vector in elements]
    expected = greedy(elements, scores, lambda taken, new: is_admissible([*taken, new]))
    verdict = admissible.evaluate(Ranking(priority), "full", {"n": n, "w": w})
    assert [tuple(row) for row in listed(verdict)] == expected


def test_a_large_admissible_set_holds_for_random_triples() -> None:
    verdict = admissible.evaluate(Ranking(by_hash(5, 97)), "full", {"n": 9, "w": 6})
    found = [tuple(row) for row in listed(verdict)]
    rng = np.random.default_rng(0)
    for _ in range(5000):
        assert is_admissible([found[k] for k in rng.choice(len(found), 3, replace=False)])


# ── corners ───────────────────────────────────────────────────────────────────────────────────
def corners_in(pairs: set[tuple[int, ...]], p: int, n: int) -> list[tuple[tuple[int, ...], ...]]:
    found: list[tuple[tuple[int, ...], ...]] = []
    for pair in pairs:
        for t in vectors(p, n):
            if any(t):
                x, y = pair[:n], pair[n:]
                right = tuple((a + b) % p for a, b in zip(x, t, strict=True)) + y
                above = x + tuple((a + b) % p for a, b in zip(y, t, strict=True))
                if right in pairs and above in pairs:
                    found.append((pair, right, above))
    return found


@settings(max_examples=25, deadline=None)
@given(seeds, st.sampled_from([1, 3, 90]), st.sampled_from([(2, 1), (2, 2), (3, 1), (5, 1)]))
def test_corner_free_set_is_that_of_the_greedy_rule(seed: int, levels: int, sizes: tuple[int, int]) -> None:
    p, n = sizes
    priority = by_hash(seed, levels)
    elements = vectors(p, 2 * n)
    scores = [priority(np.array(pair[:n]), np.array(pair[n:])) for pair in elements]
    expected = greedy(elements, scores, lambda taken, new: not corners_in({*taken, new}, p, n))
    verdict = corners.evaluate(Ranking(priority), "full", {"p": p, "n": n})
    size = p**n
    codes = [divmod(elements.index(pair), size) for pair in expected]
    assert sorted(map(tuple, listed(verdict))) == sorted(codes)
    assert verdict.metrics["corners"] == 0


@settings(max_examples=150, deadline=None)
@given(seeds, st.sampled_from([(2, 1), (2, 2), (3, 1)]), st.integers(1, 6))
def test_degenerations_are_judged_by_every_corner(seed: int, sizes: tuple[int, int], count: int) -> None:
    p, n = sizes
    rng = np.random.default_rng(seed)
    elements = np.array(vectors(p, 2 * n))
    pairs = elements[rng.choice(len(elements), min(count, len(elements)), replace=False)]
    weights = rng.integers(-2, 3, size=(len(pairs), 3))
    weights[:, 2] = -weights[:, 0] - weights[:, 1]
    by_pair = {tuple(pair): weight for pair, weight in zip(pairs.tolist(), weights.tolist(), strict=True)}
    proved = all(by_pair[a][0] + by_pair[b][1] + by_pair[c][2] > 0 for a, b, c in corners_in(set(by_pair), p, n))
    verdict = corners.evaluate(Named([pairs, weights]), "full", {"p": p, "n": n})
    assert verdict.valid == proved
    if proved:
        assert verdict.metrics["corners"] == len(corners_in(set(by_pair), p, n)) / len(pairs)


def test_three_pairs_with_a_corner_are_a_degeneration_over_two_elements() -> None:
    pairs = np.array([[0, 0], [1, 0], [0, 1]])
    weights = np.array([[1, -1, 0], [0, 0, 0], [0, 0, 0]])
    verdict = corners.evaluate(Named([pairs, weights]), "full", {"p": 2, "n": 1})
    assert verdict.metrics == {"size": 3.0, "corners": 1 / 3}
    assert not corners.evaluate(Named([pairs, 0 * weights]), "full", {"p": 2, "n": 1}).valid


# ── cycles ────────────────────────────────────────────────────────────────────────────────────
def independent(points: list[tuple[int, ...]], m: int) -> bool:
    return not any(
        all((a - b) % m in (0, 1, m - 1) for a, b in zip(x, y, strict=True))
        for x, y in itertools.combinations(points, 2)
    )


@settings(max_examples=25, deadline=None)
@given(seeds, st.sampled_from([1, 3, 90]), st.sampled_from([(4, 2), (5, 2), (7, 2), (9, 1), (5, 3)]))
def test_independent_set_is_that_of_the_greedy_rule(seed: int, levels: int, sizes: tuple[int, int]) -> None:
    m, n = sizes
    priority = by_hash(seed, levels)
    scores = [priority(np.array(vector)) for vector in vectors(m, n)]
    expected = greedy(vectors(m, n), scores, lambda taken, new: independent([*taken, new], m))
    verdict = cycles.evaluate(Ranking(priority), "full", {"m": m, "n": n})
    assert [tuple(row) for row in listed(verdict)] == expected


def test_never_means_never() -> None:
    verdict = cycles.evaluate(Ranking(lambda v, m, n: -math.inf if v[0] else 1.0), "full", {"m": 5, "n": 2})
    assert listed(verdict) == [[0, 0], [0, 2]]


# ── difference bases, ring loading, flat polynomials ──────────────────────────────────────────
@settings(max_examples=150, deadline=None)
@given(st.sets(st.integers(-12, 12), min_size=1, max_size=14))
def test_reach_of_a_difference_basis_is_that_of_sets(elements: set[int]) -> None:
    verdict = bases.evaluate(Answering(np.array(list(elements))), "full", {})
    differences = {a - b for a in elements for b in elements}
    v = next(k for k in itertools.count(1) if k not in differences) - 1
    assert verdict.valid == (v > 0)
    if v:
        assert verdict.metrics["ratio"] == len(elements) ** 2 / v


def ring_load(z: tuple[Fraction, ...]) -> Fraction:
    zero = Fraction(0)
    return max(abs(sum(z[:k], zero) - sum(z[k:], zero)) for k in range(1, len(z) + 1))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=5))
def test_ring_loads_are_those_of_fractions(rows: list[tuple[float, float]]) -> None:
    verdict = rings.evaluate(Answering(np.array(rows)), "full", {"m": len(rows)})
    exact_rows = [(Fraction(u), Fraction(v)) for u, v in rows]
    assert verdict.valid == all(u + v <= 1 for u, v in exact_rows)
    if verdict.valid:
        choices = list(itertools.product(*[(v, -u) for u, v in exact_rows]))
        assert verdict.metrics["alpha"] == float(min(map(ring_load, choices)))


@settings(max_examples=20, deadline=None)
@given(st.lists(st.sampled_from([-1, 1]), min_size=1, max_size=40), seeds)
def test_flatness_is_above_every_sample_and_not_by_much(signs: list[int], seed: int) -> None:
    n = len(signs)
    verdict = flat.evaluate(Answering(np.array(signs)), "full", {"n": n})
    angles = np.random.default_rng(seed).uniform(0, 2 * np.pi, 2000)
    values = np.abs(np.exp(1j * np.outer(angles, np.arange(n))) @ signs) / math.sqrt(n)
    assert values.max() <= verdict.metrics["flatness"]
    grid = np.abs(np.exp(2j * np.pi * np.outer(np.arange(4096) / 4096, np.arange(n))) @ signs) / math.sqrt(n)
    assert grid.max() <= verdict.metrics["flatness"] < grid.max() * 1.002


@pytest.mark.parametrize(
    ("judge", "params", "words"),
    [
        (kissing, {"d": 0}, "params.d: expected a whole number from 1 to 64, found 0"),
        (matrices, {"n": 2, "m": True, "p": 2}, "params.m"),
        (caps, {"n": 10}, "params.n"),
        (admissible, {"n": 3, "w": 4}, "expected w <= n"),
        (corners, {"p": 4, "n": 1}, "expected a prime"),
        (cycles, {"m": 11, "n": 5}, "at most 60000 vertices"),
    ],
)
def test_impossible_parameters_are_named(judge: Any, params: Mapping[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        judge.evaluate(Answering(None), "full", params)
