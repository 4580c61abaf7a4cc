"""The right answers of kernel problems, worked out again one number at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from evaluators.kernels import Case
from evolve import problem_library
from tests.problems.problem_support import load_judge

Arrays = Sequence[Any]


def add(x: Any, y: Any) -> Arrays:
    return [[a + b for a, b in zip(x, y, strict=True)]]


def softmax(x: Any) -> Arrays:
    return [[_softmax(row) for row in x]]


def _softmax(row: Sequence[float]) -> list[float]:
    greatest = max(row)
    total = math.fsum(math.exp(value - greatest) for value in row)
    return [math.exp(value - greatest) / total for value in row]


def layer_norm(x: Any, weight: Any, bias: Any) -> Arrays:
    return [[_normalised(row, weight, bias) for row in x]]


def _normalised(row: Sequence[float], weight: Sequence[float], bias: Sequence[float]) -> list[float]:
    mean = math.fsum(row) / len(row)
    variance = math.fsum((value - mean) ** 2 for value in row) / len(row)
    return [(value - mean) / math.sqrt(variance + 1e-5) * w + b for value, w, b in zip(row, weight, bias, strict=True)]


def cross_entropy(logits: Any, labels: Any) -> Arrays:
    losses, gradients = [], []
    for row, label in zip(logits, labels, strict=True):
        chances = _softmax(row)
        losses.append(-math.log(chances[label]))
        gradients.append([chance - (place == label) for place, chance in enumerate(chances)])
    return [losses, gradients]


def histogram(x: Any, bins: int) -> Arrays:
    counts = [0] * bins
    for value in x:
        counts[int(value)] += 1
    return [counts]


def prefix_sum(x: Any) -> Arrays:
    total, sums = 0, []
    for value in x.tolist():
        total += value
        sums.append(total)
    return [sums]


def matmul(a: Any, b: Any) -> Arrays:
    return [[[math.fsum(x * y for x, y in zip(row, column, strict=True)) for column in b.T] for row in a]]


def attention(q: Any, k: Any, v: Any) -> Arrays:
    out = np.empty(q.shape)
    for batch, head, place in np.ndindex(q.shape[:3]):
        query = q[batch, head, place] / math.sqrt(q.shape[3])
        scores = [math.fsum(query * key) for key in k[batch, head, : place + 1]]
        weights = _softmax(scores)
        out[batch, head, place] = sum(w * value for w, value in zip(weights, v[batch, head], strict=False))
    return [out]


def trimul(pairs: Any, mask: Any, norm_w: Any, norm_b: Any, *weights: Any) -> Arrays:
    left, right, left_gate, right_gate, out_w, out_b, out_gate, projection = weights
    length, hidden = len(pairs), len(left)
    normal = np.array([[_normalised(cell, norm_w, norm_b) for cell in row] for row in pairs])

    def side(i: int, k: int, h: int, plain: Any, gate: Any) -> float:
        return float(mask[i, k] * _sigmoid(normal[i, k] @ gate[h]) * (normal[i, k] @ plain[h]))

    out = np.empty(pairs.shape)
    for i, j in np.ndindex(length, length):
        product = [
            math.fsum(side(i, k, h, left, left_gate) * side(j, k, h, right, right_gate) for k in range(length))
            for h in range(hidden)
        ]
        shown = projection @ np.array(_normalised(product, out_w, out_b))
        out[i, j] = [_sigmoid(normal[i, j] @ row) * value for row, value in zip(out_gate, shown, strict=True)]
    return [out]


def _sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value))


SLOW: dict[str, Callable[..., Arrays]] = {
    "kernels/vector_add": add,
    "kernels/softmax": softmax,
    "kernels/layer_norm": layer_norm,
    "kernels/cross_entropy": cross_entropy,
    "kernels/histogram": histogram,
    "kernels/prefix_sum": prefix_sum,
    "kernels/matmul_tiles": matmul,
    "kernels/attention": attention,
    "kernels/trimul": trimul,
}
STAGE = {"kernels/prefix_sum": "correct_gpu"}
MOST_OUTPUTS = 40_000


def test_every_kernel_problem_has_a_slow_twin() -> None:
    assert set(SLOW) == {name for name in problem_library.problem_names() if name.startswith("kernels/")}


@pytest.mark.parametrize("name", SLOW)
def test_answers_agree_with_those_of_plain_loops(name: str) -> None:
    judge, problem = load_judge(name), problem_library.load_problem(name)
    cases: list[Case] = judge.cases(STAGE.get(name, "correct"), problem.params)
    small = [case for case in cases if sum(tensor.elements for tensor in case.outputs) <= MOST_OUTPUTS][:5]
    assert len(small) >= 3
    for case in small:
        drawn = judge.draw(case, np.random.default_rng([3, len(case.name)]))
        exact = [t.dtype.decode(t.dtype.encode(values)) for t, values in zip(case.inputs, drawn, strict=True)]
        told = judge.reference(case, *exact)
        more = [case.outputs[0].shape[0]] if name == "kernels/histogram" else []
        for answer, expected in zip(told, SLOW[name](*exact, *more), strict=True):
            np.testing.assert_allclose(answer, np.asarray(expected), rtol=1e-9, atol=1e-11)
