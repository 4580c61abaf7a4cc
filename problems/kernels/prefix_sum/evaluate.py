"""Judge of prefix sum: see evaluators/kernels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from evaluators import Candidate, Score
from evaluators.kernels import Case, DType, Kernel, Language, Tensor
from evaluators.kernels import evaluate as judge

SMALL = tuple((length, dtype) for length in (1, 1000, 4097) for dtype in (DType.I32, DType.F32))
LARGE = ((1 << 24, DType.I32), (25_000_003, DType.F32), (1 << 26, DType.I32), (1 << 26, DType.F32))


def cases(stage: str, params: Mapping[str, Any]) -> list[Case]:
    """Return every length and type."""
    return [_case(*told) for told in (SMALL if stage == "correct_gpu" else LARGE)]


def _case(length: int, dtype: DType) -> Case:
    x, out = (Tensor(name, (length,), dtype) for name in ("x", "out"))
    sizes = {"length": length, "is_float": int(dtype.is_float)}
    name = f"{length}_{dtype.value}"
    calls = 4 if length > 1 << 25 else 8
    return Case(name, inputs=(x,), outputs=(out,), operations=length, flops=length, sizes=sizes, calls=calls)


def draw(case: Case, rng: np.random.Generator) -> Sequence[Any]:
    """Return signed numbers; whole ones so small that no sum is too large for its type."""
    (x,) = case.inputs
    if x.dtype.is_float:
        return [rng.standard_normal(x.shape, dtype=np.float32)]
    return [rng.integers(-15, 16, x.shape, dtype=np.int32)]


def reference(case: Case, x: Any) -> Sequence[Any]:
    """Return the sum of all elements up to each, itself included."""
    return [np.cumsum(x)]


KERNEL = Kernel(
    "prefix_sum",
    cases,
    draw,
    reference,
    baseline=Path(__file__).with_name("baseline.cu"),
    language=Language.CUDA,
    entry="kernel.cu",
)


def evaluate(candidate: Candidate, stage: str, params: dict[str, Any]) -> Score:
    """Compile, check or time the program."""
    return judge(candidate, stage, params, KERNEL)
