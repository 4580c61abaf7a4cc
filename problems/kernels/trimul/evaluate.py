"""Judge of the triangle multiplicative update: see evaluators/kernels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from evaluators import Candidate, Score
from evaluators.kernels import Case, DType, Kernel, Tensor
from evaluators.kernels import evaluate as judge

EPSILON = 1e-5
SMALL = ((1, 4, 4), (5, 16, 8), (33, 32, 16), (18, 16, 32))
LARGE = ((256, 128, 128), (384, 128, 128), (512, 128, 128), (768, 64, 64), (333, 128, 64))
"""Length, channels of the pairs, channels of the product."""
GATED = ("left", "right", "left_gate", "right_gate")


def cases(stage: str, params: Mapping[str, Any]) -> list[Case]:
    """Return every shape."""
    return [_case(*shape) for shape in (SMALL if stage == "correct" else LARGE)]


def _case(length: int, channels: int, hidden: int) -> Case:
    pairs, mask = Tensor("pairs", (length, length, channels), DType.F32), Tensor("mask", (length, length), DType.F32)
    norm = [Tensor(name, (channels,), DType.F32) for name in ("norm_weight", "norm_bias")]
    gated = [Tensor(name, (hidden, channels), DType.F32) for name in GATED]
    out_norm = [Tensor(name, (hidden,), DType.F32) for name in ("out_norm_weight", "out_norm_bias")]
    last = [
        Tensor("out_gate", (channels, channels), DType.F32),
        Tensor("out_projection", (channels, hidden), DType.F32),
    ]
    return Case(
        f"{length}x{channels}x{hidden}",
        inputs=(pairs, mask, *norm, *gated, *out_norm, *last),
        outputs=(Tensor("out", pairs.shape, DType.F32),),
        # A hundred times: five products and two normalisations, which take means off, follow each other.
        operations=100 * (length + 4 * channels + 2 * hidden),
        flops=2.0 * length**3 * hidden + 2.0 * length**2 * channels * (4 * hidden + channels + hidden),
        calls=3,
    )


def draw(case: Case, rng: np.random.Generator) -> Sequence[Any]:
    """Return pairs of different size and place, a mask without some places, and weights of a trained size."""
    pairs, _, *weights = case.inputs
    length = pairs.shape[0]
    values = rng.standard_normal(pairs.shape, dtype=np.float32)
    values *= rng.choice(np.array([0.5, 1.0, 4.0], np.float32), (length, 1, 1))
    values += rng.choice(np.array([0.0, 2.0], np.float32), (1, length, 1))
    there = (rng.random(length) < 0.9).astype(np.float32)
    there[rng.integers(length)] = 1.0
    return [values, there[:, None] * there[None, :], *(_weight(tensor, rng) for tensor in weights)]


def _weight(tensor: Tensor, rng: np.random.Generator) -> Any:
    values = rng.standard_normal(tensor.shape, dtype=np.float32)
    if len(tensor.shape) == 2:
        return values / np.float32(np.sqrt(tensor.shape[1]))
    return 1.0 + np.float32(0.1) * values if tensor.name.endswith("weight") else np.float32(0.1) * values


def reference(case: Case, pairs: Any, mask: Any, *weights: Any) -> Sequence[Any]:
    """Return the update: what two places have to do with a third says what they have to do with each other."""
    norm_weight, norm_bias, left, right, left_gate, right_gate, out_weight, out_bias, out_gate, projection = weights
    normal = _normalised(pairs, norm_weight, norm_bias)
    a = mask[..., None] * _sigmoid(normal @ left_gate.T) * (normal @ left.T)
    b = mask[..., None] * _sigmoid(normal @ right_gate.T) * (normal @ right.T)
    product = (a.transpose(2, 0, 1) @ b.transpose(2, 1, 0)).transpose(1, 2, 0)
    shown = _normalised(product, out_weight, out_bias) @ projection.T
    return [_sigmoid(normal @ out_gate.T) * shown]


def _normalised(x: Any, weight: Any, bias: Any) -> Any:
    centred = x - x.mean(axis=-1, keepdims=True)
    return centred / np.sqrt(np.square(centred).mean(axis=-1, keepdims=True) + EPSILON) * weight + bias


def _sigmoid(x: Any) -> Any:
    return 1.0 / (1.0 + np.exp(-x))


KERNEL = Kernel("trimul", cases, draw, reference, baseline=Path(__file__).with_name("baseline.py"))


def evaluate(candidate: Candidate, stage: str, params: dict[str, Any]) -> Score:
    """Check or time the program."""
    return judge(candidate, stage, params, KERNEL)
