"""Judge of matrix multiplication by a choice of tiles: see evaluators/kernels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from evaluators import Candidate, Score
from evaluators.kernels import Case, DType, Kernel, Tensor
from evaluators.kernels import evaluate as judge

SMALL = ((1, 1, 1), (33, 17, 70), (130, 64, 200), (16, 260, 100))
LARGE = (
    (2048, 2048, 2048),
    (4096, 4096, 1024),
    (4096, 4096, 512),
    (8192, 1024, 1024),
    (1024, 8192, 1024),
    (512, 2048, 8192),
    (256, 11008, 2048),
    (1500, 2500, 1500),
)
"""Rows, columns, and length of the sums: square, wide, tall and deep, one that no tile divides."""


def cases(stage: str, params: Mapping[str, Any]) -> list[Case]:
    """Return every shape."""
    return [_case(*shape) for shape in (SMALL if stage == "correct" else LARGE)]


def _case(m: int, n: int, k: int) -> Case:
    a, b, out = Tensor("a", (m, k), DType.F16), Tensor("b", (k, n), DType.F16), Tensor("out", (m, n), DType.F16)
    return Case(
        f"{m}x{n}x{k}", inputs=(a, b), outputs=(out,), operations=k, flops=2.0 * m * n * k, matrix=True, calls=10
    )


def draw(case: Case, rng: np.random.Generator) -> Sequence[Any]:
    """Return signed numbers around 0, the usual case of weights and activations."""
    return [rng.standard_normal(tensor.shape, dtype=np.float32) for tensor in case.inputs]


def reference(case: Case, a: Any, b: Any) -> Sequence[Any]:
    """Return the product."""
    return [a @ b]


KERNEL = Kernel("matmul", cases, draw, reference, baseline=Path(__file__).with_name("baseline.py"))


def evaluate(candidate: Candidate, stage: str, params: dict[str, Any]) -> Score:
    """Check or time the program."""
    return judge(candidate, stage, params, KERNEL)
