"""Judge of a regression without noise; the sealed stage asks at other points."""

from __future__ import annotations

from typing import Any

import numpy as np

from evaluators import Candidate, Score, invalid

FLOOR = 1e-12  # 12 digits, about what sums of doubles allow


def truth(x: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Return the measurements."""
    return np.asarray(2.5 * np.sin(1.7 * x + 0.4) + 0.8 * x * z - 1.3 * z / (1.0 + 0.6 * z * z) + 0.35 * x * x)


def evaluate(candidate: Candidate, stage: str, params: dict[str, Any]) -> Score:
    """Compare predictions with measurements."""
    sealed = stage == "sealed"
    rng = np.random.default_rng([params["seed"], sealed])
    x, z = rng.uniform(-2.0, 2.0, (2, 500 if sealed else params["points"]))
    answer = candidate.call("predict", x, z)
    if not isinstance(answer, np.ndarray) or answer.shape != x.shape or answer.dtype.kind != "f":
        return invalid(f"predict must return an array of {len(x)} floats.")
    if not np.isfinite(answer).all():
        return invalid("A prediction is not finite.")
    wanted = truth(x, z)
    off = np.abs(answer - wanted) / wanted.std()
    digits = -np.log10(np.hypot(np.sqrt(np.mean(np.minimum(off, 1e9) ** 2)), FLOOR))
    quarters = {"low x": x < -1, "middle x": np.abs(x) <= 1, "high x": x > 1, "low z": z < -1, "high z": z > 1}
    return Score(
        metrics={"digits": float(digits), "bend": float(np.std(np.diff(answer[np.argsort(x)])))},
        feedback=f"Largest error at x = {x[off.argmax()]:.2f}, z = {z[off.argmax()]:.2f}.",
        per_instance={
            name: float(-np.log10(np.sqrt(np.mean(np.minimum(off[part], 1e9) ** 2)) + FLOOR))
            for name, part in quarters.items()
        },
    )
