from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.domain.evaluation import Outcome, Scored
from evolve.errors import ConfigurationError
from evolve.search.parents import (
    AdaptiveParents,
    FloatArray,
    ImpatientParents,
    LeaderParents,
    MixedParents,
    ParentRule,
    RankedParents,
    Ranking,
    RankParents,
    UcbParents,
    UniformParents,
    WeightedParents,
)
from evolve.search.signatures import ClusterParents

RULES: dict[str, ParentRule] = {
    "ranked": RankedParents(exploit=0.7, top=5.0),
    "exploit": RankedParents(exploit=1.0, top=0.5),
    "explore": RankedParents(exploit=0.0, top=5.0),
    "weighted": WeightedParents(sharpness=10.0),
    "flat": WeightedParents(sharpness=0.0),
    "ucb": UcbParents(exploration=0.5, temperature=0.2),
}
"""They turn to elites that were hardly tried."""
STEADY: dict[str, ParentRule] = {
    "leader": LeaderParents(),
    "rank": RankParents(top=2.0),
    "uniform": UniformParents(),
    "mixed": MixedParents(
        shares={"leader": 3.0, "uniform": 1.0}, rules={"leader": LeaderParents(), "uniform": UniformParents()}
    ),
    "impatient": ImpatientParents(exploit=LeaderParents(), explore=UniformParents(), least=0.1, most=0.7, patience=20),
    "adaptive": AdaptiveParents(exploit=LeaderParents(), explore=UniformParents(), least=0.1, most=0.7, scale=0.05),
}
CLUSTERS = ClusterParents(temperature=0.1, period=100, length_temperature=1.0)
every_rule = pytest.mark.parametrize("rule", [*RULES.values(), *STEADY.values()], ids=[*RULES, *STEADY])
curious = pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
best_first = st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=30).map(
    lambda gains: np.array(sorted(gains, reverse=True))
)


def ranking(
    gains: FloatArray,
    children: FloatArray,
    accepted: FloatArray | None = None,
    momentum: float = 0.0,
    stagnation: int = 0,
) -> Ranking:
    elites = [Scored(step, 0, (), "test", Outcome.VALID, (float(gain),)) for step, gain in enumerate(gains)]
    return Ranking(elites, gains, children, childless(gains) if accepted is None else accepted, 0, stagnation, momentum)


def childless(gains: FloatArray) -> FloatArray:
    return np.zeros(len(gains))


@pytest.mark.parametrize("rule", [*RULES.values(), *STEADY.values(), CLUSTERS], ids=[*RULES, *STEADY, "clusters"])
@given(gains=best_first, data=st.data())
@settings(max_examples=60, deadline=None)
def test_chances_are_a_distribution_for_any_finite_gains(
    rule: ParentRule, gains: FloatArray, data: st.DataObject
) -> None:
    counts = st.lists(st.integers(0, 10**6), min_size=len(gains), max_size=len(gains))
    chances = rule.chances(ranking(gains, np.array(data.draw(counts), dtype=np.float64)))
    assert chances.shape == gains.shape
    assert (chances >= 0).all()
    assert chances.sum() == pytest.approx(1.0)


@every_rule
@given(gains=best_first)
@settings(max_examples=40, deadline=None)
def test_among_the_childless_a_better_elite_has_no_smaller_chance(rule: ParentRule, gains: FloatArray) -> None:
    chances = rule.chances(ranking(gains, childless(gains)))
    assert (np.diff(chances) <= 1e-12).all()


@curious
def test_a_child_lowers_the_chance_of_its_parent_alone(rule: ParentRule) -> None:
    gains = np.array([4.0, 3.0, 2.0, 1.0])
    for parent in range(4):
        children = childless(gains)
        before = rule.chances(ranking(gains, children))
        children[parent] += 1
        after = rule.chances(ranking(gains, children))
        others = np.arange(4) != parent
        assert after[parent] < before[parent]
        assert (after[others] > before[others]).all()


def test_ranked_parents_split_between_rank_and_even_chances() -> None:
    gains = np.arange(50.0)[::-1]
    chances = RankedParents(exploit=0.8, top=1.0).chances(ranking(gains, childless(gains)))
    assert chances[-1] == pytest.approx(0.2 / 50)
    assert chances[0] == pytest.approx(0.8 * (1 - np.exp(-1)) + 0.2 / 50)
    assert chances[1] - 0.2 / 50 == pytest.approx((chances[0] - 0.2 / 50) * np.exp(-1))


