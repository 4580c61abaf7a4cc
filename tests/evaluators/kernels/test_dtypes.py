from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluators.kernels import DType


@pytest.mark.parametrize("dtype", [dtype for dtype in DType if dtype.is_float])
def test_one_and_the_next_number_after_it_are_told_apart(dtype: DType) -> None:
    values = np.array([1.0, 1.0 + dtype.epsilon])
    assert dtype.decode(dtype.encode(values)).tolist() == values.tolist()


@given(st.floats(width=32, allow_nan=False, allow_infinity=False, min_value=-(2.0**126), max_value=2.0**126))
def test_bfloat16_is_the_nearest_one(value: float) -> None:
    found = float(DType.BF16.decode(DType.BF16.encode(np.array([value])))[0])
    assert abs(found - value) <= DType.BF16.epsilon / 2 * abs(value) + 1e-40


def test_bfloat16_keeps_what_is_no_number() -> None:
    stored = DType.BF16.encode(np.array([np.nan, np.inf, -np.inf]))
    assert np.array_equal(DType.BF16.decode(stored), [np.nan, np.inf, -np.inf], equal_nan=True)


@pytest.mark.parametrize("dtype", [dtype for dtype in DType if dtype.is_float])
def test_poison_is_not_a_number(dtype: DType) -> None:
    poisoned = np.full(dtype.size_bytes * 3, dtype.poison, np.uint8).view(dtype.storage)
    assert np.all(np.isnan(dtype.decode(poisoned)))
