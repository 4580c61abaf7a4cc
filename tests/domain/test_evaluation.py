from __future__ import annotations

import pytest

from evolve.domain.evaluation import Outcome, Scored, missing_metrics
from evolve.domain.objective import Constraint, Direction, Feature, Objective

OBJECTIVES = (Objective("excess", Direction.MINIMIZE),)
CONSTRAINTS = (Constraint("seconds", at_most=2.0),)
FEATURES = (Feature("program_lines", 0, 10, 5),)


@pytest.mark.parametrize("outcome", list(Outcome))
def test_only_valid_programs_are_valid(outcome: Outcome) -> None:
    scored = Scored(step=1, island=0, parents=(), operator="syntax", outcome=outcome)
    assert scored.valid is (outcome is Outcome.VALID)


def test_complete_metrics_miss_nothing_and_may_hold_more() -> None:
    assert missing_metrics({"excess": 0.1, "program_lines": 3.0, "bins": float("nan")}, OBJECTIVES, FEATURES) == ""


@pytest.mark.parametrize(
    ("metrics", "words"),
    [
        ({"program_lines": 3.0, "exces": 0.1}, ["no 'excess'", "objective", "exces"]),
        ({"excess": 0.1}, ["no 'program_lines'", "feature"]),
        ({"excess": float("nan"), "program_lines": 3.0}, ["objective 'excess' is nan"]),
        ({"excess": 0.1, "program_lines": float("inf")}, ["feature 'program_lines' is inf"]),
        ({"excess": 0.1, "program_lines": 3.0}, ["no 'seconds'", "declared as constraint"]),
        ({"excess": 0.1, "program_lines": 3.0, "seconds": float("nan")}, ["constraint 'seconds' is nan"]),
    ],
)
def test_what_is_missing_is_named_with_what_was_reported(metrics: dict[str, float], words: list[str]) -> None:
    message = missing_metrics(metrics, OBJECTIVES, FEATURES, CONSTRAINTS)
    assert all(word in message for word in words), message
