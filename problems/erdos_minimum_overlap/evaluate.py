"""Judge of Erdos' minimum overlap problem: an upper bound for the rescaled function, rounded up.

h has k equal steps of width w = 2/k. The overlap, the integral of h(x) (1 - h(x + t)), is linear in t between
multiples of w (a sum of hats with their corners there), so its maximum lies at one of them, where it
is w times an entry of the cross-correlation of h and 1 - h, both 0 outside [0, 2].

A sum of doubles is rarely exactly k/2, so the scored function is not h but the h' with the exact sum:
h (k/2) / sum(h), or the same done to 1 - h if h sums to less. Both stay in [0, 1]. h' is computed in
doubles, each value within 4 u of the true one (u = 2**-53), which changes an overlap by at most
w * k * 8 u = 16 u; the bound adds it.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np

from evaluators import Candidate, Score, invalid
from evaluators.constructions import Floats, array_fault, convolution

MOST_STEPS = 32768
ALLOWED = 1e-11
ROUNDING = 32 * 2.0**-53


def evaluate(candidate: Candidate, stage: str, params: dict[str, Any]) -> Score:
    """Score one step function."""
    answer = candidate.call("heights")
    problem = array_fault(answer, "heights()", (None,))
    if problem:
        return invalid(problem)
    heights = answer.astype(np.float64)
    problem = misfit(heights)
    return invalid(problem) if problem else _score(heights)


def misfit(heights: Floats) -> str:
    """Return what breaks a rule, in words, or an empty string."""
    steps = len(heights)
    if steps > MOST_STEPS:
        return f"heights() returned {steps} steps; at most {MOST_STEPS} are allowed."
    outside = np.flatnonzero((heights < 0) | (heights > 1))
    if len(outside):
        return f"Step {outside[0]} has the height {float(heights[outside[0]])!r}; all must lie in [0, 1]."
    off = excess(heights)
    if abs(off) > ALLOWED:
        return (
            f"The heights sum to {math.fsum(heights)!r}, but must sum to k/2 = {steps / 2} within {ALLOWED:g} of it; "
            f"they are off by {off:.3g} of it. The statement says how to rescale."
        )
    return ""


def excess(heights: Floats) -> float:
    """Return by which share the sum exceeds k/2 (exact until the last rounding)."""
    return float(sum(map(Fraction, heights.tolist())) / Fraction(len(heights), 2) - 1)


def rescaled(heights: Floats) -> Floats:
    """Return the heights with the right sum."""
    steps, total = len(heights), math.fsum(heights)
    if 2 * total >= steps:
        return heights * (steps / 2 / total)
    lowered: Floats = 1 - (1 - heights) * (steps / 2 / math.fsum(1 - heights))
    return lowered


def _score(heights: Floats) -> Score:
    steps = len(heights)
    scored = np.clip(rescaled(heights), 0.0, 1.0)
    values, errors = convolution(scored, (1 - scored)[::-1])
    bound = 2 / steps * float((values + errors).max()) + ROUNDING
    slack = 2 / steps * float(errors.max()) + ROUNDING
    high = values >= values.max() * (1 - 1e-3)
    shift = 2 / steps * (int(values.argmax()) - (steps - 1))
    metrics = {"bound": bound, "log_steps": math.log10(steps), "slack": slack}
    feedback = (
        f"Valid. bound {bound!r} (rounding added: {slack:.2g}; sum off by {excess(heights):.2g}, allowed {ALLOWED:g}) "
        f"with {steps} steps, {int((heights <= 0).sum())} at 0 and {int((heights >= 1).sum())} at 1. The overlap is "
        f"greatest at shift {-shift:.4f} and within 0.1 % of that on {100 * high.mean():.1f} % of all shifts. "
        "The best functions keep it flat over a wide range."
    )
    rows = "".join(f"{height!r}\n" for height in heights.tolist())
    return Score(metrics=metrics, feedback=feedback, artifacts={"heights.csv": rows})
