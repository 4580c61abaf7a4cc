"""Judge of symbolic regression: a formula against noisy points, and at the end against other, noise-free ones."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluators import Candidate, Score, invalid
from evaluators.constructions import array_fault, whole_number

Floats = NDArray[np.float64]

FUNCTION = "formula"
STAGES = ("full", "sealed")
SHOWN = 12  # points that the feedback prints


# ── laws ──────────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True)
class Law:
    """What makes the data. ``low`` and ``high`` bound the three variables where the points are drawn."""

    compute: Callable[[Floats, Floats, Floats], Floats]
    low: tuple[float, float, float]
    high: tuple[float, float, float]


def _enzyme(a: Floats, b: Floats, c: Floats) -> Floats:
    rate: Floats = 8.5 * a / (1.7 * (1 + b / 0.6) + a) * np.exp(-3.2 * (1 / c - 1))
    return rate


def _oscillator(a: Floats, b: Floats, c: Floats) -> Floats:
    height: Floats = 3.0 * np.exp(-b * a) * np.cos(np.sqrt(c) * a) + 0.8
    return height


LAWS = {
    "first": Law(_enzyme, (0.1, 0.0, 0.8), (10.0, 3.0, 1.3)),
    "second": Law(_oscillator, (0.0, 0.05, 1.0), (6.0, 0.6, 9.0)),
}


@dataclass(frozen=True)
class Points:
    """Points of a law: (3, n) variables, and what was measured there."""

    variables: Floats
    measured: Floats


def points(stage: str, params: Mapping[str, Any]) -> Points:
    """Return what a stage measures with; sealed points are without noise. Raises ValueError for odd parameters."""
    law = LAWS.get(params["law"])
    if law is None:
        raise ValueError(f"params.law: expected one of {sorted(LAWS)}, found {params['law']!r}.")
    noise = params["noise"]
    if not isinstance(noise, int | float) or not 0 <= noise < 1:
        raise ValueError(f"params.noise: expected a share of the spread from 0 to below 1, found {noise!r}.")
    count = whole_number(params, "sealed_points" if stage == "sealed" else "points", 10, 1_000_000)
    seed = whole_number(params, "sealed_seed" if stage == "sealed" else "seed", 0, 2**62)
    drawn = uniforms(15 * count, [seed, STAGES.index(stage)]).reshape(15, count)
    low, high = np.array(law.low)[:, None], np.array(law.high)[:, None]
    variables = low + (high - low) * drawn[:3]
    exact = law.compute(*variables)
    error = noise * exact.std() * (drawn[3:].sum(axis=0) - 6.0)  # normal enough: twelve uniforms
    return Points(variables, exact if stage == "sealed" else exact + error)


def uniforms(count: int, entropy: Sequence[int]) -> Floats:
    """Return numbers in [0, 1) from raw bits, whose stream numpy promises to keep."""
    bits = np.random.PCG64(np.random.SeedSequence(list(entropy))).random_raw(count)
    return (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53


# ── size ──────────────────────────────────────────────────────────────────────────────────────
def size(files: Mapping[str, str]) -> int:
    """Return how much a program says: names, constants, operators and calls of all its files, docstrings left out.

    A string counts for each of its characters, a long number or name for each eight, so that no table hides in one.
    """
    nodes = [node for text in files.values() for node in ast.walk(ast.parse(text))]
    docstrings = {id(node.value) for node in nodes if isinstance(node, ast.Expr) and _is_text(node.value)}
    return sum(_weight(node) for node in nodes if id(node) not in docstrings)


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _weight(node: ast.AST) -> int:
    if isinstance(node, ast.Constant):
        return _constant_weight(node.value)
    if isinstance(node, ast.Name | ast.Attribute):
        return max(1, len(node.id if isinstance(node, ast.Name) else node.attr) // 8)
    counted = ast.operator | ast.unaryop | ast.cmpop | ast.boolop | ast.Call | ast.Subscript
    return int(isinstance(node, counted))


def _constant_weight(value: object) -> int:
    if isinstance(value, str | bytes):
        return 1 + len(value)
    return max(1, len(repr(value)) // 8)


# ── score ─────────────────────────────────────────────────────────────────────────────────────
def evaluate(candidate: Candidate, stage: str, params: dict[str, Any]) -> Score:
    """Compute the formula at the points of the stage and compare."""
    try:
        tokens = size(candidate.files)
    except (SyntaxError, ValueError, RecursionError) as error:
        return invalid(f"The program is no Python that can be read: {error}.")
    drawn = points(stage, params)
    answer = candidate.call(FUNCTION, *drawn.variables)
    problem = array_fault(answer, f"{FUNCTION}(a, b, c)", drawn.measured.shape)
    if problem:
        return invalid(problem)
    return _score(stage, drawn, answer.astype(np.float64), tokens)


def _score(stage: str, drawn: Points, answer: Floats, tokens: int) -> Score:
    residual = answer - drawn.measured
    spread = float(drawn.measured.std())
    error = math.sqrt(math.fsum((residual / spread) ** 2) / len(residual))
    worst = int(np.abs(residual).argmax())
    metrics = {"error": error, "size": float(tokens), "worst_error": float(abs(residual[worst])) / spread}
    return Score(metrics=metrics, feedback=_feedback(stage, drawn, answer, metrics))


def _feedback(stage: str, drawn: Points, answer: Floats, metrics: Mapping[str, float]) -> str:
    said = f"Root mean square error {metrics['error']:.5f} of the spread, worst {metrics['worst_error']:.3f}."
    if stage == "sealed":
        return said
    residual = answer - drawn.measured
    worst = np.argsort(-np.abs(residual), kind="stable")[: SHOWN // 2].tolist()
    chosen = worst + list(range(0, len(residual), -(-len(residual) // (SHOWN // 2))))
    rows = "".join(
        f"\n{a:.4f} {b:.4f} {c:.4f}: {drawn.measured[k]:.4f}, the formula {answer[k]:.4f}"
        for k in chosen
        for a, b, c in [drawn.variables[:, k].tolist()]
    )
    return f"{said} a b c: measured (the worst first, then some others):{rows}"
