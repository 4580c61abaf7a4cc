"""Judge of the third autocorrelation inequality: an upper bound, rounded up.

f has k equal steps of width w = 1/(2k) and heights a, of any sign. f*f is linear between the
multiples of w, as it is a sum of hats with their corners there. So its maximum is w max(a*a), unless
that is negative, which it cannot be: the integral of f*f is (integral f)^2 > 0.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from evaluators import Candidate, Score, invalid
from evaluators.constructions import Floats, array_fault, convolution, scaled_to_one

MOST_STEPS = 32768
STEP = 2.0**-52  # more than the relative error of one rounding
LEAST_SHARE = 1e-3  # of |sum a| in sum |a|: below, the bound is hopeless and its rounding error large


def evaluate(candidate: Candidate, stage: str, params: dict[str, Any]) -> Score:
    """Score one step function."""
    answer = candidate.call("heights")
    problem = array_fault(answer, "heights()", (None,)) or misfit(answer)
    return invalid(problem) if problem else _score(answer.astype(np.float64))


def misfit(heights: Floats) -> str:
    """Return what breaks a rule, in words, or an empty string."""
    if len(heights) > MOST_STEPS:
        return f"heights() returned {len(heights)} steps; at most {MOST_STEPS} are allowed."
    size = math.fsum(np.abs(heights.astype(np.float64)))
    whole = math.fsum(heights)
    if abs(whole) <= LEAST_SHARE * size:
        return f"The heights sum to {whole:.3g}, their sizes to {size:.3g}: the integral of f must not (nearly) vanish."
    return ""


def _score(heights: Floats) -> Score:
    steps = len(heights)
    scaled = scaled_to_one(heights)
    values, errors = convolution(scaled, scaled)
    total = abs(math.fsum(scaled)) * (1 - STEP)
    top, bottom = int(values.argmax()), int(values.argmin())
    bound = 2 * steps * float((values + errors).max()) / total**2 * (1 + 8 * STEP)
    slack = 2 * steps * float(errors.max()) / total**2 + 16 * STEP * bound
    high = values >= values[top] * (1 - 1e-3)
    metrics = {"bound": bound, "log_steps": math.log10(steps), "slack": slack}
    shifts = (np.arange(len(values)) + 1) / (2 * steps) - 0.5
    feedback = (
        f"Valid. bound {bound!r} (rounding added: {slack:.2g}) with {steps} steps, {int((heights < 0).sum())} below 0. "
        f"f*f on [-1/2, 1/2] is greatest at t = {shifts[top]:.4f} and within 0.1 % of that on "
        f"{100 * high.mean():.1f} % of its length; "
        f"its least value is {2 * steps * values[bottom] / total**2:.4f} in the same units, at {shifts[bottom]:.4f}."
    )
    rows = "".join(f"{height!r}\n" for height in heights.tolist())
    return Score(metrics=metrics, feedback=feedback, artifacts={"heights.csv": rows})
