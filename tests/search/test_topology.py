from __future__ import annotations

from collections import Counter

import pytest

from evolve.errors import ConfigurationError
from evolve.search.lots import lot
from evolve.search.topology import Migration, TopologyName


def routes(topology: TopologyName, islands: int, valid: int = 10) -> list[list[int]]:
    migration = Migration(topology=topology, interval=10, migrants=1)
    return [list(migration.targets(island, islands, valid)) for island in range(islands)]


def test_the_fixed_topologies_send_where_their_names_say() -> None:
    assert routes("ring", 4) == [[1], [2], [3], [0]]
    assert routes("full", 3) == [[1, 2], [0, 2], [0, 1]]
    assert routes("star", 4) == [[1, 2, 3], [0], [0], [0]]


@pytest.mark.parametrize("topology", ["ring", "full", "star", "random"])
def test_a_single_island_sends_to_nobody(topology: TopologyName) -> None:
    assert routes(topology, 1) == [[]]


def test_random_targets_are_others_change_and_repeat() -> None:
    seen: Counter[tuple[int, int]] = Counter()
    for migration in range(400):
        drawn = routes("random", 5, valid=10 * migration)
        assert drawn == routes("random", 5, valid=10 * migration)
        for island, targets in enumerate(drawn):
            assert len(targets) == 1 and targets[0] != island
            seen[island, targets[0]] += 1
    assert len(seen) == 20
    assert min(seen.values()) > 60


def test_migration_comes_every_interval_unless_nobody_travels() -> None:
    due = [valid for valid in range(1, 31) if Migration(topology="ring", interval=10, migrants=2).due(valid)]
    assert due == [10, 20, 30]
    assert not Migration(topology="ring", interval=10, migrants=0).due(10)


@pytest.mark.parametrize("interval, migrants", [(0, 1), (1, -1)])
def test_impossible_settings_are_refused(interval: int, migrants: int) -> None:
    with pytest.raises(ConfigurationError, match="expected at least"):
        Migration(topology="ring", interval=interval, migrants=migrants)


def test_lots_are_even_and_follow_from_their_counters() -> None:
    drawn = Counter(lot(4, first, second) for first in range(100) for second in range(40))
    assert set(drawn) == set(range(4))
    assert min(drawn.values()) > 900
    assert lot(1000, 1, 23) == lot(1000, 1, 23) != lot(1000, 12, 3)
