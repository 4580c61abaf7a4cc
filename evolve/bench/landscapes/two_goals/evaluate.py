"""A trade-off with a known front, error = 1 - sqrt(cost), after ZDT1 (Zitzler, Deb and Thiele 2000)."""

from __future__ import annotations

import math
from typing import Any

from evaluators import Candidate, Score, invalid

BEST = (0.3, 0.6, 0.2, 0.8, 0.45)


def goals(design: list[float]) -> tuple[float, float]:
    """Return cost and error."""
    cost, *rest = (min(max(number, 0.0), 1.0) for number in design)
    waste = 1.0 + 3.0 * sum(abs(number - best) for number, best in zip(rest, BEST, strict=True)) / len(BEST)
    return cost, waste * (1.0 - math.sqrt(cost / waste))


def evaluate(candidate: Candidate, stage: str, params: dict[str, Any]) -> Score:
    """Score one design."""
    answer = candidate.call("design")
    if not isinstance(answer, list) or len(answer) != 1 + len(BEST):
        return invalid(f"design must return a list of {1 + len(BEST)} numbers.")
    if not all(isinstance(number, int | float) and math.isfinite(number) for number in answer):
        return invalid("Every number must be finite.")
    cost, error = goals([float(number) for number in answer])
    return Score(metrics={"cost": cost, "error": error})
