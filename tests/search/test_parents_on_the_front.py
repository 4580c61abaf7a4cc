from __future__ import annotations

import numpy as np
import pytest

from evolve.domain.evaluation import Outcome, Scored
from evolve.domain.proposal import Placement
from evolve.errors import ConfigurationError
from evolve.search.inspirations import Contrast, Inspired
from evolve.search.island import Island
from evolve.search.parents import FrontParents, ParentRule, Ranking, TradeoffParents
from evolve.search.pareto import ParetoFront

BOTH: list[ParentRule] = [FrontParents(), TradeoffParents(tradeoffs=4)]


def ranking(*gains: tuple[float, ...], feasible: int | None = None) -> Ranking:
    """Return a ranking of programs, of which all but the first few break a constraint."""
    count = len(gains) if feasible is None else feasible
    elites = [
        Scored(step, 0, (), "test", Outcome.VALID, pair, violation=float(step >= count))
        for step, pair in enumerate(gains)
    ]
    nothing = np.zeros(len(gains))
    return Ranking(elites, np.array([g[0] for g in gains]), nothing, nothing, rivals=np.array(gains[:count]))


@pytest.mark.parametrize("rule", BOTH)
def test_with_one_objective_the_leader_is_the_parent(rule: ParentRule) -> None:
    assert rule.chances(ranking((3.0,), (2.0,), (1.0,))).tolist() == [1.0, 0.0, 0.0]


@pytest.mark.parametrize("rule", BOTH)
def test_what_is_dominated_or_breaks_constraints_more_is_no_parent(rule: ParentRule) -> None:
    chances = rule.chances(ranking((3.0, 0.0), (2.0, 2.0), (1.0, 1.0), (0.0, 3.0), (9.0, 9.0), feasible=4))
    assert chances[2] == chances[4] == 0.0
    assert chances.sum() == pytest.approx(1.0)
    assert (chances[[0, 1, 3]] > 0).all()


def test_the_whole_front_breeds_alike() -> None:
    assert FrontParents().chances(ranking((3.0, 0.0), (2.0, 1.0), (1.9, 1.0), (0.0, 9.0))).tolist() == [
        1 / 3,
        1 / 3,
        0,
        1 / 3,
    ]


def test_a_few_tradeoffs_have_few_parents_however_long_the_front() -> None:
    front = [(float(first), float(np.sqrt(100 - first))) for first in range(100, -1, -1)]
    chances = TradeoffParents(tradeoffs=4).chances(ranking(*front))
    chosen = np.flatnonzero(chances)
    assert len(chosen) == 4 and np.allclose(chances[chosen], 0.25)
    assert np.diff(chosen).min() > 5  # apart from one another


def test_more_objectives_have_parents_too() -> None:
    chances = TradeoffParents(tradeoffs=9).chances(ranking((2.0, 0.0, 0.0), (0.0, 2.0, 0.0), (0.0, 0.0, 2.0)))
    assert chances.sum() == pytest.approx(1.0) and (chances > 0).sum() >= 2


def test_no_tradeoff_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="tradeoffs"):
        TradeoffParents(tradeoffs=0)


def test_an_island_shows_its_rule_who_rivals_and_how_they_did_as_parents() -> None:
    seen: list[Ranking] = []

    class Noting(FrontParents):
        def chances(self, ranking: Ranking) -> np.ndarray:
            seen.append(ranking)
            return super().chances(ranking)

    island = Island(ParetoFront(), Noting(), Inspired(count=1, top=0))
    for step, pair in enumerate([(0.0, 3.0), (2.0, 2.0), (3.0, 0.0)]):
        island.place(Scored(step, 0, (), "test", Outcome.VALID, pair))
    for parent, placed in ((1, True), (1, False), (0, False)):
        island.choose(np.random.default_rng(0))
        child = Scored(9, 0, (parent,), "test", Outcome.INVALID)
        island.credit(child, Placement.NEW if placed else Placement.NOT_PLACED, 0.0)
    island.choose(np.random.default_rng(0))
    assert [elite.step for elite in seen[-1].elites] == [2, 1, 0]
    assert seen[-1].rivals.tolist() == [[3.0, 0.0], [2.0, 2.0], [0.0, 3.0]]
    assert seen[-1].children.tolist() == [0.0, 2.0, 1.0] and seen[-1].accepted.tolist() == [0.0, 1.0, 0.0]


def test_beside_other_parents_stand_those_of_other_tradeoffs() -> None:
    island = Island(ParetoFront(), FrontParents(), Contrast(records=2, worse=1))
    for step, pair in enumerate([(1.0, 1.0), (2.0, 3.0), (3.0, 0.5)]):
        island.place(Scored(step, 0, (), "test", Outcome.VALID, pair))
    fallen = Scored(3, 0, (1,), "test", Outcome.VALID, (1.5, 2.0))
    island.place(fallen)
    island.credit(fallen, Placement.NOT_PLACED, 0.0)
    seen = {island.choose(np.random.default_rng(draw)) for draw in range(40)}
    assert seen == {(2, (1, 0)), (1, (2, 3))}
