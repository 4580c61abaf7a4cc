"""The judge's and the shim's calls of the CUDA driver, on a driver of our own that checks its arguments."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evaluators.candidate import CandidateRefused, Finished
from evaluators.kernels import Case, DType, Kernel, Language, Tensor, cuda_driver, nvml
from evaluators.kernels import shim as untyped_shim
from evaluators.kernels.cuda_device import CudaDevice
from evaluators.kernels.device import DeviceUnavailable
from evaluators.kernels.race import Plan, race
from evaluators.kernels.report import scored
from evaluators.timing import TooShort

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="needs a C compiler: Debian's package is gcc")
shim: Any = untyped_shim  # shipped as text, and without types
LENGTH = 300_000
TWICE = """
extern "C" int twice(void** t, const long long* sizes, void*) {
  const float* x = (const float*)t[0]; float* out = (float*)t[1];
  for (long long i = 0; i < sizes[0]; i++) out[i] = 2 * x[i];
  return 0;
}
"""


@dataclass
class Program:
    """A program of CUDA C++ in this process, compiled for the processor."""

    files: Mapping[str, str]
    folder: Path
    memory: Sequence[int] = ()
    built: list[str] = field(default_factory=list)

    def share(self, descriptors: Sequence[int]) -> None:
        self.memory = descriptors

    def other(self, files: Mapping[str, str], entry: str | None = None) -> Program:
        return Program(files, self.folder)

    def run(self, command: Sequence[str], stdin: bytes = b"", timeout_s: float | None = None) -> Finished:
        return Finished(0, b"nvcc\n", b"", 0.0)

    def build(self, command: Sequence[str], timeout_s: float | None = None) -> Finished:
        library = self.folder / f"{abs(hash(self.files['kernel.cu']))}.so"
        source = library.with_suffix(".cpp")
        source.write_text(self.files["kernel.cu"])
        subprocess.run(["g++", "-O1", "-shared", "-fPIC", "-o", str(library), str(source)], check=True)
        self.built.append(str(library))
        return Finished(0, b"", b"", 0.0)

    def call(self, function: str, *args: Any, timeout_s: float | None = None, **kwargs: Any) -> Any:
        raise NotImplementedError

    def at_best(self, **metrics: float) -> None:
        raise NotImplementedError

    @contextmanager
    def session(self, timeout_s: float | None = None) -> Iterator[Session]:
        yield Session(self)


@dataclass
class Session:
    program: Program
    seconds: float = 0.0

    def call(self, function: str, *args: Any, timeout_s: float | None = None, **kwargs: Any) -> Any:
        if function == "run":
            return shim.run(args[0])
        order = {**args[0], "library": self.program.built[-1], "descriptor": next(iter(self.program.memory), -1)}
        return shim.prepare(order)

    def map(self, function: str, calls: Any, timeout_s: float | None = None) -> list[Any]:
        raise NotImplementedError


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> str:
    target = tmp_path_factory.mktemp("driver") / "libcuda.so.1"
    source = Path(__file__).with_name("fake_driver.c")
    subprocess.run(["gcc", "-O1", "-w", "-shared", "-fPIC", "-o", str(target), str(source)], check=True)
    return str(target)


@pytest.fixture(params=["exported", "ipc"])
def device(library: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[CudaDevice]:
    monkeypatch.setattr(cuda_driver, "LIBRARIES", (library,))
    monkeypatch.setattr(nvml, "_LIBRARIES", ("no such library",))
    monkeypatch.setattr(shim, "DRIVERS", (library,))
    if request.param == "ipc":
        monkeypatch.setenv("FAKE_NO_EXPORT", "1")
    opened = CudaDevice.open()
    yield opened
    opened.close()


@pytest.fixture
def kernel(tmp_path: Path) -> Kernel:
    baseline = tmp_path / "baseline.cu"
    baseline.write_text(TWICE)
    x, out = (Tensor(name, (LENGTH,), DType.F32) for name in ("x", "out"))
    case = Case("one", (x,), (out,), sizes={"length": LENGTH}, calls=4)
    return Kernel(
        "twice",
        lambda stage, params: [case],
        lambda case, rng: [rng.standard_normal(LENGTH, dtype=np.float32)],
        lambda case, x: [2 * x],
        baseline,
        Language.CUDA,
        entry="kernel.cu",
    )


def raced(kernel: Kernel, device: CudaDevice, text: str, folder: Path) -> Any:
    """Race a program; where the machine is so busy that an empty request takes longer than the baseline, again."""
    program = Program({"kernel.cu": text}, folder)
    for _ in range(4):
        with suppress(TooShort):
            return race(program, kernel, kernel.cases("timing", {}), device, Plan(), np.random.default_rng(0))
    return race(program, kernel, kernel.cases("timing", {}), device, Plan(), np.random.default_rng(0))


def test_memory_of_the_judge_reaches_a_program_and_its_results_are_timed(
    kernel: Kernel, device: CudaDevice, tmp_path: Path
) -> None:
    result = raced(kernel, device, TWICE, tmp_path)
    assert result.cases[0].candidate_s > 0
    assert device.label == "a fake GPU" and device.counts
    score = scored(result, device, device.state())
    assert "a fake GPU" in str(score.artifacts["device"])


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (("2 * x[i]", "3 * x[i]"), "expected"),
        (("i < sizes[0]", "i < sizes[0] - 1"), "never written"),
        (("i < sizes[0]", "i < sizes[0] + 1"), "memory behind out was written"),
        (("return 0;", "((float*)t[0])[5] = 1; return 0;"), "the input x was changed"),
    ],
)
def test_faults_are_found_in_the_devices_memory(
    kernel: Kernel, device: CudaDevice, tmp_path: Path, change: tuple[str, str], fault: str
) -> None:
    with pytest.raises(CandidateRefused, match=fault):
        raced(kernel, device, TWICE.replace(*change), tmp_path)


def test_a_machine_without_a_driver_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda_driver, "LIBRARIES", ("libcuda.of.no.machine.so",))
    with pytest.raises(DeviceUnavailable, match="no driver for NVIDIA GPUs"):
        CudaDevice.open()
