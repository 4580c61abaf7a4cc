"""Whether a program computes what it should, on fresh inputs of every case."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from evaluators.candidate import Candidate
from evaluators.kernels.arena import lay_out
from evaluators.kernels.bench import Bench, refuse, staged
from evaluators.kernels.device import Device
from evaluators.kernels.kernel import Case, Kernel

CALLS = 2


def check(candidate: Candidate, kernel: Kernel, cases: Sequence[Case], device: Device, rng: np.random.Generator) -> int:
    """Call the program twice on each case; return the number of calls. Raises a CandidateError for the first fault."""
    bench = Bench.build(kernel, device, lay_out([(case, CALLS) for case in cases]), rng)
    slots = bench.layout.slots
    try:
        with bench.opened(staged(candidate, kernel).program) as run:
            for slot in slots:
                run.ask([slot])
                run.check([slot])
        refuse(bench.examination.changed_since(slots))
    finally:
        bench.memory.close()
    return len(slots)
