"""Before and after each call: inputs in, outputs poisoned; then every byte that tells a right call from a wrong one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from evaluators.kernels.arena import GUARD_BYTES, Placed, Slot
from evaluators.kernels.device import SharedMemory
from evaluators.kernels.dtypes import Array, DType
from evaluators.kernels.kernel import Bound
from evaluators.kernels.pool import Question

WHOLE_BYTES: Final = 4 << 20
"""Tensors up to this size are compared whole after every call; of larger ones both ends and pieces drawn afterwards."""
PIECES: Final = 64
PIECE_BYTES: Final = 16384
_LARGEST_ELEMENT: Final = 8


@dataclass(frozen=True)
class Examination:
    """Lays out the questions in shared memory and looks at what became of them.

    Args:
        guard: the byte around every tensor, drawn by lot.
        rng: chooses what is compared of large tensors, after the call.
    """

    memory: SharedMemory
    questions: Mapping[int, Question]
    guard: int
    rng: np.random.Generator

    def lay(self, slots: Sequence[Slot]) -> None:
        """Write inputs and guards, and poison outputs, right before a request."""
        for slot in slots:
            question = self.questions[slot.number]
            for placed in slot.tensors:
                self.memory.fill(placed.offset - GUARD_BYTES, GUARD_BYTES, self.guard)
                self.memory.fill(placed.end, GUARD_BYTES, self.guard)
            for placed, kept in zip(slot.inputs, question.kept, strict=True):
                self.memory.put(placed.offset, kept)
            for placed in slot.outputs:
                self.memory.fill(placed.offset, placed.tensor.bytes, placed.tensor.dtype.poison)

    def capture(self, slots: Sequence[Slot]) -> None:
        """Take the tensors of the calls, with their guards, out of the program's reach."""
        for slot in slots:
            for placed in slot.tensors:
                self.memory.capture(placed.offset - GUARD_BYTES, placed.tensor.bytes + 2 * GUARD_BYTES)

    def fault(self, slots: Sequence[Slot]) -> str:
        """Return what is wrong with the captured calls, "" if nothing."""
        return next(filter(None, map(self._slot_fault, slots)), "")

    def changed_since(self, slots: Sequence[Slot]) -> str:
        """Return what was written after the capture, "" if nothing. Ask when the program has ended."""
        for slot in slots:
            for placed in slot.outputs:
                for start, size in self._pieces(placed):
                    now, then = (look(placed.offset + start, size) for look in (self.memory.read, self.memory.captured))
                    if not np.array_equal(now, then):
                        return f"{_called(slot)}: {placed.tensor.name} was written after the call had returned"
        return ""

    def _slot_fault(self, slot: Slot) -> str:
        question = self.questions[slot.number]
        faults = [self._guard_fault(placed) for placed in slot.tensors]
        faults += [
            self._input_fault(placed, values) for placed, values in zip(slot.inputs, question.stored, strict=True)
        ]
        if not any(faults):
            answers = zip(slot.outputs, question.answers, question.bounds, strict=True)
            faults += [self._output_fault(placed, answer, bound) for placed, answer, bound in answers]
        fault = next(filter(None, faults), "")
        return fault and f"{_called(slot)}: {fault}"

    def _guard_fault(self, placed: Placed) -> str:
        for offset in (placed.offset - GUARD_BYTES, placed.end):
            if np.any(self.memory.captured(offset, GUARD_BYTES) != self.guard):
                return f"memory {'before' if offset < placed.offset else 'behind'} {placed.tensor.name} was written"
        return ""

    def _input_fault(self, placed: Placed, stored: Array) -> str:
        expected = stored.reshape(-1).view(np.uint8)
        for start, size in self._pieces(placed):
            if not np.array_equal(self.memory.captured(placed.offset + start, size), expected[start : start + size]):
                return f"the input {placed.tensor.name} was changed"
        return ""

    def _output_fault(self, placed: Placed, answer: Array, bound: Bound) -> str:
        dtype, flat = placed.tensor.dtype, answer.reshape(-1)
        for start, size in self._pieces(placed):
            found = dtype.decode(self.memory.captured(placed.offset + start, size).view(dtype.storage))
            part = slice(start // dtype.size_bytes, (start + size) // dtype.size_bytes)
            fault = element_fault(found, flat[part], bound, dtype)
            if fault:
                index, words = fault
                place = tuple(map(int, np.unravel_index(part.start + index, placed.tensor.shape)))
                return f"{placed.tensor.name}{list(place)} {words}"
        return ""

    def _pieces(self, placed: Placed) -> Iterator[tuple[int, int]]:
        """Yield offsets in a tensor and sizes, in bytes, to look at."""
        size = placed.tensor.bytes
        if size <= WHOLE_BYTES:
            yield 0, size
            return
        last = size - PIECE_BYTES
        drawn = self.rng.integers(0, last, PIECES - 2) // _LARGEST_ELEMENT * _LARGEST_ELEMENT
        for start in (0, last, *map(int, drawn)):
            yield start, PIECE_BYTES


def element_fault(found: Array, answer: Array, bound: Bound, dtype: DType) -> tuple[int, str] | None:
    """Return the first element that is wrong, and how; None if all are right.

    NaN is right only where NaN is asked for, and an infinity only where the same one is.
    """
    with np.errstate(invalid="ignore"):
        near = np.isfinite(found) & np.isfinite(answer) & (np.abs(found - answer) <= bound.of(answer))
    right = near | (found == answer) | (np.isnan(found) & np.isnan(answer))
    if np.all(right):
        return None
    index = int(np.argmin(right))
    hint = " (not a number, or never written)" if np.isnan(found[index]) else ""
    limit = f" give or take {bound.of(answer[index]):.3g}" if dtype.is_float else ""
    wrong = found.size - int(np.count_nonzero(right))
    return index, f"is {found[index]}{hint}, expected {answer[index]}{limit}; {wrong} of {found.size} are wrong"


def _called(slot: Slot) -> str:
    return f"case {slot.case.name}, call {slot.number}"
