from __future__ import annotations

import pytest

from evolve.api.budget_words import limits_of, without_idle_clock
from evolve.errors import ConfigurationError


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("200 evaluations", {"evaluations": 200}),
        ("200 evaluations, 10 minutes, 2 USD", {"evaluations": 200, "wall_s": 600.0, "cost_usd": 2.0}),
        ("$0.50 and 1.5 hours", {"cost_usd": 0.5, "wall_s": 5400.0}),
        ("1,000,000 tokens; 10 calls", {"tokens": 1_000_000, "calls": 10}),
        ("1 evaluation,30s,1e3 proposals", {"evaluations": 1, "wall_s": 30.0, "proposals": 1000}),
        ("2 GPU hours, 3 model calls", {"gpu_s": 7200.0, "calls": 3}),
    ],
)
def test_what_people_say_becomes_limits(said: str, meant: dict[str, float]) -> None:
    assert limits_of(said) == meant


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("200 evalutions", "Did you mean 'evaluations'"),
        ("200", "has no unit ''"),
        ("ten minutes", "expected a number and a unit"),
        ("1.5 evaluations", "a whole number of evaluations"),
        ("1 minute, 30 seconds", "limits wall_s twice"),
        ("", "expected limits like"),
        ({"evalutions": 3}, "Did you mean 'evaluations'"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_what_could(said: str | dict[str, float], answer: str) -> None:
    with pytest.raises(ConfigurationError, match=answer):
        limits_of(said)


def test_the_default_time_is_lifted_only_where_another_limit_is_sure_to_end_the_run() -> None:
    assert without_idle_clock({"evaluations": 5}, asks_model=False) == {"wall_s": None, "evaluations": 5}
    assert without_idle_clock({"evaluations": 5, "wall_s": 9.0}, asks_model=False)["wall_s"] == 9.0
    assert without_idle_clock({"cost_usd": 2.0}, asks_model=False) == {"cost_usd": 2.0}
    assert without_idle_clock({"cost_usd": 2.0}, asks_model=True) == {"wall_s": None, "cost_usd": 2.0}
    assert without_idle_clock({"evaluations": None}, asks_model=True) == {"evaluations": None}
