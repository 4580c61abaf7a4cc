"""Judge of the second autocorrelation inequality: a lower bound, rounded down.

f has k equal steps of width 1 and heights a (the quotient does not depend on the width). f*f is linear
between whole numbers, where its values are y = (0, a*a, 0), because it is a sum of hats with their corners
there. So, exactly: ||f*f||_inf = max y; ||f*f||_1 = (sum a)^2 as f >= 0; and ||f*f||_2^2 is the sum
of (y^2 + y z + z^2) / 3 over neighbours y, z (the integral of the square of a linear function).
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
    scaled = scaled_to_one(heights)
    values, errors = convolution(scaled, scaled)
    low = np.concatenate([[0.0], np.maximum(values - errors, 0.0), [0.0]])
    squares = math.fsum((low[:-1] ** 2 + low[:-1] * low[1:] + low[1:] ** 2) / 3)
    top = float((values + errors).max())
    whole = math.fsum(scaled) * (1 + STEP)
    bound = squares / whole**2 / top * (1 - 16 * STEP)
    slack = 4 * float(errors.max()) / top + 32 * STEP
    at = int(values.argmax())
    high, wide = values >= 0.99 * top, values >= 0.01 * top
    metrics = {"bound": bound, "log_steps": math.log10(len(heights)), "slack": slack}
    feedback = (
        f"Valid. bound {bound!r} (rounding subtracted: at most {slack:.2g}) with {len(heights)} steps, "
        f"{int((heights > 0).sum())} above 0. f*f is greatest {100 * (at + 1) / (len(values) + 1):.1f} % along. "
        f"It exceeds 1 % of the maximum on {100 * wide.mean():.1f} % of its length, "
        f"99 % of it on {100 * high.mean():.1f} %. The best f*f are flat with steep edges."
    )
    rows = "".join(f"{height!r}\n" for height in heights.tolist())
    return Score(metrics=metrics, feedback=feedback, artifacts={"heights.csv": rows})
