"""What a judge returns."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

LONGEST_NAME = 200
"""Characters of the name of a metric or instance: databases look them up."""


@dataclass(frozen=True)
class Score:
    """The judge's verdict on one stage.

    Args:
        metrics: name -> number. Every objective and feature of problem.yaml must be among them
            (``program_lines``, ``program_bytes`` and other numbers of a program's text are added by the
            host), and so must the metrics of its constraints. Booleans and values
            that are not finite make the evaluation INVALID.
        valid: False when the answer breaks a rule of the problem; ``feedback`` should say which.
        feedback: words for the author of the next program.
        artifacts: named results to keep and to show: text, or bytes (PNG pictures).
        per_instance: instance name -> its own score, better in the direction of the first objective.
    """

    metrics: Mapping[str, float] = field(default_factory=dict)
    valid: bool = True
    feedback: str = ""
    artifacts: Mapping[str, str | bytes] = field(default_factory=dict)
    per_instance: Mapping[str, float] = field(default_factory=dict)


def invalid(feedback: str) -> Score:
    """Return the verdict on an answer that breaks a rule of the problem."""
    return Score(valid=False, feedback=feedback)


class NotAScore(Exception):
    """A judge gave something that cannot be a verdict; the message says what."""


def finite_numbers(values: Mapping[str, Any], what: str) -> dict[str, float]:
    """Return the values as finite floats. Raises NotAScore naming the first that is none, or has too long a name."""
    numbers: dict[str, float] = {}
    for name, value in values.items():
        if len(str(name)) > LONGEST_NAME:
            raise NotAScore(f"A {what} has a name of {len(str(name))} characters, expected at most {LONGEST_NAME}.")
        if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.integer | np.floating):
            raise NotAScore(f"The {what} {name!r} is {value!r:.100}, not a number.")
        numbers[str(name)] = _float(value)
        if not math.isfinite(numbers[str(name)]):
            raise NotAScore(f"The {what} {name!r} is {value!r:.100}, not a finite number.")
    return numbers


def _float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf
