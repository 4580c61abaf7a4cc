from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from evolve.domain.evaluation import Outcome, Scored
from evolve.domain.objective import Feature
from evolve.domain.proposal import Placement
from evolve.errors import ConfigurationError
from evolve.search.allocation import EvenAllocation
from evolve.search.grid import GridArchive
from evolve.search.inspirations import Contrast, Inspired
from evolve.search.island import Island
from evolve.search.islands import IslandSearch
from evolve.search.parents import LeaderParents, RankedParents, Ranking
from evolve.search.renewal import Spawn, WorseHalf
from evolve.search.stagnation import Ladder
from evolve.search.topology import Migration

FEATURES = (Feature("a", 0, 10, 10),)
NEVER = 10**9


def ring_every(interval: int) -> Migration:
    return Migration(topology="ring", interval=interval, migrants=1)


def islands(**changes: Any) -> IslandSearch:
    settings: dict[str, Any] = {
        "features": FEATURES,
        "archive": GridArchive,
        "parents": RankedParents(exploit=0.0, top=1.0),
        "showing": Inspired(count=20, top=1),
        "islands": 3,
        "allocation": EvenAllocation(),
        "migration": ring_every(NEVER),
        "renewal": [],
        "relief": [],
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
    search = islands(migration=ring_every(4))
    search.tell(valid(0, 0, 1.0, 0))
    search.tell(valid(1, 0, 5.0, 1))
    search.tell(valid(2, 0, 4.0, 2))
    assert members(search) == {0: {0, 1, 2}, 1: {0}, 2: {0}}
    search.tell(valid(3, 2, 9.0, 3))
    assert members(search) == {0: {0, 1, 2, 3}, 1: {0, 1}, 2: {0, 3}}


def test_failures_do_not_bring_migration_nearer() -> None:
    search = islands(migration=ring_every(3))
    search.tell(valid(0, 0, 1.0, 0))
    search.tell(valid(1, 0, 5.0, 1))
    for step in range(2, 12):
        search.tell(Scored(step, 0, (0,), "test", Outcome.CRASHED))
    assert members(search)[1] == {0}
    search.tell(valid(12, 0, 0.0, 0))
    assert members(search)[1] == {0, 1}


def test_a_migrant_that_meets_a_better_elite_gets_no_place() -> None:
    search = islands(islands=2, migration=ring_every(3))
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
    search = islands(islands=1, parents=rule, showing=Inspired(count=0, top=0))
    for step in range(4):
        search.tell(Scored(step, 0, (), "test", Outcome.VALID, (float(step),), (float(step),)))
    rng = np.random.default_rng(0)
    drawn = Counter(search.ask(rng).parent for _ in range(6000))
    expected = rule.chances(Ranking((), np.array([3.0, 2.0, 1.0, 0.0]), np.zeros(4), np.zeros(4)))
    assert [drawn[step] / 6000 for step in (3, 2, 1, 0)] == pytest.approx(list(expected), abs=0.03)


@pytest.mark.parametrize("outcome", [Outcome.VALID, Outcome.CRASHED])
def test_a_parent_becomes_less_likely_with_every_child_that_ended(outcome: Outcome) -> None:
    search = islands(islands=1)
    search.tell(Scored(0, 0, (), "seed", Outcome.VALID, (1.0,), (0.0,)))
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


def test_no_island_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="islands must be"):
        islands(islands=0)


def test_a_new_island_is_settled_by_the_best_and_asked() -> None:
    search = islands(islands=1, renewal=[Spawn(patience=3, most=2)])
    search.tell(valid(0, 0, 1.0, 0))
    search.tell(valid(1, 0, 5.0, 3))
    for step in range(2, 5):
        assert search.status()["islands"] == 1
        search.tell(valid(step, 0, 0.0, step))
    assert members(search) == {0: {0, 1, 2, 3, 4} - {3}, 1: {1}}


