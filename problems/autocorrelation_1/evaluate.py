"""Judge of the first autocorrelation inequality: an upper bound, rounded up.

f has k equal steps of width w = 1/(2k) and heights a. f*f is linear between the multiples of w, as
it is a sum of convolutions of two steps, which are hats of width 2w with their corners at such
multiples. So its maximum lies at one of them, where f*f = w (a*a)_j. With integral f = w sum(a):
max f*f / (integral f)^2 = 2k max(a*a) / sum(a)^2.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from evaluators import Candidate, Score, invalid
from evaluators.constructions import Floats, array_fault, convolution, scaled_to_one

MOST_STEPS = 32768
STEP = 2.0**-52  # more than the relative error of one rounding


def evaluate(candidate: Candidate, stage: str, params: dict[str, Any]) -> Score:
    """Score one step function."""
    answer = candidate.call("heights")
    problem = array_fault(answer, "heights()", (None,)) or misfit(answer)
    return invalid(problem) if problem else _score(answer.astype(np.float64))


def misfit(heights: Floats) -> str:
    """Return what breaks a rule, in words, or an empty string."""
    if len(heights) > MOST_STEPS:
        return f"heights() returned {len(heights)} steps; at most {MOST_STEPS} are allowed."
    if heights.min() < 0:
        worst = int(heights.argmin())
        return f"Step {worst} has the negative height {float(heights[worst])!r}; f must be non-negative."
    return "" if heights.max() > 0 else "All heights are 0: the integral of f must be positive."


def _score(heights: Floats) -> Score:
    steps = len(heights)
    scaled = scaled_to_one(heights)
    values, errors = convolution(scaled, scaled)
    total = math.fsum(scaled) * (1 - STEP)
    top = int(values.argmax())
    bound = 2 * steps * float((values + errors).max()) / total**2 * (1 + 8 * STEP)
    slack = 2 * steps * float(errors.max()) / total**2 + 16 * STEP * bound
    high = values >= values[top] * (1 - 1e-3)
    metrics = {"bound": bound, "log_steps": math.log10(steps), "slack": slack}
    shifts = (np.arange(len(values)) + 1) / (2 * steps) - 0.5
    feedback = (
        f"Valid. bound {bound!r} (rounding added: {slack:.2g}) with {steps} steps, "
        f"{int((heights > 0).sum())} above 0. f*f on [-1/2, 1/2] is greatest at t = {shifts[top]:.4f}; within 0.1 % "
        f"of that on {100 * high.mean():.1f} % of its length, from t = {shifts[high.argmax()]:.4f}. "
        "The best functions keep f*f flat over a wide range."
    )
    rows = "".join(f"{height!r}\n" for height in heights.tolist())
    return Score(metrics=metrics, feedback=feedback, artifacts={"heights.csv": rows})
