from __future__ import annotations

import pytest

from evolve.controller.budget import Budget, InFlight, Spent

NO_LIMIT = Budget(evaluations=None, proposals=None, wall_s=None, cost_usd=None)


def test_without_limits_nothing_is_ever_used_up() -> None:
    spent = Spent(10**9, 10**9, 1e9, 1e9)
    assert NO_LIMIT.exhausted(spent, InFlight(10, 10), 5.0) == ""
    assert NO_LIMIT.share_used(spent) == 0.0


@pytest.mark.parametrize(
    ("budget", "within", "beyond"),
    [
        (Budget(evaluations=10, proposals=None, wall_s=None, cost_usd=None), Spent(0, 9), Spent(0, 10)),
        (Budget(evaluations=None, proposals=10, wall_s=None, cost_usd=None), Spent(9), Spent(10)),
        (Budget(evaluations=None, proposals=None, wall_s=2.0, cost_usd=None), Spent(0, 0, 0, 1.9), Spent(0, 0, 0, 2.0)),
        (Budget(evaluations=None, proposals=None, wall_s=None, cost_usd=1.0), Spent(0, 0, 0.99), Spent(0, 0, 1.0)),
    ],
)
def test_each_limit_is_reached_exactly(budget: Budget, within: Spent, beyond: Spent) -> None:
    assert budget.exhausted(within, InFlight(), 0.0) == ""
    assert "budget of" in budget.exhausted(beyond, InFlight(), 0.0)


def test_attempts_in_flight_count_as_evaluations() -> None:
    budget = Budget(evaluations=10, proposals=None, wall_s=None, cost_usd=None)
    assert budget.exhausted(Spent(evaluations=7), InFlight(attempts=2), 0.0) == ""
    assert budget.exhausted(Spent(evaluations=7), InFlight(attempts=3), 0.0)


def test_attempts_that_ask_count_at_the_mean_price() -> None:
    budget = Budget(evaluations=None, proposals=None, wall_s=None, cost_usd=1.0)
    assert budget.exhausted(Spent(cost_usd=0.7), InFlight(paying=2), 0.1) == ""
    assert budget.exhausted(Spent(cost_usd=0.7), InFlight(paying=3), 0.1)


def test_while_no_price_is_known_one_attempt_goes_first() -> None:
    budget = Budget(evaluations=None, proposals=None, wall_s=None, cost_usd=1.0)
    assert budget.exhausted(Spent(), InFlight(), None) == ""
    assert budget.exhausted(Spent(), InFlight(paying=1), None)
    assert NO_LIMIT.exhausted(Spent(), InFlight(paying=9), None) == ""


def test_share_used_is_that_of_the_tightest_limit() -> None:
    budget = Budget(evaluations=100, proposals=None, wall_s=10.0, cost_usd=None)
    assert budget.share_used(Spent(evaluations=50, elapsed_s=1.0)) == 0.5
    assert budget.share_used(Spent(evaluations=500, elapsed_s=1.0)) == 1.0
