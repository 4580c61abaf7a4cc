"""Judge of fused cross entropy: see evaluators/kernels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from evaluators import Candidate, Score
from evaluators.kernels import Case, DType, Kernel, Tensor
from evaluators.kernels import evaluate as judge

SMALL = ((1, 1), (3, 10), (4, 1000), (2, 2049))
LARGE = ((8192, 4096, DType.F32), (4096, 32000, DType.BF16), (1024, 50257, DType.F32), (512, 128256, DType.BF16))
"""In one type each: all calls have inputs and answers of their own, which have to fit into memory."""


def cases(stage: str, params: Mapping[str, Any]) -> list[Case]:
    """Return small shapes in both types, large ones in one of them."""
    if stage == "correct":
        return [_case(rows, classes, dtype) for rows, classes in SMALL for dtype in (DType.F32, DType.BF16)]
    return [_case(*shape) for shape in LARGE]


def _case(rows: int, classes: int, dtype: DType) -> Case:
    logits, gradient = (Tensor(name, (rows, classes), dtype) for name in ("logits", "gradient"))
    labels, losses = Tensor("labels", (rows,), DType.I32), Tensor("losses", (rows,), DType.F32)
    return Case(
        f"{rows}x{classes}_{dtype.value}",
        inputs=(logits, labels),
        outputs=(losses, gradient),
        operations=classes,
        flops=5 * logits.elements,
        calls=6,
    )


def draw(case: Case, rng: np.random.Generator) -> Sequence[Any]:
    """Return logits some of which are sure, and labels with the first and the last class among them."""
    logits = case.inputs[0]
    rows, classes = logits.shape
    values = rng.standard_normal(logits.shape, dtype=np.float32) * rng.choice([1.0, 5.0], (rows, 1)).astype(np.float32)
    values += rng.choice([0.0, 500.0], (rows, 1)).astype(np.float32)
    chosen = rng.integers(0, classes, rows)
    chosen[0], chosen[-1] = 0, classes - 1
    return [values, chosen]


def reference(case: Case, logits: Any, labels: Any) -> Sequence[Any]:
    """Return losses and gradients."""
    rows = np.arange(len(labels))
    greatest = logits.max(axis=1, keepdims=True)
    grown = np.exp(logits - greatest)
    total = grown.sum(axis=1, keepdims=True)
    losses = (np.log(total) + greatest)[:, 0] - logits[rows, labels]
    gradient = grown / total
    gradient[rows, labels] -= 1.0
    return [losses, gradient]


KERNEL = Kernel("cross_entropy", cases, draw, reference, baseline=Path(__file__).with_name("baseline.py"))


def evaluate(candidate: Candidate, stage: str, params: dict[str, Any]) -> Score:
    """Check or time the program."""
    return judge(candidate, stage, params, KERNEL)
