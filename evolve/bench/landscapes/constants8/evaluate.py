"""A smooth bowl in eight dimensions, round at the bottom, straight far from it, along axes that are no control's own.

Along the steepest axis it rises ten times as fast as along the flattest: the curvatures at the bottom differ by a
factor of 100, so that whoever moves one number at a time crawls.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from evaluators import Candidate, Score, invalid

BEST = np.array([2.0, 0.7, 3.1, 1.4, 0.9, 2.4, 0.5, 1.8])
AXES = np.linalg.qr(np.random.default_rng(3).standard_normal((len(BEST), len(BEST))))[0]
STEEPNESS = np.logspace(0.0, 1.0, len(BEST))


def loss(levels: list[float]) -> float:
    """Return how far off the levels are: the mean over axes of sqrt(1 + distance^2) - 1."""
    off = STEEPNESS * (AXES @ np.clip(np.array(levels) - BEST, -1e6, 1e6))
    return float(np.mean(off**2 / (np.sqrt(1.0 + off**2) + 1.0)))


def evaluate(candidate: Candidate, stage: str, params: dict[str, Any]) -> Score:
    """Score one setting."""
    answer = candidate.call("levels")
    if not isinstance(answer, list) or len(answer) != len(BEST):
        return invalid(f"levels must return a list of {len(BEST)} numbers.")
    if not all(isinstance(level, int | float) and math.isfinite(level) for level in answer):
        return invalid("Every level must be a finite number.")
    levels = [float(level) for level in answer]
    return Score(metrics={"loss": loss(levels), "first": levels[0], "last": levels[-1]})
