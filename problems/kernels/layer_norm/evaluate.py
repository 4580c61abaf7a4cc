"""Judge of layer normalisation: see evaluators/kernels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from evaluators import Candidate, Score
from evaluators.kernels import Case, DType, Kernel, Tensor
from evaluators.kernels import evaluate as judge

EPSILON = 1e-5
SMALL = ((1, 5), (3, 7), (5, 257), (2, 2048))
LARGE = ((32768, 1024, DType.F32), (8192, 4096, DType.BF16), (4096, 8191, DType.F32), (2048, 16384, DType.BF16))
"""In one type each: all calls have inputs and answers of their own, which have to fit into memory."""


def cases(stage: str, params: Mapping[str, Any]) -> list[Case]:
    """Return small shapes in both types, large ones in one of them."""
    if stage == "correct":
        return [_case(rows, columns, dtype) for rows, columns in SMALL for dtype in (DType.F32, DType.BF16)]
    return [_case(*shape) for shape in LARGE]


def _case(rows: int, columns: int, dtype: DType) -> Case:
    x, out = (Tensor(name, (rows, columns), dtype) for name in ("x", "out"))
    weight, bias = (Tensor(name, (columns,), dtype) for name in ("weight", "bias"))
    # 2,000 times: rows lie up to 100 standard deviations from 0, and the mean is known no better than to a rounding.
    name = f"{rows}x{columns}_{dtype.value}"
    return Case(name, inputs=(x, weight, bias), outputs=(out,), operations=2000 * columns, flops=8 * x.elements)


def draw(case: Case, rng: np.random.Generator) -> Sequence[Any]:
    """Return rows of different size, many far from 0, but not so far that their type makes all elements equal: of such
    a row rounding alone is left."""
    x, weight, bias = case.inputs
    values = rng.standard_normal(x.shape, dtype=np.float32)
    rows = x.shape[0]
    far = 100.0 if x.dtype is DType.F32 else 10.0
    place = rng.choice(np.array([0.0, -0.3 * far, far], np.float32), (rows, 1))
    scale = rng.choice(np.array([0.1, 1.0, 10.0], np.float32), (rows, 1))
    gains, offsets = (rng.standard_normal(tensor.shape, dtype=np.float32) for tensor in (weight, bias))
    return [(values + place) * scale, gains, offsets]


def reference(case: Case, x: Any, weight: Any, bias: Any) -> Sequence[Any]:
    """Return the normalised rows."""
    rest = x - x.mean(axis=1, keepdims=True)
    return [rest / np.sqrt(np.square(rest).mean(axis=1, keepdims=True) + EPSILON) * weight + bias]


KERNEL = Kernel("layer_norm", cases, draw, reference, baseline=Path(__file__).with_name("baseline.py"))


def evaluate(candidate: Candidate, stage: str, params: dict[str, Any]) -> Score:
    """Check or time the program."""
    return judge(candidate, stage, params, KERNEL)
