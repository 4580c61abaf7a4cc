"""What is said where a find does not hold on sealed instances."""

from __future__ import annotations

import pytest

from evolve.account.carried_over import shortfall
from evolve.domain.objective import Direction, Objective

COST = Objective("cost", Direction.MINIMIZE)
SPEED = Objective("speed", Direction.MAXIMIZE)


def test_a_champion_worse_than_the_seed_is_named_with_both_values() -> None:
    told = shortfall([COST], {"cost": 1.53}, {"cost": 0.95})
    assert "did not carry over" in told and "cost 1.53 (seed 0.95)" in told


@pytest.mark.parametrize(
    ("best", "seed"),
    [
        ({"cost": 0.9, "speed": 1.0}, {"cost": 0.95, "speed": 1.0}),
        ({"cost": 0.95, "speed": 1.0}, {"cost": 0.95, "speed": 1.0}),
        ({"cost": 2.0, "speed": 3.0}, {"cost": 0.95, "speed": 1.0}),  # another trade-off
        ({"cost": 2.0}, {"cost": 0.95, "speed": 1.0}),  # not judged to the end
        ({}, {}),
    ],
)
def test_nothing_is_said_of_others(best: dict[str, float], seed: dict[str, float]) -> None:
    assert shortfall([COST, SPEED], best, seed) == ""


def test_a_difference_within_the_doubt_is_none() -> None:
    assert shortfall([COST], {"cost": 1.0}, {"cost": 0.95}, {"cost": 0.1}) == ""
    assert shortfall([COST], {"cost": 1.1}, {"cost": 0.95}, {"cost": 0.1})
