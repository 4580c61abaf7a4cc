"""A smooth hill of height 3 under noise that the judge draws anew each time; the sealed stage has none."""

from __future__ import annotations

import math
import os
from typing import Any

import numpy as np

from evaluators import Candidate, Score, invalid

BEST = (2.0, 0.7, 3.1, 1.4, 0.9, 2.4)


def true_value(settings: list[float]) -> float:
    """Return the mean score: 3 at the top, less by the mean squared logarithm of how far off each is."""
    off = [math.log(max(setting, 1e-6) / best) for setting, best in zip(settings, BEST, strict=True)]
    return 3.0 - 4.0 * sum(min(x * x, 25.0) for x in off) / len(off)


def evaluate(candidate: Candidate, stage: str, params: dict[str, Any]) -> Score:
    """Score the settings once."""
    answer = candidate.call("settings")
    if not isinstance(answer, list) or len(answer) != len(BEST):
        return invalid(f"settings must return a list of {len(BEST)} numbers.")
    if not all(isinstance(setting, int | float) and math.isfinite(setting) for setting in answer):
        return invalid("Every setting must be a finite number.")
    value = true_value([float(setting) for setting in answer])
    if stage != "sealed":
        noise = np.random.default_rng(int.from_bytes(os.urandom(8), "little"))
        value += params["sd"] * float(noise.standard_normal())
    return Score(metrics={"value": value, "first": float(answer[0]), "last": float(answer[-1])})
