"""Judge of matrix multiplication by a choice of tiles: see evaluators/kernels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from evaluators import Candidate, Score, invalid
from evaluators.kernels import Case, DType, Kernel, Tensor
from evaluators.kernels import evaluate as judge

LIMITS = (
    ("rows of a tile", 16, 512, True),
    ("columns of a tile", 16, 512, True),
    ("depth of a step", 16, 256, True),
    ("rows of tiles in a group", 1, 1024, False),
    ("warps", 1, 16, True),
    ("stages", 1, 8, False),
)
SHARED_BYTES = 228 * 1024  # of a multiprocessor of sm_90; others have less and refuse sooner
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


PRODUCT = Path(__file__).with_name("product.py")
KERNEL = Kernel("matmul", cases, draw, reference, baseline=Path(__file__).with_name("baseline.py"))


def tiles_fault(answer: Any) -> str:
    """Return why an answer chooses no tiles, or an empty string."""
    if not isinstance(answer, list | tuple) or len(answer) != len(LIMITS):
        return f"expected {len(LIMITS)} whole numbers, found {answer!r:.200}"
    for value, (name, low, high, is_power) in zip(answer, LIMITS, strict=True):
        if type(value) is not int or not low <= value <= high or (is_power and value & (value - 1)):
            kind = "a power of two" if is_power else "a whole number"
            return f"{name}: expected {kind} from {low} to {high}, found {value!r:.100}"
    rows, columns, depth, _, _, stages = answer
    taken = 2 * depth * (rows + columns) * stages
    return (
        f"its steps take {taken:,} bytes of shared memory, more than {SHARED_BYTES:,}" if taken > SHARED_BYTES else ""
    )


def evaluate(candidate: Candidate, stage: str, params: dict[str, Any]) -> Score:
    """Ask the program for its tiles, in a process of its own; check or time our product with them."""
    shapes = [_shape(case) for case in cases(stage, params)]
    with candidate.session() as program:
        answers = program.map("tiles", shapes)
    for shape, answer in zip(shapes, answers, strict=True):
        fault = tiles_fault(answer)
        if fault:
            return invalid(f"tiles{shape}: {fault}.")
    chosen = {shape: tuple(answer) for shape, answer in zip(shapes, answers, strict=True)}
    text = PRODUCT.read_text("utf-8").replace("TILES = {}", f"TILES = {chosen!r}")
    return judge(candidate.other({KERNEL.entry: text}, KERNEL.entry), stage, params, KERNEL)


def _shape(case: Case) -> tuple[int, int, int]:
    (m, k), (_, n) = (tensor.shape for tensor in case.inputs)
    return m, n, k
