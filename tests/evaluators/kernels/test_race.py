"""The race on simulated programs: a clock that the test sets, everything else as it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evaluators.candidate import Candidate, CandidateCrashed, CandidateRefused, Finished
from evaluators.kernels import Case, DType, Kernel, Language, Tensor
from evaluators.kernels import shim as untyped_shim
from evaluators.kernels.device import DeviceUnavailable
from evaluators.kernels.host_device import HostDevice
from evaluators.kernels.race import Plan, race
from evaluators.kernels.report import scored
from evaluators.timing import BaselineFailed, TooShort

shim: Any = untyped_shim  # shipped as text, and without types
ROUND_TRIP_S = 100e-6
CASES = [
    Case(name, (Tensor("x", (size,), DType.F32),), (Tensor("out", (size,), DType.F32),), calls=4)
    for name, size in (("small", 10), ("large", 1000))
]
FIGURES: dict[str, float | str] = {
    "name": "a device", "driver": "1", "memory_clock_hz": 1e9, "memory_bus_bits": 8.0, "multiprocessors": 1.0,
    "clock_hz": 1e9, "capability_major": 9.0, "capability_minor": 0.0, "cache_bytes": 0.0,
    "registers_per_multiprocessor": 1.0, "shared_bytes_per_multiprocessor": 1.0, "shared_bytes_per_block": 1.0,
    "threads_per_multiprocessor": 1.0,
}  # fmt: skip


@dataclass
class Clock:
    """Time passes when a program says so."""

    now_s: float = 0.0

    def __call__(self) -> float:
        return self.now_s


@dataclass
class Program:
    """A program in this process that doubles its input and takes the time that its text says."""

    files: Mapping[str, str]
    clock: Clock
    memory: Sequence[int] = ()
    open: list[str] = field(default_factory=list)

    def share(self, descriptors: Sequence[int]) -> None:
        self.memory = descriptors

    def other(self, files: Mapping[str, str], entry: str | None = None) -> Program:
        return Program(files, self.clock, open=self.open)

    @contextmanager
    def session(self, timeout_s: float | None = None) -> Iterator[Session]:
        assert not self.open, "one process at a time"
        self.open.append("open")
        yield Session(self)
        self.open.clear()

    def call(self, function: str, *args: Any, timeout_s: float | None = None, **kwargs: Any) -> Any:
        raise NotImplementedError

    def run(self, command: Sequence[str], stdin: bytes = b"", timeout_s: float | None = None) -> Finished:
        raise NotImplementedError

    def build(self, command: Sequence[str], timeout_s: float | None = None) -> Finished:
        raise NotImplementedError

    def at_best(self, **metrics: float) -> None:
        raise NotImplementedError


@dataclass
class Session:
    program: Program
    slots: list[Any] = field(default_factory=list)
    seconds: float = 0.0

    def call(self, function: str, *args: Any, timeout_s: float | None = None, **kwargs: Any) -> Any:
        text = self.program.files["kernel.py"]
        if function == "prepare":
            place = shim._open_file(args[0]["memory"], self.program.memory[0])
            self.slots = [
                [shim._numpy_array(place, *tensor) for tensor in slot["tensors"]] for slot in args[0]["slots"]
            ]
            return
        self.program.clock.now_s += ROUND_TRIP_S
        for number in args[0]:
            self._one(text, *self.slots[number])

    def _one(self, text: str, x: Any, out: Any) -> None:
        if "crash" in text:
            raise CandidateCrashed("as it says")
        if "pass" in text:  # the empty program
            return
        out[:] = 2 * x if "wrong" not in text else x
        seconds = float(text.split()[1])
        self.program.clock.now_s += seconds * (10 if len(x) == 1000 else 1)

    def map(self, function: str, calls: Any, timeout_s: float | None = None) -> list[Any]:
        raise NotImplementedError


@pytest.fixture
def kernel(tmp_path: Path) -> Kernel:
    baseline = tmp_path / "baseline.py"
    baseline.write_text("takes 0.001 s")
    return Kernel(
        "double",
        lambda stage, params: CASES,
        lambda case, rng: [rng.standard_normal(case.inputs[0].shape)],
        lambda case, x: [2 * x],
        baseline,
        Language.NUMPY,
    )


def raced(kernel: Kernel, text: str, plan: Plan | None = None) -> Any:
    clock = Clock()
    program: Candidate = Program({"kernel.py": text}, clock)
    return race(program, kernel, CASES, HostDevice(clock), plan or Plan(), np.random.default_rng(1))


def test_speedup_is_exact_where_the_clock_is(kernel: Kernel) -> None:
    result = raced(kernel, "takes 0.0005 s")
    assert result.speedup() == pytest.approx((2, 2, 2))
    assert result.round_trip_s == pytest.approx(ROUND_TRIP_S)
    assert [case.candidate_s for case in result.cases] == pytest.approx([0.0005, 0.005])
    assert [case.baseline_s for case in result.cases] == pytest.approx([0.001, 0.01])
    assert all(len(case.samples) == 6 for case in result.cases)


def test_what_cannot_be_told_from_the_round_trip_counts_as_long_as_it(kernel: Kernel) -> None:
    result = raced(kernel, "takes 0.0 s")
    assert [case.candidate_s for case in result.cases] == pytest.approx([ROUND_TRIP_S / 4] * 2)


def test_a_wrong_timed_answer_is_refused(kernel: Kernel) -> None:
    with pytest.raises(CandidateRefused, match=r"Case (small|large), call \d+: out\[0\] is .* expected"):
        raced(kernel, "takes 0.0005 s wrong")


def test_faults_of_the_baseline_are_the_problems(kernel: Kernel) -> None:
    kernel.baseline.write_text("crash")
    with pytest.raises(BaselineFailed, match="the baseline failed: as it says"):
        raced(kernel, "takes 0.0005 s")


def test_a_baseline_too_short_to_time_is_the_problems_mistake(kernel: Kernel) -> None:
    kernel.baseline.write_text("takes 0.00001 s")
    with pytest.raises(TooShort, match="more calls in a request"):
        raced(kernel, "takes 0.0005 s")


def test_too_few_samples_are_refused(kernel: Kernel) -> None:
    with pytest.raises(ValueError, match="use more blocks"):
        raced(kernel, "takes 0.0005 s", Plan(blocks=1, windows=2)).speedup()


def test_a_sandbox_that_cannot_hand_over_memory_says_so(kernel: Kernel) -> None:
    class Plain:
        files: Mapping[str, str] = {}

        def other(self, files: Mapping[str, str], entry: str | None = None) -> Any:
            return self

    with pytest.raises(DeviceUnavailable, match="cannot hand memory"):
        race(Plain(), kernel, CASES, HostDevice(), Plan(), np.random.default_rng(1))  # type: ignore[arg-type]


class Described(HostDevice):
    label = "a device"

    def figures(self) -> Mapping[str, float | str]:
        return FIGURES


def test_times_below_what_the_device_can_do_are_refused(kernel: Kernel) -> None:
    honest = raced(kernel, "takes 0.0005 s")
    assert scored(honest, Described(), {}).valid
    slow_memory: dict[str, float | str] = {**FIGURES, "memory_clock_hz": 1e4}

    class Slow(Described):
        def figures(self) -> Mapping[str, float | str]:
            return slow_memory

    score = scored(honest, Slow(), {})
    assert not score.valid and "which no program can" in score.feedback


def test_the_score_says_how_near_the_roofline_is_and_what_the_device_is(kernel: Kernel) -> None:
    score = scored(raced(kernel, "takes 0.0005 s"), Described(), {})
    assert score.metrics["speedup"] == pytest.approx(2) and score.metrics["worst_speedup"] == pytest.approx(2)
    assert 0 < score.metrics["of_roofline"] < 1
    assert all(words in score.feedback for words in ("of the roofline", "compute capability 9.0", "wgmma"))
    assert set(score.per_instance) == {"small", "large"}


def test_inputs_of_another_shape_than_declared_are_the_problems_mistake(kernel: Kernel) -> None:
    other = replace(kernel, draw=lambda case, rng: [np.zeros(3)])
    with pytest.raises(ValueError, match="draw of case 'small': expected arrays of"):
        raced(other, "takes 0.0005 s")
