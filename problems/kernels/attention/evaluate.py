"""Judge of causal attention, forward: see evaluators/kernels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from evaluators import Candidate, Score
from evaluators.kernels import Case, DType, Kernel, Tensor
from evaluators.kernels import evaluate as judge

SMALL = ((1, 1, 1, 16), (1, 2, 33, 16), (2, 1, 70, 64), (1, 1, 130, 128))
LARGE = ((4, 16, 1024, 64), (1, 16, 2048, 128), (1, 8, 4096, 64), (8, 12, 501, 64))
"""Batch, heads, length, size of a head."""


def cases(stage: str, params: Mapping[str, Any]) -> list[Case]:
    """Return every shape."""
    return [_case(*shape) for shape in (SMALL if stage == "correct" else LARGE)]


def _case(batch: int, heads: int, length: int, size: int) -> Case:
    q, k, v, out = (Tensor(name, (batch, heads, length, size), DType.F16) for name in ("q", "k", "v", "out"))
    return Case(
        f"{batch}x{heads}x{length}x{size}",
        inputs=(q, k, v),
        outputs=(out,),
        # The weights may be rounded to float16 once, as matrix units want them; their sums may not.
        operations=1,
        accumulate=DType.F16,
        flops=2.0 * batch * heads * length * length * size,  # half of the products: nobody looks ahead
        matrix=True,
        calls=10,
    )


def draw(case: Case, rng: np.random.Generator) -> Sequence[Any]:
    """Return queries and keys some of which fit each other well, and signed values."""
    q, k, v = (rng.standard_normal(tensor.shape, dtype=np.float32) for tensor in case.inputs)
    sharp = rng.choice(np.array([1.0, 4.0], np.float32), (*q.shape[:3], 1), p=[0.8, 0.2])
    return [q * sharp, k, v]


def reference(case: Case, q: Any, k: Any, v: Any) -> Sequence[Any]:
    """Return softmax(q k^T / sqrt(size)) v, each query looking at keys up to its own place."""
    out = np.empty(q.shape)
    ahead = np.triu(np.ones((q.shape[2], q.shape[2]), bool), 1)
    for place in np.ndindex(q.shape[:2]):  # one head at a time: scores of all would not fit into memory
        scores = q[place] @ k[place].T / np.sqrt(q.shape[3])
        scores[ahead] = -np.inf
        scores -= scores.max(axis=1, keepdims=True)
        np.exp(scores, out=scores)
        out[place] = scores @ v[place] / scores.sum(axis=1, keepdims=True)
    return [out]


KERNEL = Kernel("attention", cases, draw, reference, baseline=Path(__file__).with_name("baseline.py"))


def evaluate(candidate: Candidate, stage: str, params: dict[str, Any]) -> Score:
    """Check or time the program."""
    return judge(candidate, stage, params, KERNEL)
