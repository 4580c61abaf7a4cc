"""A race as a score: numbers for the search, words for the author of the next program."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from evaluators.kernels.device import Device
from evaluators.kernels.race import CaseTimes, Result
from evaluators.kernels.roofline import MARGIN, Peaks
from evaluators.score import Score, invalid

_ARCHITECTURES: Final = {
    7: "Its matrix units take float16 alone; copies from memory to shared memory go through registers.",
    8: "Its matrix units take float16, bfloat16 and tf32; cp.async copies into shared memory while threads compute.",
    9: "Groups of four warps share matrix instructions (wgmma) that read shared memory; TMA copies whole tiles; blocks "
    "of a cluster see each other's shared memory.",
    10: "One thread starts a matrix instruction (tcgen05) whose sums lie in tensor memory; TMA copies whole tiles; "
    "there are 8-bit and 4-bit types with scales.",
    12: "Its matrix units take 16-, 8- and 4-bit types by instructions of single warps; cp.async and TMA copy tiles.",
}
"""What is new in each generation that a kernel's author may use: NVIDIA's CUDA C++ Programming Guide and PTX ISA."""


def scored(result: Result, device: Device, before: Mapping[str, float | str]) -> Score:
    """Return the score of a race; INVALID where a time is below what the device can do."""
    peaks = Peaks.of(device.figures())
    impossible = _impossible(result, peaks)
    if impossible:
        return invalid(impossible)
    speedup, low, high = result.speedup()
    metrics = {
        "speedup": speedup,
        "worst_speedup": min(case.speedup for case in result.cases),
        "speedup_low": low,
        "speedup_high": high,
        "round_trip_us": result.round_trip_s * 1e6,
    }
    for case in result.cases:
        metrics[f"us_{case.case.name}"] = case.candidate_s * 1e6
        metrics[f"baseline_us_{case.case.name}"] = case.baseline_s * 1e6
    if peaks:
        logs = [math.log(peaks.roof_s(case.case) / case.candidate_s) for case in result.cases]
        metrics["of_roofline"] = math.exp(sum(logs) / len(logs))
    lines = [f"{speedup:.3f} times as fast as the baseline (interval {low:.3f} to {high:.3f}) on {device.label}."]
    lines += [_line(case, peaks) for case in result.cases]
    lines += [result.compiler] if result.compiler else []
    lines += [_described(device.figures())] if peaks else []
    return Score(
        metrics,
        feedback="\n".join(lines),
        artifacts={"device": _table(before, device.state(), device.figures())},
        per_instance={case.case.name: case.speedup for case in result.cases},
    )


def _impossible(result: Result, peaks: Peaks | None) -> str:
    for case in result.cases if peaks else ():
        assert peaks is not None
        floor_s = peaks.floor_s(case.case)
        if case.candidate_s < MARGIN * floor_s:
            return (
                f"Case {case.case.name} took {case.candidate_s * 1e6:.2f} us a call, which no program can: memory and "
                f"arithmetic of this device need {floor_s * 1e6:.2f} us. Not all work was done in the time measured."
            )
    return ""


def _line(times: CaseTimes, peaks: Peaks | None) -> str:
    case, seconds = times.case, times.candidate_s
    beside = f"baseline {times.baseline_s * 1e6:.1f} us, {times.speedup:.3f} times as fast"
    words = f"{case.name}: {seconds * 1e6:.1f} us, {beside}"
    if not peaks:
        return words
    rates = f"{case.least_bytes / seconds / 1e9:.0f} GB/s, {case.flops / seconds / 1e12:.2f} TFLOP/s"
    return f"{words}; {peaks.roof_s(case) / seconds:.0%} of the roofline ({rates})"


def _described(figures: Mapping[str, float | str]) -> str:
    """Return what a kernel's author should know of the device."""
    peaks = Peaks.of(figures)
    assert peaks is not None
    number = {name: float(value) for name, value in figures.items() if name not in ("name", "driver")}
    words = [
        f"{figures['name']}, compute capability {number['capability_major']:.0f}.{number['capability_minor']:.0f}:",
        f"{number['multiprocessors']:.0f} multiprocessors, each with",
        f"{number['registers_per_multiprocessor']:.0f} registers,",
        f"{number['shared_bytes_per_multiprocessor'] / 1024:.0f} KiB of shared memory",
        f"(at most {number['shared_bytes_per_block'] / 1024:.0f} KiB a block),",
        f"{number['threads_per_multiprocessor']:.0f} threads; L2 {peaks.cache_bytes / 2**20:.0f} MiB;",
        f"peaks {peaks.bytes_per_s / 1e12:.2f} TB/s, {peaks.flops_per_s / 1e12:.0f} TFLOP/s float32,",
        f"{peaks.matrix_flops_per_s / 1e12:.0f} TFLOP/s on matrix units at 16 bits.",
        _ARCHITECTURES.get(int(number["capability_major"]), ""),
    ]
    return " ".join(words).rstrip()


def _table(
    before: Mapping[str, float | str], after: Mapping[str, float | str], figures: Mapping[str, float | str]
) -> str:
    rows = [f"{name}: {value}" for name, value in figures.items()]
    rows += [f"{name}: {before.get(name)} before, {value} after" for name, value in after.items()]
    return "\n".join(rows)
