"""From a stage's name to a score."""

from __future__ import annotations

from typing import Any

import numpy as np

from evaluators.candidate import Candidate
from evaluators.kernels import compilation
from evaluators.kernels.correctness import check
from evaluators.kernels.cuda_device import CudaDevice
from evaluators.kernels.device import Device
from evaluators.kernels.host_device import HostDevice
from evaluators.kernels.kernel import Kernel
from evaluators.kernels.race import Plan, race
from evaluators.kernels.report import scored
from evaluators.score import Score

CUDA, SIMULATED = "cuda", "simulated"


def evaluate(candidate: Candidate, stage: str, params: dict[str, Any], kernel: Kernel) -> Score:
    """Judge one stage.

    ``compile`` translates CUDA C++ and runs nothing; ``correct`` runs small cases without a GPU; ``correct_gpu`` does
    on one; ``timing`` and ``sealed`` race against the baseline on a GPU. ``params["device"]`` "simulated" has the last
    three happen on this machine's processor, for tests of the harness.

    Raises CandidateErrors as they come, DeviceUnavailable where a GPU is needed and there is none.
    """
    if stage == "compile":
        told = compilation.build(candidate, kernel)
        return _untimed(f"It compiles. Nothing was run.\n{told}".rstrip())
    device = HostDevice() if stage == "correct" else _device(str(params.get("device", CUDA)))
    try:
        return _on_device(candidate, stage, params, kernel, device)
    finally:
        device.close()


def _on_device(candidate: Candidate, stage: str, params: dict[str, Any], kernel: Kernel, device: Device) -> Score:
    rng = np.random.default_rng()  # from the system, now that the program is fixed
    cases = kernel.cases(stage, params)
    if stage in ("correct", "correct_gpu"):
        calls = check(candidate, kernel, cases, device, rng)
        return _untimed(f"Right in {calls} calls of {len(cases)} cases ({device.label}). Not timed.")
    if stage not in ("timing", "sealed"):
        raise ValueError(f"a kernel has stages compile, correct, correct_gpu, timing and sealed, not {stage!r}")
    plan = Plan(int(params.get("blocks", Plan.blocks)), int(params.get("windows", Plan.windows)))
    before = device.state()
    return scored(race(candidate, kernel, cases, device, plan, rng), device, before)


def _device(name: str) -> Device:
    if name == SIMULATED:
        return HostDevice()
    if name == CUDA:
        return CudaDevice.open()
    raise ValueError(f"params.device: expected {CUDA!r} or {SIMULATED!r}, found {name!r}")


def _untimed(feedback: str) -> Score:
    """Return a score that says 0 for what was not measured."""
    return Score({"speedup": 0.0, "worst_speedup": 0.0}, feedback=feedback)
