from __future__ import annotations

from dataclasses import asdict, fields, replace

import pytest

from evolve.controller.budget import Budget, InFlight, Spent
from evolve.errors import ConfigurationError
from tests.controller.controller_support import NO_LIMIT


def test_without_limits_nothing_is_ever_used_up() -> None:
    spent = Spent(*[10**9] * len(fields(Spent)))
    assert NO_LIMIT.exhausted(spent, InFlight(10, 10), asked=5) == ""
    assert NO_LIMIT.share_used(spent) == 0.0


def test_every_limit_is_of_something_that_is_counted() -> None:
    assert asdict(NO_LIMIT).keys() == asdict(Spent()).keys()


@pytest.mark.parametrize("name", [field.name for field in fields(Budget)])
def test_each_limit_is_reached_exactly(name: str) -> None:
    budget = replace(NO_LIMIT, **{name: 10})
    assert budget.exhausted(replace(Spent(), **{name: 9}), InFlight(), asked=3) == ""
    assert budget.exhausted(replace(Spent(), **{name: 10}), InFlight(), asked=3).startswith("budget of ")
    assert budget.doubled(replace(Spent(), **{name: 11})) == f"budget.{name}=22"


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_of_nothing_is_refused(limit: int) -> None:
    with pytest.raises(ConfigurationError, match=r"budget\.tokens"):
        replace(NO_LIMIT, tokens=limit)


def test_attempts_in_flight_count_as_evaluations() -> None:
    budget = replace(NO_LIMIT, evaluations=10)
    assert budget.exhausted(Spent(evaluations=7), InFlight(attempts=2), asked=0) == ""
    assert budget.exhausted(Spent(evaluations=7), InFlight(attempts=3), asked=0)


def test_attempts_in_flight_count_as_gpu_time_at_the_mean() -> None:
    budget = replace(NO_LIMIT, gpu_s=100.0)
    assert budget.exhausted(Spent(evaluations=4, gpu_s=40.0), InFlight(attempts=5), asked=0) == ""
    assert budget.exhausted(Spent(evaluations=4, gpu_s=40.0), InFlight(attempts=6), asked=0)


@pytest.mark.parametrize("name", ["cost_usd", "calls", "tokens"])
def test_attempts_that_ask_count_at_the_mean(name: str) -> None:
    budget, spent = replace(NO_LIMIT, **{name: 100}), replace(Spent(), **{name: 70})
    assert budget.exhausted(spent, InFlight(paying=2), asked=7) == ""
    assert budget.exhausted(spent, InFlight(paying=3), asked=7)


@pytest.mark.parametrize("name", ["cost_usd", "calls", "tokens"])
def test_while_nothing_is_known_one_attempt_goes_first(name: str) -> None:
    budget = replace(NO_LIMIT, **{name: 100})
    assert budget.exhausted(Spent(), InFlight(), asked=0) == ""
    assert budget.exhausted(Spent(), InFlight(paying=1), asked=0)
    assert NO_LIMIT.exhausted(Spent(), InFlight(paying=9), asked=0) == ""


def test_share_used_is_that_of_the_tightest_limit() -> None:
    budget = replace(NO_LIMIT, evaluations=100, wall_s=10.0)
    assert budget.share_used(Spent(evaluations=50, wall_s=1.0)) == 0.5
    assert budget.share_used(Spent(evaluations=500, wall_s=1.0)) == 1.0
