"""Selection earns its keep: simulated runs on small landscapes, with fixed seeds and ample margins."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from evolve.domain.evaluation import Outcome, Scored
from evolve.domain.objective import Feature
from evolve.interfaces import Search
from evolve.search.allocation import EvenAllocation
from evolve.search.controls import BestOfN, Greedy, RandomWalk
from evolve.search.grid import GridArchive
from evolve.search.inspirations import Inspired
from evolve.search.islands import IslandSearch
from evolve.search.parents import ParentRule, RankedParents, WeightedParents
from evolve.search.topology import Migration

Point = NDArray[np.float64]
FEATURES = (Feature("x0", 0, 1, 10), Feature("x1", 0, 1, 4))
DIMENSIONS = 5
REACH = 0.15
SEEDS = range(7)


def islands(parents: ParentRule, number: int = 2) -> IslandSearch:
    return IslandSearch(
        features=FEATURES,
        archive=GridArchive,
        parents=parents,
        showing=Inspired(count=3, top=1),
        islands=number,
        allocation=EvenAllocation(),
        migration=Migration(topology="ring", interval=25, migrants=1),
        renewal=[],
        relief=[],
    )


def ranked() -> IslandSearch:
    return islands(RankedParents(exploit=0.7, top=3.0))


def weighted() -> IslandSearch:
    return islands(WeightedParents(sharpness=3.0))


def hill(point: Point) -> float:
    """One peak of height 0 at (0.7, ..., 0.7)."""
    return -float(((point - 0.7) ** 2).sum())


def ridge_behind_a_plain(point: Point) -> float:
    """A peak of height 1 at x0 = 0.2, a plain of height 0, and a peak of height 3 at x0 = 0.8."""
    x0 = point[0]
    return float(max(1 - 8 * abs(x0 - 0.2), 3 - 12 * abs(x0 - 0.8), 0.0))


def simulate(search: Search, height: Callable[[Point], float], steps: int, seed: int) -> float:
    """Return the best height after ``steps`` attempts that each move every coordinate by up to ``REACH``."""
    world = np.random.default_rng(seed)
    points = {0: np.full(DIMENSIONS, 0.2)}

    def scored(step: int, island: int, parents: tuple[int, ...]) -> Scored:
        point = points[step]
        features = float(point[0]), float(point[1])
        return Scored(step, island, parents, "move", Outcome.VALID, (height(point),), features)

    search.tell(scored(0, 0, ()))
    for step in range(1, steps):
        choice = search.ask(world)
        move = world.uniform(-REACH, REACH, size=DIMENSIONS)
        points[step] = np.clip(points[choice.parent] + move, 0, 1)
        search.tell(scored(step, choice.island, (choice.parent,)))
    best = search.best()
    assert best is not None
    return best.gains[0]


def results(make: Callable[[], Search], height: Callable[[Point], float], steps: int) -> list[float]:
    return [simulate(make(), height, steps, seed) for seed in SEEDS]


def test_every_selecting_search_beats_the_unselective_ones_on_a_hill_with_every_seed() -> None:
    unselective = [
        *results(lambda: RandomWalk(features=FEATURES), hill, 300),
        *results(lambda: BestOfN(features=FEATURES), hill, 300),
    ]
    for make in (ranked, weighted, lambda: Greedy(features=FEATURES)):
        assert min(results(make, hill, 300)) > 0.5 * max(unselective)


def test_islands_cross_a_plain_that_stops_hill_climbing() -> None:
    stuck = results(lambda: Greedy(features=FEATURES), ridge_behind_a_plain, 1200)
    assert max(stuck) <= 1.0
    for make in (ranked, weighted):
        crossed = [best > 2.0 for best in results(make, ridge_behind_a_plain, 1200)]
        assert sum(crossed) >= 5
