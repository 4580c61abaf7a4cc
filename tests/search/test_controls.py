from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from evolve.domain.evaluation import Outcome, Scored
from evolve.domain.objective import Feature
from evolve.domain.proposal import Placement
from evolve.interfaces import Search
from evolve.search.controls import BestOfN, Greedy, RandomWalk

FEATURES = (Feature("a", 0, 10, 10),)


def valid(step: int, *gains: float, feature: float = 0.0) -> Scored:
    return Scored(step, 0, (0,), "test", Outcome.VALID, gains, (feature,))


def parents(search: Search, draws: int) -> Counter[int]:
    rng = np.random.default_rng(0)
    return Counter(search.ask(rng).parent for _ in range(draws))


def test_greedy_climbs_from_the_best_and_takes_the_newest_of_equals() -> None:
    search = Greedy(features=FEATURES)
    expected = [(valid(0, 1.0), 0), (valid(1, 3.0), 1), (valid(2, 2.0), 1), (valid(3, 3.0), 3), (valid(4, -1.0), 3)]
    for scored, parent in expected:
        search.tell(scored)
        assert set(parents(search, 5)) == {parent}
    assert search.best() == valid(1, 3.0)


def test_greedy_compares_later_objectives_only_on_a_tie() -> None:
    search = Greedy(features=FEATURES)
    for scored in (valid(0, 1.0, 5.0), valid(1, 0.9, 99.0), valid(2, 1.0, 6.0)):
        search.tell(scored)
    assert set(parents(search, 5)) == {2}


def test_best_of_n_always_starts_from_the_seed() -> None:
    search = BestOfN(features=FEATURES)
    for step in range(6):
        search.tell(valid(step, float(step)))
    assert set(parents(search, 10)) == {0}
    assert search.best() == valid(5, 5.0)


def test_random_walk_takes_every_valid_program_alike() -> None:
    search = RandomWalk(features=FEATURES)
    for step in range(4):
        search.tell(valid(step, float(step)))
    search.tell(Scored(4, 0, (0,), "test", Outcome.INVALID))
    drawn = parents(search, 4000)
    assert set(drawn) == {0, 1, 2, 3}
    for times in drawn.values():
        assert times == pytest.approx(1000, abs=120)


@pytest.mark.parametrize("control", [Greedy, BestOfN, RandomWalk])
def test_controls_report_places_in_the_grid(control: type[Greedy | BestOfN | RandomWalk]) -> None:
    search = control(features=FEATURES)
    assert search.tell(valid(0, 1.0, feature=2)) == (Placement.NEW, "2")
    assert search.tell(valid(1, 0.5, feature=7)) == (Placement.NEW, "7")
    assert search.tell(valid(2, 0.5, feature=2)) == (Placement.NOT_PLACED, "")
    assert search.tell(valid(3, 0.7, feature=7)) == (Placement.IMPROVED, "7")
    assert search.status() == {"valid": 4, "failed": 0, "front": 1, "islands": 1, "cells": 2}
