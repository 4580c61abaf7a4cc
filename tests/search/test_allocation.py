from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from evolve.domain.evaluation import Outcome, Scored
from evolve.errors import ConfigurationError
from evolve.search.allocation import EvenAllocation, UcbAllocation


def ucb(islands: int, **changes: Any) -> UcbAllocation:
    settings: dict[str, Any] = {"exploration": 0.5, "temperature": 0.2, "half_life": 50.0, "usd_per_second": None}
    allocation = UcbAllocation(**{**settings, **changes})
    for island in range(islands):
        allocation.found(island)
    return allocation


def attempt(cost_usd: float = 0.0, seconds: float = 0.0) -> Scored:
    return Scored(1, 0, (), "test", Outcome.INVALID, cost_usd=cost_usd, seconds=seconds)


def test_even_allocation_draws_every_island_that_was_founded() -> None:
    allocation = EvenAllocation()
    for island in (0, 1, 2, 1):
        allocation.found(island)
    rng = np.random.default_rng(0)
    drawn = Counter(allocation.draw(rng) for _ in range(3000))
    assert [drawn[island] / 3000 for island in range(3)] == pytest.approx([1 / 3] * 3, abs=0.04)


def test_before_anything_is_known_islands_are_alike() -> None:
    assert ucb(3).chances() == pytest.approx([1 / 3] * 3)


def test_the_island_that_improves_gets_most_and_no_island_nothing() -> None:
    allocation = ucb(3)
    for _ in range(40):
        for island in range(3):
            allocation.observe(island, 0.1 * (island == 1), attempt())
    chances = allocation.chances()
    assert chances[1] > 0.8
    assert chances.min() > 0.001
    rng = np.random.default_rng(0)
    drawn = Counter(allocation.draw(rng) for _ in range(4000))
    assert [drawn[island] / 4000 for island in range(3)] == pytest.approx(list(chances), abs=0.03)


def test_an_island_hardly_tried_is_preferred_where_nobody_improves() -> None:
    allocation = ucb(2)
    for _ in range(30):
        allocation.observe(0, 0.0, attempt())
    assert allocation.chances()[1] > 0.9


def test_what_was_improved_long_ago_counts_for_little() -> None:
    allocation = ucb(2, half_life=10.0)
    for _ in range(20):
        allocation.observe(0, 0.2, attempt())
    for _ in range(100):
        allocation.observe(0, 0.0, attempt())
        allocation.observe(1, 0.01, attempt())
    assert allocation.chances()[1] > 0.9


def test_equal_improvement_at_a_tenth_of_the_price_is_worth_more() -> None:
    allocation = ucb(2, usd_per_second=0.01)
    for _ in range(30):
        allocation.observe(0, 0.1, attempt(cost_usd=0.1))
        allocation.observe(1, 0.1, attempt(seconds=1.0))
    assert allocation.chances()[1] > 0.9


def test_an_island_that_begins_anew_is_hardly_tried_again() -> None:
    allocation = ucb(2)
    for _ in range(30):
        allocation.observe(0, 0.0, attempt())
        allocation.observe(1, 0.0, attempt())
    assert allocation.chances() == pytest.approx([0.5, 0.5], abs=0.02)
    allocation.found(1)
    assert allocation.chances()[1] > 0.9


def test_sums_stay_finite_and_right_over_long_runs() -> None:
    allocation, short = ucb(2, half_life=0.5), ucb(2, half_life=0.5)
    for number in range(2000):
        allocation.observe(number % 2, 0.1, attempt())
    for number in range(200):
        short.observe(number % 2, 0.1, attempt())
    assert allocation.chances() == pytest.approx(short.chances())


@pytest.mark.parametrize(
    "setting, value", [("exploration", -1.0), ("temperature", 0.0), ("half_life", 0.0), ("usd_per_second", -0.1)]
)
def test_impossible_settings_are_refused_by_name(setting: str, value: float) -> None:
    with pytest.raises(ConfigurationError, match=setting):
        ucb(1, **{setting: value})
