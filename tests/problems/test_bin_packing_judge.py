"""The judge of bin packing against plain, slow versions of the same thing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from evaluators import Candidate
from evolve.domain.problem import Problem
from evolve.paths import bundled
from tests.problems.problem_support import CandidateFactory, load_judge

Floats = NDArray[np.float64]
Rule = Callable[[float, Floats], Any]

judge = load_judge("bin_packing")
PROBLEM = Problem.load(bundled("problems") / "bin_packing")
SMALL = {**PROBLEM.params, "items": 60, "instances": 3}


# ── rules, and a session that calls them and notes what it was sent ───────────────────────────
def best_fit(item: float, bins: Floats) -> Floats:
    return -(bins - item)


def first_fit(item: float, bins: Floats) -> Floats:
    return -np.arange(len(bins), dtype=float)


def funsearch_weibull(item: float, bins: Floats) -> Floats:
    """The formula as printed, step by step."""
    score = (bins - max(bins)) ** 2 / item + bins**2 / item**2 + bins**2 / item**3
    score[bins > item] = -score[bins > item]
    score[1:] -= score[:-1].copy()
    return np.asarray(score)


def prefers_second_of_equals(item: float, bins: Floats) -> Floats:
    """Often passes an unused bin over for the next one."""
    return np.concatenate(([0.0], (np.diff(bins) == 0) + 0.5 * (np.diff(bins) < -20)))


RULES = [best_fit, first_fit, funsearch_weibull, prefers_second_of_equals]


@dataclass
class RuleSession:
    rule: Rule
    seconds: float = 0.0
    rounds: list[list[tuple[float, Floats]]] = field(default_factory=list)

    def call(self, function: str, *args: Any, timeout_s: float | None = None, **kwargs: Any) -> Any:
        raise AssertionError("items go out in rounds")

    def map(self, function: str, calls: Iterable[Sequence[Any]], timeout_s: float | None = None) -> list[Any]:
        assert function == "priority"
        sent = [(item, bins) for item, bins in calls]
        self.rounds.append([(item, bins.copy()) for item, bins in sent])
        return [self.rule(item, bins) for item, bins in sent]


def pack(rule: Rule, instances: list[NDArray[np.int64]], family: str = "weibull") -> Any:
    return judge.pack(RuleSession(rule), judge.FAMILIES[family], instances)


def reference(rule: Rule, items: NDArray[np.int64], capacity: int) -> list[float]:
    """Pack one instance with all unused bins shown, more than can be used; return the capacities left in used bins."""
    row = np.full(2 * len(items) + 2, float(capacity))
    for item in items.tolist():
        fits = np.flatnonzero(row >= item)
        row[fits[np.argmax(rule(float(item), row[fits]))]] -= item
    return sorted(row[row < capacity].tolist())


# ── the row of bins ───────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("family", sorted(judge.FAMILIES))
def test_two_unused_bins_pack_as_all_unused_bins_do(rule: Rule, family: str) -> None:
    drawn = judge.draw(judge.FAMILIES[family], 2, 600, [5])
    rows = pack(rule, drawn, family)
    for row, items in zip(rows, drawn, strict=True):
        expected = reference(rule, items, judge.FAMILIES[family].capacity)
        assert sorted(row.left_over().tolist()) == expected
        assert row.used == len(expected)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 100), min_size=2, max_size=90), st.sampled_from(RULES))
def test_any_items_pack_as_in_the_reference(sizes: list[int], rule: Rule) -> None:
    items = np.array(sizes)
    (row,) = pack(rule, [items])
    expected = reference(rule, items, 100)
    assert (row.used, sorted(row.left_over().tolist())) == (len(expected), expected)


def test_a_rule_that_skips_a_bin_leaves_it_in_the_row() -> None:
    session = RuleSession(lambda item, bins: np.arange(len(bins)))
    judge.pack(session, judge.FAMILIES["weibull"], [np.array([30, 30])])
    assert [bins.tolist() for ((_, bins),) in session.rounds] == [[100, 100], [100, 70, 100, 100]]


@pytest.mark.parametrize("every", [1, 7, 10**9])
def test_clearing_the_row_changes_nothing(every: int, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = judge.draw(judge.FAMILIES["or_uniform"], 2, 300, [6])
    before = [(row.used, sorted(row.left_over().tolist())) for row in pack(funsearch_weibull, drawn, "or_uniform")]
    monkeypatch.setattr(judge, "COMPACT_EVERY", every)
    after = [(row.used, sorted(row.left_over().tolist())) for row in pack(funsearch_weibull, drawn, "or_uniform")]
    assert before == after


def test_nothing_fits_beyond_capacity_and_nothing_is_lost() -> None:
    (items,) = judge.draw(judge.FAMILIES["weibull"], 1, 400, [7])
    (row,) = pack(funsearch_weibull, [items])
    left = row.left_over()
    assert left.min() >= 0
    assert row.used * 100 - left.sum() == items.sum()


def test_items_are_sent_when_they_are_due_and_not_before() -> None:
    drawn = judge.draw(judge.FAMILIES["weibull"], 3, 50, [8])
    session = RuleSession(best_fit)
    judge.pack(session, judge.FAMILIES["weibull"], drawn)
    assert [[item for item, _ in sent] for sent in session.rounds] == np.array(drawn).T.tolist()
    for sent in session.rounds:
        for item, bins in sent:
            assert bins.min() >= item and bins[-2:].tolist() == [100, 100]


# ── answers ───────────────────────────────────────────────────────────────────────────────────
HONEST: dict[str, Rule] = {
    "integers": lambda item, bins: -(bins - item).astype(np.int64),
    "booleans": lambda item, bins: bins == bins.min(),
    "single precision": lambda item, bins: -(bins - item).astype(np.float32),
    "minus infinity forbids": lambda item, bins: np.where(bins == bins.min(), -bins, -np.inf),
    "plus infinity insists": lambda item, bins: np.where(bins == bins.min(), np.inf, -bins),
}


@pytest.mark.parametrize("name", HONEST)
def test_honest_ways_to_write_best_fit_are_best_fit(name: str) -> None:
    drawn = judge.draw(judge.FAMILIES["weibull"], 2, 150, [9])
    rows, expected = pack(HONEST[name], drawn), pack(best_fit, drawn)
    assert [sorted(row.left_over().tolist()) for row in rows] == [sorted(row.left_over().tolist()) for row in expected]


def test_writing_into_the_bins_gains_nothing() -> None:
    def greedy(item: float, bins: Floats) -> Floats:
        scores = -(bins - item)
        bins[:] = 1e9
        return scores

    drawn = judge.draw(judge.FAMILIES["weibull"], 2, 150, [9])
    assert [row.used for row in pack(greedy, drawn)] == [row.used for row in pack(best_fit, drawn)]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(allow_nan=False), min_size=1, max_size=6), st.integers(0, 6))
def test_a_nan_is_found_wherever_it_is(scores: list[float], position: int) -> None:
    scores.insert(min(position, len(scores)), float("nan"))

    def rule(item: float, bins: Floats) -> Floats:
        return np.resize(np.array(scores), len(bins)) if len(bins) >= len(scores) else np.full(len(bins), np.nan)

    answer = pack(rule, [np.full(20, 5)])
    assert isinstance(answer, str) and "NaN" in answer


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ([0.0, 1.0], "found list"),
        (None, "found NoneType"),
        (np.zeros(3), "expected the shape (2,)"),
        (np.zeros((2, 1)), "found (2, 1)"),
        (np.float64(1), "found float64"),
        (np.zeros(2, dtype=complex), "complex128"),
        (np.array(["a", "b"]), "expected real numbers"),
        (np.array([None, None]), "object"),
    ],
)
def test_anything_else_is_refused_with_the_call_and_the_reason(answer: Any, words: str) -> None:
    blame = pack(lambda item, bins: answer, [np.array([30])])
    assert words in blame and "priority(30.0, [100. 100.])" in blame


# ── bound and instances ───────────────────────────────────────────────────────────────────────
def bound_by_definition(items: list[int], capacity: int) -> int:
    bounds = []
    for a in range(capacity // 2 + 1):
        alone = [w for w in items if w > capacity - a]
        large = [w for w in items if capacity / 2 < w <= capacity - a]
        small = [w for w in items if a <= w <= capacity / 2]
        rest = sum(small) - (len(large) * capacity - sum(large))
        bounds.append(len(alone) + len(large) + max(0, -(-rest // capacity)))
    return max(bounds)


def fewest_bins(items: list[int], capacity: int, bins: tuple[int, ...] = ()) -> int:
    """Try every placement."""
    if not items:
        return len(bins)
    item, rest = items[0], items[1:]
    tries = [fewest_bins(rest, capacity, (*bins, item))]
    for load in set(bins):
        if load + item <= capacity:
            position = bins.index(load)
            tries.append(fewest_bins(rest, capacity, (*bins[:position], load + item, *bins[position + 1 :])))
    return min(tries)


@settings(max_examples=150, deadline=None)
@given(st.integers(2, 31).flatmap(lambda c: st.tuples(st.just(c), st.lists(st.integers(1, c), min_size=1, max_size=7))))
def test_lower_bound_is_l2_and_lies_between_l1_and_the_optimum(case: tuple[int, list[int]]) -> None:
    capacity, items = case
    bound = judge.lower_bound(np.array(items), capacity)
    assert bound == bound_by_definition(items, capacity)
    assert -(-sum(items) // capacity) <= bound <= fewest_bins(items, capacity)


def test_lower_bound_sees_that_large_items_cannot_share() -> None:
    assert judge.lower_bound(np.array([51] * 10), 100) == 10  # L1 is 6
    assert judge.lower_bound(np.array([70, 70, 40, 40]), 100) == 3  # L1 is 3, L2 through a = 40
    assert judge.lower_bound(np.array([61, 61, 61, 40, 40]), 100) == 4  # L1 is 3


def test_lower_bound_on_long_instances_agrees_with_its_definition() -> None:
    for name, family in judge.FAMILIES.items():
        (items,) = judge.draw(family, 1, 1000, [11])
        assert judge.lower_bound(items, family.capacity) == bound_by_definition(items.tolist(), family.capacity), name


def test_families_follow_their_laws() -> None:
    (uniform,) = judge.draw(judge.FAMILIES["or_uniform"], 1, 50_000, [1])
    assert (uniform.min(), uniform.max()) == (20, 100)
    assert np.bincount(uniform)[20:].min() > 0.8 * 50_000 / 81
    (weibull,) = judge.draw(judge.FAMILIES["weibull"], 1, 50_000, [1])
    assert weibull.min() >= 1 and weibull.max() <= 100
    assert weibull.mean() == pytest.approx(45 * 0.8929795, abs=0.3)  # scale * gamma(4/3)
    assert np.median(weibull) == pytest.approx(45 * np.log(2) ** (1 / 3), abs=1)


def test_stages_and_seeds_draw_different_instances_and_equal_ones_the_same() -> None:
    size = {key: 50 if key.endswith("items") else 2 for key in SMALL if key.endswith(("items", "instances"))}
    same_size = {**SMALL, **size, "sealed_seed": 1, "seed": 1}

    def items(stage: str, **changed: object) -> bytes:
        return np.array(judge.instances(stage, {**same_size, **changed})[1]).tobytes()

    draws = {items("screen"), items("full"), items("sealed"), items("sealed", sealed_seed=2), items("full", seed=2)}
    assert len(draws) == 5
    assert items("full") == items("full")
    assert items("sealed", seed=9) == items("sealed")
    assert items("full", sealed_seed=9) == items("full")


@pytest.mark.parametrize(("changed", "words"), [({"family": "normal"}, "or_uniform"), ({"instances": 0}, "at least 1")])
def test_impossible_parameters_are_named(changed: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        judge.instances("sealed", {**SMALL, **changed})


# ── score ─────────────────────────────────────────────────────────────────────────────────────
def test_excess_is_a_ratio_of_means(candidate_factory: CandidateFactory) -> None:
    score = judge.evaluate(candidate_factory(PROBLEM, PROBLEM.seed().files), "sealed", SMALL)
    metrics = score.metrics
    assert metrics["excess"] == pytest.approx(metrics["bins"] / metrics["lower_bound"] - 1)
    family, drawn = judge.instances("sealed", SMALL)
    used = [len(reference(best_fit, items, family.capacity)) for items in drawn]
    bounds = [bound_by_definition(items.tolist(), family.capacity) for items in drawn]
    assert metrics["bins"] == pytest.approx(sum(used) / 3)
    assert list(score.per_instance.values()) == [(u - b) / b for u, b in zip(used, bounds, strict=True)]
    assert metrics["tightest_share"] == 1.0
    assert f"excess {metrics['excess']:.2%}" in score.feedback


def test_published_formula_and_its_baseline_pack_the_same() -> None:
    files = PROBLEM.baselines()["funsearch_weibull"]
    names: dict[str, Any] = {}
    exec(files[PROBLEM.entry], names)
    drawn = judge.draw(judge.FAMILIES["weibull"], 2, 800, [12])
    ours, printed = pack(names["priority"], drawn), pack(funsearch_weibull, drawn)
    assert [row.left_over().tolist() for row in ours] == [row.left_over().tolist() for row in printed]


def test_one_program_serves_a_whole_stage() -> None:
    """A rule may learn from the items it has seen, so its state must outlive a call."""
    session = RuleSession(best_fit)

    @dataclass
    class OneSession:
        opened: int = 0

        def session(self, timeout_s: float | None = None) -> Any:
            self.opened += 1
            return nullcontext(session)

    candidate: Any = OneSession()
    typed: Candidate = candidate
    judge.evaluate(typed, "sealed", SMALL)
    assert candidate.opened == 1 and len(session.rounds) == 60