@pytest.mark.parametrize("scale", [1e-300, 1e-9, 1e9, 1e300])
def test_weighted_parents_do_not_depend_on_the_scale_of_the_score(scale: float) -> None:
    rule = WeightedParents(sharpness=2.0)
    gains = np.array([9.0, 4.0, 3.5, 1.0, -2.0])
    assert rule.chances(ranking(gains * scale, childless(gains))) == pytest.approx(
        rule.chances(ranking(gains, childless(gains)))
    )


def test_weighted_parents_follow_the_published_formula() -> None:
    gains, children = np.array([5.0, 3.0, 2.0]), np.array([1.0, 0.0, 3.0])
    sigmoid = 1 / (1 + np.exp(-1.5 * (gains - 3.0) / 1.0))
    weights = sigmoid / (1 + children)
    chances = WeightedParents(sharpness=1.5).chances(ranking(gains, children))
    assert chances == pytest.approx(weights / weights.sum())


def test_one_outstanding_elite_among_equals_is_favoured() -> None:
    gains = np.array([9.0, 1.0, 1.0, 1.0, 1.0])
    chances = WeightedParents(sharpness=2.0).chances(ranking(gains, childless(gains)))
    assert chances[0] > 1.5 * chances[1]


@pytest.mark.parametrize("exploit, top, message", [(-0.1, 1.0, "exploit"), (1.1, 1.0, "exploit"), (0.5, 0.0, "top")])
def test_impossible_ranked_settings_are_refused(exploit: float, top: float, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        RankedParents(exploit=exploit, top=top)


def test_a_negative_sharpness_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="sharpness"):
        WeightedParents(sharpness=-1.0)


def test_the_leader_alone_breeds_and_ranks_fall_by_the_same_factor() -> None:
    gains = np.array([5.0, 5.0, 3.0])
    assert list(LeaderParents().chances(ranking(gains, childless(gains)))) == [1.0, 0.0, 0.0]
    ranked = RankParents(top=2.0).chances(ranking(gains, childless(gains)))
    assert ranked[1:] / ranked[:-1] == pytest.approx([np.exp(-0.5)] * 2)


def test_ucb_follows_its_formula() -> None:
    gains, children, accepted = np.array([3.0, 2.0, 1.0]), np.array([9.0, 4.0, 0.0]), np.array([1.0, 3.0, 0.0])
    chances = UcbParents(exploration=0.5, temperature=0.2).chances(ranking(gains, children, accepted))
    values = np.array([2 / 11, 4 / 6, 1 / 2]) + 0.5 * np.sqrt(np.log(14) / np.array([10.0, 5.0, 1.0]))
    assert chances == pytest.approx(np.exp(values / 0.2) / np.exp(values / 0.2).sum())


def test_a_mixture_draws_by_its_shares() -> None:
    gains = np.arange(4.0)[::-1]
    assert STEADY["mixed"].chances(ranking(gains, childless(gains))) == pytest.approx([13 / 16, 1 / 16, 1 / 16, 1 / 16])


def test_exploration_grows_as_improvement_ceases() -> None:
    gains = np.arange(4.0)[::-1]
    explored = [
        1 - STEADY["adaptive"].chances(ranking(gains, childless(gains), momentum=momentum))[0]
        for momentum in (0.0, 0.05**2, 1.0)
    ]
    assert explored[0] == pytest.approx(0.7 * 3 / 4)
    assert explored[1] == pytest.approx(0.4 * 3 / 4)
    assert explored[2] < 0.14 * 3 / 4


def test_impatience_grows_with_stagnation() -> None:
    gains = np.arange(4.0)[::-1]
    explored = [
        1 - STEADY["impatient"].chances(ranking(gains, childless(gains), stagnation=stagnation))[0]
        for stagnation in (0, 20, 10**6)
    ]
    assert explored == pytest.approx([0.1 * 3 / 4, 0.4 * 3 / 4, 0.7 * 3 / 4], rel=1e-3)


@pytest.mark.parametrize(
    "make",
    [
        lambda: RankParents(top=0.0),
        lambda: ImpatientParents(exploit=LeaderParents(), explore=UniformParents(), least=0, most=1, patience=0),
        lambda: UcbParents(exploration=-1.0, temperature=1.0),
        lambda: UcbParents(exploration=1.0, temperature=0.0),
        lambda: MixedParents(shares={"a": 1.0}, rules={"b": UniformParents()}),
        lambda: MixedParents(shares={"a": 0.0}, rules={"a": UniformParents()}),
        lambda: AdaptiveParents(exploit=LeaderParents(), explore=UniformParents(), least=0.8, most=0.7, scale=1.0),
        lambda: ClusterParents(temperature=0.0, period=1, length_temperature=1.0),
    ],
)
def test_impossible_settings_of_rules_are_refused(make: Callable[[], ParentRule]) -> None:
    with pytest.raises(ConfigurationError, match=r"expected|must|are of"):
        make()
