"""The least time a call can take on a device: its memory traffic and its arithmetic at the device's peak rates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from evaluators.kernels.dtypes import DType
from evaluators.kernels.kernel import Case

MARGIN: Final = 0.95
"""A time below this part of the floor is impossible. Clocks may be a little above what the driver calls their peak."""

# Multiply-adds a clock and multiprocessor, times 2, by compute capability: plain float32, and float16 or bfloat16 on
# matrix units without sparsity (vendors' white papers; the larger value in doubt, so that the floor is a floor).
_CORES: Final = {(7, 0): 128, (7, 5): 128, (8, 0): 128, (9, 0): 256, (10, 0): 256}
_MATRIX: Final = {(7, 0): 1024, (7, 5): 1024, (8, 0): 2048, (8, 6): 1024, (8, 9): 1024, (9, 0): 4096, (10, 0): 8192}
_NEWEST_CORES, _NEWEST_MATRIX = 256, 8192


@dataclass(frozen=True)
class Peaks:
    """What a device can do at most.

    Args:
        bytes_per_s: of its memory.
        flops_per_s: of plain float32 arithmetic.
        matrix_flops_per_s: of matrix units at 16 bits, without sparsity.
        cache_bytes: of its last cache, which may keep that much of a request's traffic from memory.
    """

    bytes_per_s: float
    flops_per_s: float
    matrix_flops_per_s: float
    cache_bytes: float

    @classmethod
    def of(cls, figures: Mapping[str, float | str]) -> Peaks | None:
        """Return the peaks of a device with these figures, None if it has none."""
        if "memory_clock_hz" not in figures:
            return None
        capability = (int(figures["capability_major"]), int(figures["capability_minor"]))
        cycles = float(figures["multiprocessors"]) * float(figures["clock_hz"])
        double_data_rate = 2
        return cls(
            double_data_rate * float(figures["memory_clock_hz"]) * float(figures["memory_bus_bits"]) / 8,
            cycles * _CORES.get(capability, _NEWEST_CORES),
            cycles * _MATRIX.get(capability, _NEWEST_MATRIX),
            float(figures["cache_bytes"]),
        )

    def floor_s(self, case: Case) -> float:
        """Return the least seconds of one of ``case.calls`` calls in a row."""
        moved = max(0.0, case.least_bytes - self.cache_bytes / case.calls)
        return max(moved / self.bytes_per_s, case.flops / self._rate(case))

    def roof_s(self, case: Case) -> float:
        """Return the seconds of a call that does nothing but the necessary, all of it through memory."""
        return max(case.least_bytes / self.bytes_per_s, case.flops / self._rate(case))

    def _rate(self, case: Case) -> float:
        if not case.matrix:
            return self.flops_per_s
        short = all(tensor.dtype in (DType.F16, DType.BF16) for tensor in case.inputs)
        return self.matrix_flops_per_s if short else self.matrix_flops_per_s / 2
