"""Where the tensors of all calls lie in one stretch of shared memory.

::

    guard | tensor | guard | tensor | guard | ...

Each call has tensors of its own (a slot): what a call reads was never read before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from evaluators.kernels.kernel import Case, Tensor

GUARD_BYTES: Final = 4096
"""Also the alignment of every tensor."""


@dataclass(frozen=True)
class Placed:
    """A tensor at its place, in bytes from the start of the memory. Guards lie right before and behind it."""

    tensor: Tensor
    offset: int

    @property
    def end(self) -> int:
        """The first byte that is not its own."""
        return self.offset + self.tensor.bytes


@dataclass(frozen=True)
class Slot:
    """The tensors of one call."""

    number: int
    case: Case
    inputs: tuple[Placed, ...]
    outputs: tuple[Placed, ...]

    @property
    def tensors(self) -> tuple[Placed, ...]:
        """All of them, in the order of the program's arguments."""
        return (*self.inputs, *self.outputs)


@dataclass(frozen=True)
class Layout:
    """All slots, and how much memory they take."""

    slots: tuple[Slot, ...]
    bytes: int


def lay_out(cases: Sequence[tuple[Case, int]]) -> Layout:
    """Place so many slots of each case one after the other."""
    slots: list[Slot] = []
    end = 0
    for case, count in cases:
        for _ in range(count):
            placed = []
            for tensor in case.tensors:
                offset = _aligned(end) + GUARD_BYTES
                placed.append(Placed(tensor, offset))
                end = offset + tensor.bytes + GUARD_BYTES
            split = len(case.inputs)
            slots.append(Slot(len(slots), case, tuple(placed[:split]), tuple(placed[split:])))
    return Layout(tuple(slots), _aligned(end))


def _aligned(offset: int) -> int:
    return -(-offset // GUARD_BYTES) * GUARD_BYTES