def test_what_is_told_of_an_island_that_began_anew_goes_to_the_new_one() -> None:
    search = islands(islands=2, renewal=[WorseHalf(every=4)])
    search.tell(valid(0, 0, 1.0, 0))
    search.tell(valid(1, 1, 2.0, 1))
    search.tell(valid(2, 0, 5.0, 2))
    search.tell(valid(3, 1, 2.0, 3))
    assert members(search) == {0: {0, 2}, 1: {2}}
    assert search.tell(valid(4, 1, 3.0, 1, parent=1)) == (Placement.NEW, "i1:1")
    assert members(search)[1] == {2, 4}


class Notebook(EvenAllocation):
    """Remembers what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[tuple[int, float]] = []

    def observe(self, island: int, improvement: float, scored: Scored) -> None:
        self.told.append((island, improvement))


def test_improvement_is_a_share_of_what_the_run_has_risen_above_the_seed() -> None:
    notebook = Notebook()
    search = islands(islands=2, allocation=notebook)
    search.tell(valid(0, 0, 1.0, 0))
    search.tell(valid(1, 0, 5.0, 0))
    search.tell(valid(2, 1, 2.0, 0))
    search.tell(valid(3, 0, 5.0, 1))
    search.tell(Scored(4, 1, (2,), "test", Outcome.CRASHED))
    assert notebook.told == [(0, 0.0), (0, 1.0), (1, 0.25), (0, 0.0), (1, 0.0)]


def test_wishes_and_earlier_records_come_with_stagnation() -> None:
    ladder = Ladder(reflect_after=2, shift_after=4, backtrack_after=6, share=1.0)
    search = islands(islands=1, parents=LeaderParents(), relief=[ladder])
    search.tell(valid(0, 0, 1.0, 0))
    search.tell(valid(1, 0, 5.0, 1))
    search.tell(valid(2, 0, 6.0, 2))
    seen = []
    for step in range(3, 11):
        choices = [search.ask(np.random.default_rng(draw)) for draw in range(30)]
        seen.append(({choice.wants for choice in choices}, {choice.parent for choice in choices}))
        search.tell(Scored(step, 0, (2,), "test", Outcome.INVALID))
    usual, reflect, shift = ({""}, {2}), ({"distill"}, {2}), ({"shift"}, {2})
    assert seen == [usual, usual, reflect, reflect, shift, shift, ({""}, {0, 1}), ({""}, {0, 1})]
    search.tell(valid(11, 0, 7.0, 2))
    assert {search.ask(np.random.default_rng(draw)).parent for draw in range(30)} == {11}


def filled(island: Island, told: int) -> Island:
    for step in range(told):
        island.count()
        scored = valid(step, 0, float(step), step % 3)
        placement, _ = island.place(scored)
        island.credit(scored, placement, 0.0)
    return island


def test_an_island_keeps_a_bounded_record() -> None:
    island = filled(
        Island(GridArchive(features=FEATURES), RankedParents(exploit=0.5, top=1.0), Inspired(count=1, top=1)), 500
    )
    assert len(island) == 3
    assert len(island._members) <= 2 * len(island) + 2
    assert {elite.step for elite in island.ranked()} == {497, 498, 499}


def test_the_leader_drifts_over_a_plateau_though_the_archive_keeps_the_first() -> None:
    island = Island(GridArchive(features=FEATURES), LeaderParents(), Inspired(count=1, top=1))
    for step, gain in enumerate([1.0, 5.0, 5.0, 4.0]):
        island.place(valid(step, 0, gain, 0))
    rng = np.random.default_rng(0)
    assert island.choose(rng) == (2, (1,))
    assert island.best is not None and island.best.step == 1


def test_a_child_fell_short_of_what_its_parent_was_thought_to_be() -> None:
    island = Island(GridArchive(features=FEATURES), LeaderParents(), Contrast(records=0, worse=2))
    island.place(valid(0, 0, 5.0, 0))
    for step in (1, 2):
        child = valid(step, 0, 4.0, 0)
        island.place(child)
        island.credit(child, Placement.NOT_PLACED, 0.0)
    rng = np.random.default_rng(0)
    assert island.choose(rng) == (0, (1, 2))
    island.correct(valid(0, 0, 4.5, 0))
    assert island.choose(rng) == (0, ())
