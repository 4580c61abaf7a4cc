"""What the author of a kernel problem declares: tensors, cases, the right answer and how near to it is near enough."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import numpy as np

from evaluators.kernels.dtypes import Array, DType

Params = Mapping[str, Any]
LIBRARY_NAME: Final = "kernel.so"
"""What CUDA C++ is compiled to."""


class Language(StrEnum):
    """What a program is written in, and so what it is handed."""

    TRITON = "triton"
    """Python: the entry function gets torch tensors. Without a GPU, Triton's interpreter runs its kernels."""
    TORCH = "torch"
    """Python: the entry function gets torch tensors."""
    CUPY = "cupy"
    """Python: the entry function gets CuPy arrays; without a GPU, numpy's."""
    NUMPY = "numpy"
    """Python: the entry function gets numpy arrays. For tests of the harness; runs on the CPU alone."""
    CUDA = "cuda"
    """CUDA C++: a C function gets pointers; see README.md."""


@dataclass(frozen=True)
class Tensor:
    """A contiguous array that a kernel reads or writes."""

    name: str
    shape: tuple[int, ...]
    dtype: DType

    @property
    def elements(self) -> int:
        """How many elements it has."""
        return math.prod(self.shape)

    @property
    def bytes(self) -> int:
        """How much memory it takes."""
        return self.elements * self.dtype.size_bytes


@dataclass(frozen=True)
class Case:
    """One shape and data type at which a kernel is checked or timed.

    Args:
        name: unique; the name of the instance in a score.
        inputs, outputs: in the order in which the program gets them: ``function(*inputs, *outputs)``.
        operations: rounded operations in a row behind one output, such as the length of a sum. Sets the tolerance.
        accumulate: the precision that the operations must be carried out in.
        flops: arithmetic that no program can do without; 0: memory alone bounds the time.
        moved_bytes: memory traffic that no program can do without; None: each input read and each output written once.
        matrix: whether the arithmetic may be done by matrix units, whose rate is then the bound.
        sizes: numbers that a CUDA C++ program gets beside the pointers, by name.
        calls: in one timed request. Together they should take 20 round trips (1.5 ms) or more.
    """

    name: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    operations: int = 1
    accumulate: DType = DType.F32
    flops: float = 0.0
    moved_bytes: float | None = None
    matrix: bool = False
    sizes: Mapping[str, int] = field(default_factory=dict)
    calls: int = 12

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """All arguments of the program's function, in order."""
        return (*self.inputs, *self.outputs)

    @property
    def least_bytes(self) -> float:
        """Bytes that must pass through memory."""
        return sum(t.bytes for t in self.tensors) if self.moved_bytes is None else self.moved_bytes


@dataclass(frozen=True)
class Bound:
    """The largest error of an output's elements: a part of each one's size, and as much for all."""

    relative: float
    absolute: float

    def of(self, answer: Array) -> Array:
        """Return it for each element."""
        bound: Array = self.relative * np.abs(answer) + self.absolute
        return bound


@dataclass(frozen=True)
class Tolerance:
    """How far an output may be from the float64 reference.

    An element may be off by one rounding of its own type, and by what ``operations`` roundings of the
    accumulation add up to, times ``safety``, measured against its own size plus the typical size of the output (root
    mean square). The second part is what tells float32 from the shorter types that matrix units would rather use.
    """

    safety: float = 8.0

    def of(self, case: Case, output: Tensor, reference: Array) -> Bound:
        """Return the largest errors allowed; none for whole numbers."""
        if not output.dtype.is_float or not reference.size:
            return Bound(0.0, 0.0)
        scale = math.sqrt(float(np.mean(np.square(reference[np.isfinite(reference)]))))
        grown = self.safety * case.accumulate.epsilon / 2 * math.sqrt(max(1, case.operations))
        return Bound(output.dtype.epsilon + grown, grown * scale)


@dataclass(frozen=True)
class Kernel:
    """A kernel problem.

    Args:
        function: of the program's entry file, called as ``function(*inputs, *outputs)``. It writes the outputs; what it
            returns is not looked at.
        cases: (stage, params) -> the cases of a stage: small ones for "correct", realistic ones for "timing".
        draw: (case, rng) -> values of the inputs, as arrays of the inputs' shapes; rounded to the inputs' types
            afterwards. Called with a seed that is drawn once the program is fixed.
        reference: (case, *inputs) -> the outputs, from the inputs as stored, in float64 or int64.
        baseline: program that times are relative to, a file beside evaluate.py.
        language: of the programs.
        entry: file name of the program; problem.yaml's.
        tolerance: see Tolerance.
    """

    function: str
    cases: Callable[[str, Params], Sequence[Case]]
    draw: Callable[[Case, np.random.Generator], Sequence[Array]]
    reference: Callable[..., Sequence[Array]]
    baseline: Path
    language: Language = Language.TRITON
    entry: str = "kernel.py"
    tolerance: Tolerance = Tolerance()
