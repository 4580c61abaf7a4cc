from __future__ import annotations

from evaluators.kernels import Case, DType, Tensor
from evaluators.kernels.roofline import Peaks

FIGURES: dict[str, float | str] = {
    "memory_clock_hz": 3.2e9,
    "memory_bus_bits": 6144.0,
    "multiprocessors": 132.0,
    "clock_hz": 1.98e9,
    "capability_major": 9.0,
    "capability_minor": 0.0,
    "cache_bytes": 60.0 * 2**20,
}


def test_peaks_are_read_from_the_figures() -> None:
    peaks = Peaks.of(FIGURES)
    assert peaks is not None
    assert 4.8e12 < peaks.bytes_per_s < 5.0e12
    assert 6.5e13 < peaks.flops_per_s < 6.8e13
    assert 9.9e14 < peaks.matrix_flops_per_s < 1.1e15
    assert Peaks.of({}) is None


def test_the_floor_is_the_slower_of_memory_and_arithmetic() -> None:
    peaks = Peaks(1e12, 1e13, 1e14, 0.0)
    x = Tensor("x", (1_000_000,), DType.F32)
    assert peaks.floor_s(Case("copy", (x,), (x,))) == 8e-6
    assert peaks.floor_s(Case("work", (x,), (x,), flops=1e9)) == 1e-4
    assert peaks.floor_s(Case("matrix", (x,), (x,), flops=1e9, matrix=True)) == 2e-5, (
        "float32 at half the rate of 16 bits"
    )


def test_what_a_cache_may_keep_is_given_to_the_program() -> None:
    x = Tensor("x", (1_000_000,), DType.F32)
    case = Case("copy", (x,), (x,), calls=2)
    assert Peaks(1e12, 1e13, 1e14, 4e6).floor_s(case) == 6e-6
    assert Peaks(1e12, 1e13, 1e14, 1e9).floor_s(case) == 0
    assert Peaks(1e12, 1e13, 1e14, 1e9).roof_s(case) == 8e-6
