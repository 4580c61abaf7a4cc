"""From a stage's name to a score."""

from __future__ import annotations

from typing import Any

import numpy as np

from evaluators.candidate import Candidate
from evaluators.kernels.correctness import check
from evaluators.kernels.host_device import HostDevice
from evaluators.kernels.kernel import Kernel
from evaluators.score import Score

NOT_TIMED = {"speedup": 0.0, "worst_speedup": 0.0}


def evaluate(candidate: Candidate, stage: str, params: dict[str, Any], kernel: Kernel) -> Score:
    """Judge one stage: "correct", "compile" or "timing".

    Raises CandidateErrors as they come.
    """
    rng = np.random.default_rng()  # from the system, now that the program is fixed
    cases = kernel.cases(stage, params)
    if stage == "correct":
        device = HostDevice()
        calls = check(candidate, kernel, cases, device, rng)
        return Score(
            dict(NOT_TIMED), feedback=f"Right in {calls} calls of {len(cases)} cases ({device.label}). Not timed."
        )
    raise ValueError(f"unknown stage {stage!r}")
