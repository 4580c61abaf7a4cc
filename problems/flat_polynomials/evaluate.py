"""Judge of flat polynomials: a bound from above on the maximum over the circle.

The trigonometric polynomial |p|^2 has the degree d = n - 1. Between N equally spaced points, N > 2 d, it is
at most 1 / cos(pi d / N) times its maximum at them (Ehlich and Zeller, 1964). With N = 2^17 and d = 69
the root of that factor is below 1 + 7e-7.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from evaluators import Candidate, Score, invalid
from evaluators.constructions import array_fault, whole_number

POINTS = 2**17
MOST = 1000


def evaluate(candidate: Candidate, stage: str, params: dict[str, Any]) -> Score:
    """Score one sequence of signs."""
    n = whole_number(params, "n", 1, MOST)
    answer = candidate.call("signs", n=n)
    problem = array_fault(answer, f"signs(n={n})", (n,), kinds="i")
    if problem:
        return invalid(problem)
    wrong = np.flatnonzero(np.abs(answer.astype(np.int64)) != 1)
    if len(wrong):
        return invalid(f"Entry {wrong[0]} is {int(answer[wrong[0]])}; all must be 1 or -1.")
    signs = answer.astype(np.int64)
    size = np.abs(np.fft.rfft(signs, POINTS))
    # The transform of N entries, n of them +-1, is within 10 * 2**-53 * log2(N) * n < 2e-14 n of the truth.
    between = 1 / math.sqrt(math.cos(math.pi * (n - 1) / POINTS))
    flatness = (float(size.max()) + 1e-12 * n) * between / math.sqrt(n)
    changes = float((signs[1:] != signs[:-1]).mean()) if n > 1 else 0.0
    metrics = {"flatness": flatness, "changes": changes, "slack": flatness - float(size.max()) / math.sqrt(n)}
    flat = float((size > 0.99 * size.max()).mean())
    ends = abs(int(signs.sum())), abs(int(signs[::2].sum() - signs[1::2].sum()))
    feedback = (
        f"Valid. flatness {flatness!r} (slack {metrics['slack']:.2g} for what lies between {POINTS} points). |p| is "
        f"greatest at {360 * int(size.argmax()) / POINTS:.3f} degrees and within 1 % of that at {flat:.2%} of all; "
        f"at 1 it is {ends[0]}, at -1 {ends[1]}."
    )
    text = "".join("+" if sign > 0 else "-" for sign in signs.tolist()) + "\n"
    return Score(metrics=metrics, feedback=feedback, artifacts={"signs.txt": text})
