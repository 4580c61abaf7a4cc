"""Judge of histogram: see evaluators/kernels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from evaluators import Candidate, Score
from evaluators.kernels import Case, DType, Kernel, Tensor
from evaluators.kernels import evaluate as judge

SMALL = ((1, 1, "uniform"), (1000, 7, "skewed"), (4097, 256, "uniform"), (3000, 256, "one"))
LARGE = (
    (1 << 25, 256, "uniform"),
    (1 << 25, 256, "skewed"),
    (1 << 25, 256, "one"),
    (25_000_003, 4096, "uniform"),
    (25_000_003, 4096, "skewed"),
)


def cases(stage: str, params: Mapping[str, Any]) -> list[Case]:
    """Return every length, number of bins, and kind of input."""
    return [_case(*told) for told in (SMALL if stage == "correct" else LARGE)]


def _case(length: int, bins: int, kind: str) -> Case:
    x, counts = Tensor("x", (length,), DType.I32), Tensor("counts", (bins,), DType.I32)
    return Case(f"{length}_in_{bins}_{kind}", inputs=(x,), outputs=(counts,))


def draw(case: Case, rng: np.random.Generator) -> Sequence[Any]:
    """Return bins of the case's kind: as likely as each other, a few far likelier, or nearly all the same."""
    (length,), (bins,) = case.inputs[0].shape, case.outputs[0].shape
    kind = case.name.rpartition("_")[2]
    if kind == "uniform":
        return [rng.integers(0, bins, length, dtype=np.int32)]
    order = rng.permutation(bins).astype(np.int32)
    if kind == "skewed":
        return [order[(bins * rng.random(length, dtype=np.float32) ** 4).astype(np.int32).clip(0, bins - 1)]]
    values = np.full(length, order[0], np.int32)
    others = rng.integers(0, length, length // 1000 + 1)
    values[others] = order[rng.integers(0, bins, len(others))]
    return [values]


def reference(case: Case, x: Any) -> Sequence[Any]:
    """Return how often each bin occurs."""
    return [np.bincount(x, minlength=case.outputs[0].shape[0])]


KERNEL = Kernel("histogram", cases, draw, reference, baseline=Path(__file__).with_name("baseline.py"))


def evaluate(candidate: Candidate, stage: str, params: dict[str, Any]) -> Score:
    """Check or time the program."""
    return judge(candidate, stage, params, KERNEL)
