"""GPUs of this machine, stages that need one, and what else kernels need."""

from __future__ import annotations

import importlib.metadata
import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from evolve.domain.problem import Problem, Stage
from evolve.errors import ConfigurationError

_DEVICE = re.compile(r"nvidia\d+|dxg")


def visible_gpus(devices: Path = Path("/dev")) -> list[str]:
    """Return the device files of NVIDIA GPUs on this machine."""
    return sorted(path.name for path in devices.iterdir() if _DEVICE.fullmatch(path.name))


def refuse_without_gpu(problem: Problem, stages: Iterable[Stage], devices: Path = Path("/dev")) -> None:
    """Raise ConfigurationError if one of the stages needs a GPU and this machine shows none.

    Nothing is run on the processor instead: its times would be no scores.
    """
    needing = [stage.name for stage in stages if stage.resources.gpus]
    if not needing or visible_gpus(devices):
        return
    without = [stage.name for stage in problem.stages if not stage.resources.gpus]
    other = (
        f" No GPU is needed for: --stage {' --stage '.join(without)} (`evolve eval`, `evolve check`)."
        if without
        else ""
    )
    raise ConfigurationError(
        f"Stage {', '.join(needing)} of problem {problem.name!r} needs a GPU: expected {devices}/nvidia0 or the like, "
        f"found none on this machine.{other} `evolve doctor` says what this machine has."
    )


def kernel_parts() -> list[tuple[bool, str]]:
    """Return for each part of judging kernels whether it is there, and what that means."""
    return [_devices(), _compiler(), *map(_package, ("triton", "torch"))]


def _devices() -> tuple[bool, str]:
    found = visible_gpus()
    if not found:
        return False, "no GPU: kernels are checked by Triton's interpreter or compiled, never timed"
    shared = "whether memory can be shared with programs is tried by the first timing stage"
    return True, f"{driver_words() or ', '.join(found)}; {shared}"


def driver_words() -> str:
    """Return the names and drivers of the GPUs, "" where nobody can tell."""
    command = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ""
    return "; ".join(line.strip() for line in said.splitlines())


def _compiler() -> tuple[bool, str]:
    found = shutil.which("nvcc") or shutil.which("nvcc", path="/usr/local/cuda/bin")
    return bool(found), f"nvcc: {found}" if found else "no nvcc: problems in CUDA C++ cannot be compiled"


def _package(name: str) -> tuple[bool, str]:
    try:
        return True, f"{name} {importlib.metadata.version(name)}"
    except importlib.metadata.PackageNotFoundError:
        return False, f"no {name}: pip install 'evolve-search[kernels]' for kernel problems in Python"
