"""A trap: each lever has a broad hill of height 1 near the start, and behind a valley one of height 3.

No single change of a constant crosses the valley; a lineage that is kept although it pays less
does, and what two programs have found on different levers adds up.
"""

from __future__ import annotations

import math
from typing import Any

from evaluators import Candidate, Score, invalid

PEAKS = (1.3, 1.2, 1.4, 1.1)
FAR = 3.1
"""The higher hill stands at this multiple of the lower one."""


def pays(lever: float, peak: float) -> float:
    """Return 1 at the lower peak, 0.4 in the valley, 3 at the higher peak, less than 0.4 far away."""
    place = math.log(max(lever, 1e-9) / peak) / math.log(FAR)  # 0 and 1 are the peaks
    near = math.exp(-((place / 0.35) ** 2))
    far = 2.6 * math.exp(-(((place - 1.0) / 0.2) ** 2))
    beyond = 0.4 / (1.0 + max(abs(place - 0.5) - 1.0, 0.0))
    return beyond + 0.6 * near + far


def evaluate(candidate: Candidate, stage: str, params: dict[str, Any]) -> Score:
    """Add up what the levers pay."""
    answer = candidate.call("levers")
    if not isinstance(answer, list) or len(answer) != len(PEAKS):
        return invalid(f"levers must return a list of {len(PEAKS)} numbers.")
    if not all(isinstance(lever, int | float) and math.isfinite(lever) for lever in answer):
        return invalid("Every lever must be a finite number.")
    paid = [pays(float(lever), peak) for lever, peak in zip(answer, PEAKS, strict=True)]
    return Score(
        metrics={
            "value": sum(paid) / len(paid),
            "first_pair": (answer[0] + answer[1]) / 2,
            "second_pair": (answer[2] + answer[3]) / 2,
        },
        feedback=f"Levers at {', '.join(f'{float(lever):.3g}' for lever in answer)}.",
        per_instance={f"lever_{index}": value for index, value in enumerate(paid)},
    )
