from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from evolve.domain.evaluation import Outcome, Scored
from evolve.domain.objective import Feature
from evolve.domain.proposal import Placement
from evolve.errors import ConfigurationError
from evolve.search.islands import Island, IslandSearch
from evolve.search.parents import RankedParents

FEATURES = (Feature("a", 0, 10, 10),)
NEVER = 10**9


def islands(**changes: Any) -> IslandSearch:
    settings: dict[str, Any] = {
        "features": FEATURES,
        "parents": RankedParents(exploit=0.0, top=1.0),
        "islands": 3,
        "migration_interval": NEVER,
        "migrants": 1,
        "inspirations": 20,
        "top_inspirations": 1,
    }
    return IslandSearch(**{**settings, **changes})


def valid(step: int, island: int, gain: float, feature: float, parent: int = 0) -> Scored:
    return Scored(step, island, (parent,), "test", Outcome.VALID, (gain,), (feature,))


def members(search: IslandSearch, draws: int = 60) -> dict[int, set[int]]:
    """The steps that each island breeds from or shows."""
    seen: dict[int, set[int]] = {}
    for draw in range(draws):
        choice = search.ask(np.random.default_rng(draw))
        seen.setdefault(choice.island, set()).update({choice.parent, *choice.inspirations})
    return seen


def test_the_seed_settles_every_island() -> None:
    search = islands()
    assert search.tell(valid(0, 0, 1.0, 0)) == (Placement.NEW, "i0:0")
    assert members(search) == {0: {0}, 1: {0}, 2: {0}}


def test_a_child_lives_on_its_island_alone() -> None:
    search = islands()
    search.tell(valid(0, 0, 1.0, 0))
    assert search.tell(valid(1, 2, 5.0, 3)) == (Placement.NEW, "i2:3")
    assert search.tell(valid(2, 2, 6.0, 3)) == (Placement.IMPROVED, "i2:3")
    assert search.tell(valid(3, 1, 0.0, 0)) == (Placement.NOT_PLACED, "")
    assert members(search) == {0: {0}, 1: {0}, 2: {0, 2}}


def test_migration_copies_the_best_one_island_on_and_keeps_their_steps() -> None:
    search = islands(migration_interval=4)
    search.tell(valid(0, 0, 1.0, 0))
    search.tell(valid(1, 0, 5.0, 1))
    search.tell(valid(2, 0, 4.0, 2))
    assert members(search) == {0: {0, 1, 2}, 1: {0}, 2: {0}}
    search.tell(valid(3, 2, 9.0, 3))
    assert members(search) == {0: {0, 1, 2, 3}, 1: {0, 1}, 2: {0, 3}}


def test_failures_do_not_bring_migration_nearer() -> None:
    search = islands(migration_interval=3)
    search.tell(valid(0, 0, 1.0, 0))
    search.tell(valid(1, 0, 5.0, 1))
    for step in range(2, 12):
        search.tell(Scored(step, 0, (0,), "test", Outcome.CRASHED))
    assert members(search)[1] == {0}
    search.tell(valid(12, 0, 0.0, 0))
    assert members(search)[1] == {0, 1}


def test_a_migrant_that_meets_a_better_elite_gets_no_place() -> None:
    search = islands(islands=2, migration_interval=3)
    search.tell(valid(0, 0, 1.0, 0))
    search.tell(valid(1, 0, 5.0, 1))
    search.tell(valid(2, 1, 7.0, 1))
    assert members(search) == {0: {0, 2}, 1: {0, 2}}


def test_islands_are_asked_evenly() -> None:
    search = islands()
    search.tell(valid(0, 0, 1.0, 0))
    rng = np.random.default_rng(0)
    asked = Counter(search.ask(rng).island for _ in range(3000))
    for times in asked.values():
        assert times == pytest.approx(1000, abs=120)


def test_parents_are_drawn_with_the_chances_of_their_rule() -> None:
    rule = RankedParents(exploit=1.0, top=1.0)
    search = islands(islands=1, parents=rule, inspirations=0)
    for step in range(4):
        search.tell(Scored(step, 0, (), "test", Outcome.VALID, (float(step),), (float(step),)))
    rng = np.random.default_rng(0)
    drawn = Counter(search.ask(rng).parent for _ in range(6000))
    expected = rule.chances(np.array([3.0, 2.0, 1.0, 0.0]), np.zeros(4))
    assert [drawn[step] / 6000 for step in (3, 2, 1, 0)] == pytest.approx(list(expected), abs=0.03)


@pytest.mark.parametrize("outcome", [Outcome.VALID, Outcome.CRASHED])
def test_a_parent_becomes_less_likely_with_every_child_that_ended(outcome: Outcome) -> None:
    search = islands(islands=1)
    search.tell(valid(0, 0, 1.0, 0))
    search.tell(valid(1, 0, 1.0, 1, parent=7))
    gains = (0.0,) if outcome is Outcome.VALID else ()
    for step in range(2, 11):
        search.tell(Scored(step, 0, (1,), "test", outcome, gains, gains))
    rng = np.random.default_rng(0)
    asked = Counter(search.ask(rng).parent for _ in range(4000))
    assert asked[1] / asked[0] == pytest.approx(1 / 10, abs=0.04)


def test_a_history_with_more_islands_is_folded_onto_fewer() -> None:
    search = islands(islands=2)
    search.tell(valid(0, 0, 1.0, 0))
    assert search.tell(valid(1, 5, 2.0, 1)) == (Placement.NEW, "i1:1")


def test_status_counts_islands_and_cells() -> None:
    search = islands()
    search.tell(valid(0, 0, 1.0, 0))
    search.tell(valid(1, 2, 1.0, 4))
    search.tell(Scored(2, 1, (0,), "test", Outcome.TIMED_OUT))
    expected = {"valid": 2, "failed": 1, "front": 1, "islands": 3, "cells": 4, "cells_fullest": 2}
    assert search.status() == expected


@pytest.mark.parametrize(
    "setting, value",
    [("islands", 0), ("migration_interval", 0), ("migrants", -1), ("inspirations", -1), ("top_inspirations", -1)],
)
def test_impossible_settings_are_refused_by_name(setting: str, value: int) -> None:
    with pytest.raises(ConfigurationError, match=f"search.{setting} "):
        islands(**{setting: value})


def test_an_island_forgets_the_children_of_displaced_elites() -> None:
    island = Island(FEATURES, RankedParents(exploit=0.5, top=1.0))
    for step in range(500):
        island.place(valid(step, 0, float(step), step % 3))
        island.count_child(step)
    assert len(island) == 3
    assert len(island._children) <= 2 * len(island)
    assert {elite.step for elite in island.ranked()} == {497, 498, 499}
