"""The inputs of all calls, with the right answers. Both stay with the judge: shared memory gets the inputs alone."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from evaluators.kernels.arena import Layout, Slot
from evaluators.kernels.device import Device, Kept
from evaluators.kernels.dtypes import Array
from evaluators.kernels.kernel import Bound, Case, Kernel

_WORKERS: Final = 8


@dataclass(frozen=True)
class Question:
    """What one call gets and must answer.

    Args:
        stored: the inputs as they are in memory.
        kept: the same, ready to be put into shared memory.
        answers: the outputs in float64 or int64.
        bounds: the largest errors allowed of each.
    """

    stored: tuple[Array, ...]
    kept: tuple[Kept, ...]
    answers: tuple[Array, ...]
    bounds: tuple[Bound, ...]


def draw(kernel: Kernel, layout: Layout, device: Device, rng: np.random.Generator) -> dict[int, Question]:
    """Return a question for each slot, no two alike. Raises ValueError where draw or reference miss their shapes."""
    streams = rng.spawn(len(layout.slots))  # numpy leaves the other cores free, and large inputs take long
    with ThreadPoolExecutor(_WORKERS) as workers:
        made = workers.map(partial(_question, kernel), layout.slots, streams)
        return {slot.number: one.kept_on(device) for slot, one in zip(layout.slots, made, strict=True)}


@dataclass(frozen=True)
class _Drawn:
    """A question before a device has taken its inputs."""

    stored: tuple[Array, ...]
    answers: tuple[Array, ...]
    bounds: tuple[Bound, ...]

    def kept_on(self, device: Device) -> Question:
        kept = tuple(device.keep(values) for values in self.stored)
        return Question(self.stored, kept, self.answers, self.bounds)


def _question(kernel: Kernel, slot: Slot, rng: np.random.Generator) -> _Drawn:
    case = slot.case
    drawn = _checked("draw", case, [t.tensor.shape for t in slot.inputs], kernel.draw(case, rng))
    stored = tuple(t.tensor.dtype.encode(values) for t, values in zip(slot.inputs, drawn, strict=True))
    exact = [t.tensor.dtype.decode(values) for t, values in zip(slot.inputs, stored, strict=True)]
    answers = _checked("reference", case, [t.tensor.shape for t in slot.outputs], kernel.reference(case, *exact))
    bounds = tuple(kernel.tolerance.of(case, t.tensor, answer) for t, answer in zip(slot.outputs, answers, strict=True))
    return _Drawn(stored, answers, bounds)


def _checked(what: str, case: Case, shapes: Sequence[tuple[int, ...]], values: Sequence[Array]) -> tuple[Array, ...]:
    found = [np.shape(value) for value in values]
    if found != list(shapes):
        raise ValueError(f"{what} of case {case.name!r}: expected arrays of {list(shapes)}, found {found}")
    return tuple(np.asarray(value) for value in values)
