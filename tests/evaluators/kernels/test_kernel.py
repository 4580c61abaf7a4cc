"""The tolerance lets honest rounding pass and nothing shorter than what was declared."""

from __future__ import annotations

import numpy as np
import pytest

from evaluators.kernels import Case, DType, Tensor, Tolerance
from evaluators.kernels.dtypes import Array
from evaluators.kernels.examination import element_fault


def product_case(length: int, output: DType = DType.F32) -> Case:
    a, b = Tensor("a", (48, length), DType.F32), Tensor("b", (length, 48), DType.F32)
    return Case("product", (a, b), (Tensor("out", (48, 48), output),), operations=length)


def fault_of(case: Case, found: Array, answer: Array) -> tuple[int, str] | None:
    output = case.outputs[0]
    bound = Tolerance().of(case, output, answer)
    values = output.dtype.decode(output.dtype.encode(found)).reshape(-1)
    return element_fault(values, answer.reshape(-1), bound, output.dtype)


def shortened(values: Array, bits: int) -> Array:
    """Return float32 numbers with so many bits of mantissa, as matrix units round them."""
    raw = values.astype(np.float32).view(np.uint32)
    dropped = 23 - bits
    return ((raw + (1 << (dropped - 1))) >> dropped << dropped).view(np.float32)


@pytest.mark.parametrize("length", [16, 256, 4096])
@pytest.mark.parametrize("positive", [False, True])
def test_float32_passes_and_shorter_types_do_not(length: int, positive: bool) -> None:
    rng = np.random.default_rng(length)
    a, b = (rng.standard_normal((48, length), dtype=np.float32) for _ in range(2))
    if positive:
        a, b = np.abs(a), np.abs(b)
    case = product_case(length)
    answer = a.astype(np.float64) @ b.T.astype(np.float64)
    in_a_row = np.zeros((48, 48), np.float32)
    for k in range(length):
        in_a_row += np.outer(a[:, k], b[:, k])
    assert fault_of(case, in_a_row, answer) is None
    if positive:
        return  # roundings of long sums of positive numbers cancel out, in any type
    for bits in (10, 7):  # tf32, bfloat16
        assert fault_of(case, shortened(a, bits).astype(np.float64) @ shortened(b, bits).T, answer) is not None


def test_an_output_may_be_off_by_its_own_rounding() -> None:
    case = product_case(16, DType.BF16)
    answer = np.full((48, 48), 1.003)
    assert fault_of(case, answer, answer) is None
    assert fault_of(case, answer * 1.02, answer) is not None


@pytest.mark.parametrize(
    ("found", "answer"), [(np.nan, 1.0), (np.inf, 1.0), (-np.inf, np.inf), (1.0, np.nan), (1.0, np.inf)]
)
def test_what_is_no_number_is_right_only_where_it_is_asked_for(found: float, answer: float) -> None:
    bound = Tolerance().of(product_case(4), Tensor("out", (2,), DType.F32), np.array([answer, 1.0]))
    assert element_fault(np.array([found, 1.0]), np.array([answer, 1.0]), bound, DType.F32) is not None
    assert element_fault(np.array([answer, 1.0]), np.array([answer, 1.0]), bound, DType.F32) is None


def test_whole_numbers_come_out_exactly() -> None:
    output = Tensor("out", (2,), DType.I32)
    bound = Tolerance().of(product_case(4), output, np.array([10**6, 5]))
    assert element_fault(np.array([10**6, 5]), np.array([10**6, 5]), bound, DType.I32) is None
    assert element_fault(np.array([10**6 + 1, 5]), np.array([10**6, 5]), bound, DType.I32) is not None
