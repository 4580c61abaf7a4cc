"""Judge of the ring loading problem: all 2^m choices, first in doubles, the least ones in integers."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from evaluators import Candidate, Score, invalid
from evaluators.constructions import Floats, array_fault, common_integers, whole_number

MOST = 16
# Partial sums of at most 16 numbers of at most 1 are within 16 * 16 * 2**-53 of the truth.
ROUNDING = 1e-13


def misfit(loads: Floats) -> str:
    """Return what breaks a rule, in words, or an empty string. Exact."""
    if loads.min() < 0:
        row = int(loads.min(axis=1).argmin())
        return f"Row {row} holds the negative number {float(loads[row].min())!r}."
    over = [row for row, (u, v) in enumerate(loads.tolist()) if Fraction(u) + Fraction(v) > 1]
    return f"Row {over[0]}: u + v = {float(loads[over[0]].sum())!r} exceeds 1 ({len(over)} rows do)." if over else ""


def rounded_loads(loads: Floats) -> tuple[Floats, Any]:
    """Return the load of every choice, in doubles, and the choices: rows of whether v is taken."""
    m = len(loads)
    choices = (np.arange(2**m)[:, None] >> np.arange(m) & 1).astype(bool)
    z = np.where(choices, loads[:, 1], -loads[:, 0])
    prefix = np.cumsum(z, axis=1)
    found: Floats = np.abs(2 * prefix - prefix[:, -1:]).max(axis=1)
    return found, choices


def exact_load(rows: list[list[int]], choice: list[bool]) -> int:
    """Return the load of one choice in the units of the rows."""
    z = [v if taken else -u for (u, v), taken in zip(rows, choice, strict=True)]
    total, prefix, load = sum(z), 0, 0
    for value in z:
        prefix += value
        load = max(load, abs(2 * prefix - total))
    return load


def evaluate(candidate: Candidate, stage: str, params: dict[str, Any]) -> Score:
    """Score one instance by the least load of an unsplit choice."""
    m = whole_number(params, "m", 1, MOST)
    answer = candidate.call("loads", m=m)
    problem = array_fault(answer, f"loads(m={m})", (m, 2))
    if problem:
        return invalid(problem)
    loads = answer.astype(np.float64)
    problem = misfit(loads)
    return invalid(problem) if problem else _score(loads)


def _score(loads: Floats) -> Score:
    found, choices = rounded_loads(loads)
    least = np.flatnonzero(found <= found.min() + 2 * ROUNDING)[:2000]
    integers, unit = common_integers(loads)
    alpha = float(Fraction(min(exact_load(integers.tolist(), choices[k].tolist()) for k in least), unit))
    near = int((found <= found.min() + 1e-3).sum())
    shown = "".join("v" if taken else "u" for taken in choices[found.argmin()])
    metrics = {"alpha": alpha, "mean_demand": float(loads.sum() / len(loads))}
    full = int((loads.sum(axis=1) >= 1 - 1e-9).sum())
    feedback = (
        f"Valid. alpha {alpha!r}. The least load is that of the choice {shown}; {near} of {len(found)} choices come "
        f"within 0.001 of it. {full} of {len(loads)} pairs have u + v = 1."
    )
    rows = "".join(f"{u!r},{v!r}\n" for u, v in loads.tolist())
    return Score(metrics=metrics, feedback=feedback, artifacts={"loads.csv": "u,v\n" + rows})
