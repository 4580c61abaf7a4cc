"""CUDA C++ to a library that the shim loads. Needs the compiler, not a GPU."""

from __future__ import annotations

from evaluators.candidate import Candidate
from evaluators.kernels import resources
from evaluators.kernels.device import DeviceUnavailable
from evaluators.kernels.kernel import LIBRARY_NAME, Kernel

# Machine code for these, and an intermediate form for what comes later; -arch=native would need a GPU.
_TARGETS = (
    "-gencode=arch=compute_80,code=sm_80",
    "-gencode=arch=compute_90a,code=sm_90a",
    "-gencode=arch=compute_90,code=compute_90",
)
_FIND = 'for d in "" /usr/local/cuda/bin/; do command -v ${d}nvcc && exit; done; exit 1'


def build(candidate: Candidate, kernel: Kernel) -> str:
    """Compile the entry; return what the compiler says that its kernels take.

    Raises CandidateCrashed with the compiler's words, DeviceUnavailable without one.
    """
    found = candidate.run(["/bin/sh", "-c", _FIND])
    if found.returncode:
        raise DeviceUnavailable(
            "this problem is in CUDA C++, and the sandbox has no nvcc: install the CUDA toolkit on this machine, "
            "or use an image that has it (sandbox=docker, a Dockerfile in the problem folder). The program "
            "was not judged"
        )
    nvcc = found.stdout.decode().strip()
    options = ["-O3", "-std=c++17", "-shared", "-Xcompiler=-fPIC", "--resource-usage", *_TARGETS]
    done = candidate.build([nvcc, *options, "-o", LIBRARY_NAME, kernel.entry])
    return resources.in_words(done.stdout + done.stderr)
