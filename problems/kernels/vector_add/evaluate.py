"""Judge of vector addition: see evaluators/kernels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from evaluators import Candidate, Score
from evaluators.kernels import Case, DType, Kernel, Tensor
from evaluators.kernels import evaluate as judge

SMALL = (1, 1000, 4097)


def cases(stage: str, params: Mapping[str, Any]) -> list[Case]:
    """Return every length in both types."""
    lengths = SMALL if stage == "correct" else params["lengths"]
    return [_case(length, DType(name), params["calls"]) for length in lengths for name in params["types"]]


def _case(length: int, dtype: DType, calls: int) -> Case:
    x, y, out = (Tensor(name, (length,), dtype) for name in ("x", "y", "out"))
    return Case(
        f"{length}_{dtype.value}", inputs=(x, y), outputs=(out,), flops=length, sizes={"length": length}, calls=calls
    )


def draw(case: Case, rng: np.random.Generator) -> Sequence[Any]:
    """Return numbers from -0.5 to 0.5."""
    return [rng.random(tensor.shape, dtype=np.float32) - np.float32(0.5) for tensor in case.inputs]


def reference(case: Case, x: Any, y: Any) -> Sequence[Any]:
    """Return the sum."""
    return [x + y]


KERNEL = Kernel("add", cases, draw, reference, baseline=Path(__file__).with_name("baseline.py"))


def evaluate(candidate: Candidate, stage: str, params: dict[str, Any]) -> Score:
    """Check or time the program."""
    return judge(candidate, stage, params, KERNEL)
