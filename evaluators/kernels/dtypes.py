"""Element types of tensors: how they are stored, and how exact they are.

numpy has no bfloat16; its numbers are the upper halves of float32 and are stored here as uint16.
"""

from __future__ import annotations

from enum import Enum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class DType(Enum):
    """An element type, by the name under which programs know it."""

    F64 = "f64"
    F32 = "f32"
    F16 = "f16"
    BF16 = "bf16"
    I64 = "i64"
    I32 = "i32"
    U8 = "u8"

    @property
    def storage(self) -> np.dtype[Any]:
        """What an element is in memory, as numpy sees it."""
        return np.dtype(_STORAGE[self])

    @property
    def size_bytes(self) -> int:
        """Bytes of an element."""
        return self.storage.itemsize

    @property
    def is_float(self) -> bool:
        """Whether the numbers are rounded; whole numbers must come out exactly."""
        return self in _EPSILON

    @property
    def epsilon(self) -> float:
        """Distance from 1 to the next number; 0 for whole numbers."""
        return _EPSILON.get(self, 0.0)

    @property
    def poison(self) -> int:
        """A byte that, repeated, is no honest result: NaN for floats."""
        return 0xFF if self.is_float else 0xA5

    def encode(self, values: Array) -> Array:
        """Return the values as they are stored, rounded to nearest."""
        if self is DType.BF16:
            return _to_bfloat16(values.astype(np.float32))
        return np.ascontiguousarray(values, dtype=self.storage)

    def decode(self, stored: Array) -> Array:
        """Return stored elements as float64, whole numbers as int64."""
        if self is DType.BF16:
            return (stored.astype(np.uint32) << 16).view(np.float32).astype(np.float64)
        return stored.astype(np.float64 if self.is_float else np.int64)


_STORAGE: Final = {
    DType.F64: "<f8",
    DType.F32: "<f4",
    DType.F16: "<f2",
    DType.BF16: "<u2",
    DType.I64: "<i8",
    DType.I32: "<i4",
    DType.U8: "u1",
}
_EPSILON: Final = {DType.F64: 2.0**-52, DType.F32: 2.0**-23, DType.F16: 2.0**-10, DType.BF16: 2.0**-7}


def _to_bfloat16(values: NDArray[np.float32]) -> Array:
    """Round to nearest, ties to even. NaN stays NaN."""
    bits = np.ascontiguousarray(values).view(np.uint32)
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
    return np.where(np.isnan(values), 0x7FC0, rounded).astype(np.uint16)
