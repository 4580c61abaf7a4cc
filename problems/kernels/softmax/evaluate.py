"""Judge of softmax: see evaluators/kernels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from evaluators import Candidate, Score
from evaluators.kernels import Case, DType, Kernel, Tensor
from evaluators.kernels import evaluate as judge

SMALL = ((1, 1), (3, 5), (7, 130), (2, 1025))
LARGE = ((32768, 1024, DType.F32), (8192, 4096, DType.BF16), (4096, 8191, DType.F32), (1024, 32768, DType.BF16))
"""In one type each: all calls have inputs and answers of their own, which have to fit into memory."""


def cases(stage: str, params: Mapping[str, Any]) -> list[Case]:
    """Return small shapes in both types, large ones in one of them."""
    if stage == "correct":
        return [_case(rows, columns, dtype) for rows, columns in SMALL for dtype in (DType.F32, DType.BF16)]
    return [_case(*shape) for shape in LARGE]


def _case(rows: int, columns: int, dtype: DType) -> Case:
    x, out = (Tensor(name, (rows, columns), dtype) for name in ("x", "out"))
    name = f"{rows}x{columns}_{dtype.value}"
    return Case(name, inputs=(x,), outputs=(out,), operations=columns, flops=4 * x.elements)


def draw(case: Case, rng: np.random.Generator) -> Sequence[Any]:
    """Return rows of different size and place, some so large that exp overflows, some all equal."""
    (x,) = case.inputs
    rows = x.shape[0]
    values = rng.standard_normal(x.shape, dtype=np.float32)
    scale = rng.choice(np.array([0.0, 1.0, 4.0], np.float32), rows, p=[0.1, 0.6, 0.3])
    place = rng.choice(np.array([0.0, -1e4, 1e4], np.float32), rows)
    return [values * scale[:, None] + place[:, None]]


def reference(case: Case, x: Any) -> Sequence[Any]:
    """Return the softmax of each row."""
    grown = np.exp(x - x.max(axis=1, keepdims=True))
    return [grown / grown.sum(axis=1, keepdims=True)]


KERNEL = Kernel("softmax", cases, draw, reference, baseline=Path(__file__).with_name("baseline.py"))


def evaluate(candidate: Candidate, stage: str, params: dict[str, Any]) -> Score:
    """Check or time the program."""
    return judge(candidate, stage, params, KERNEL)
