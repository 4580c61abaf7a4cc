"""Judge of the workshop: replays the order that the program plans, and counts its weighted tardiness."""

from __future__ import annotations

from typing import Any

import numpy as np

from evaluators import Candidate, Score, invalid


def evaluate(candidate: Candidate, stage: str, params: dict[str, Any]) -> Score:
    """Draw one fixed instance, ask for the order of its jobs, and run them in it."""
    rng = np.random.default_rng(params["seed"])
    work = rng.integers(1, 60, params["jobs"]).astype(float)
    weight = rng.integers(1, 9, params["jobs"]).astype(float)
    due = rng.uniform(0.2, 0.8, params["jobs"]) * work.sum() / params["machines"]
    order = candidate.call("plan", work, weight, due, params["machines"])
    if not isinstance(order, list) or sorted(map(str, order)) != sorted(map(str, range(params["jobs"]))):
        return invalid(f"plan must return the numbers 0 to {params['jobs'] - 1}, each once.")
    free, cost = np.zeros(params["machines"]), 0.0
    for job in order:
        machine = int(free.argmin())
        free[machine] += work[int(job)]
        cost += weight[int(job)] * max(free[machine] - due[int(job)], 0.0)
    idle = float(1.0 - free.mean() / free.max())
    return Score(metrics={"cost": cost / float(weight.sum()), "idle": idle}, feedback=f"Done at {free.max():.0f}.")
