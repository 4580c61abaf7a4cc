"""One program's process on the bench: opened, asked to make calls, timed by the judge's clock, looked at afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol, runtime_checkable

import numpy as np

from evaluators.candidate import Candidate, CandidateRefused, Session
from evaluators.kernels import compilation, pool
from evaluators.kernels.arena import Layout, Slot
from evaluators.kernels.device import Device, DeviceUnavailable, SharedMemory
from evaluators.kernels.examination import Examination
from evaluators.kernels.kernel import LIBRARY_NAME, Kernel, Language
from evaluators.protocol import FIRST_SHARED_FD

SHIM_NAME: Final = "kernel_host.py"
_GUARDS: Final = range(1, 256)


@runtime_checkable
class SharesFiles(Protocol):
    """A candidate whose processes can inherit open files of the judge."""

    def share(self, descriptors: Sequence[int]) -> None:
        """Let every later process of the program inherit them."""


@dataclass(frozen=True)
class Bench:
    """Memory with questions in it, on a device. Close the memory at the end."""

    kernel: Kernel
    device: Device
    layout: Layout
    memory: SharedMemory
    examination: Examination

    @classmethod
    def build(cls, kernel: Kernel, device: Device, layout: Layout, rng: np.random.Generator) -> Bench:
        """Draw the questions and share memory for them."""
        questions = pool.draw(kernel, layout, device, rng)
        memory = device.share(layout.bytes)
        guard = int(rng.choice(_GUARDS))
        return cls(kernel, device, layout, memory, Examination(memory, questions, guard, rng))

    @contextmanager
    def opened(self, program: Candidate) -> Iterator[Run]:
        """Start a process of a program that ``staged`` returned; its memory holds no question yet."""
        if not isinstance(program, SharesFiles):
            raise DeviceUnavailable("this sandbox cannot hand memory of the judge to a program")
        program.share(self.memory.descriptors)
        self.memory.fill(0, self.layout.bytes, 0)
        with program.session() as session:
            session.call("prepare", self._order())
            yield Run(self, session)

    def _order(self) -> dict[str, Any]:
        kernel = self.kernel
        return {
            "memory": dict(self.memory.invitation()),
            "descriptor": FIRST_SHARED_FD,
            "language": str(kernel.language),
            "entry": kernel.entry,
            "library": LIBRARY_NAME,
            "function": kernel.function,
            "slots": [_described(slot) for slot in self.layout.slots],
        }


@dataclass(frozen=True)
class Run:
    """A process that waits for calls."""

    bench: Bench
    session: Session

    def ask(self, slots: Sequence[Slot]) -> float:
        """Make one request of so many calls; return its seconds, from before it is sent until the device is done.

        The tensors are captured right behind that. Look at them with ``Examination.fault``.
        """
        device, examination = self.bench.device, self.bench.examination
        numbers = [slot.number for slot in slots]
        examination.lay(slots)
        device.settle()
        began = device.now_s()
        self.session.call("run", numbers)
        device.mark()
        seconds = device.now_s() - began
        examination.capture(slots)
        return seconds

    def check(self, slots: Sequence[Slot]) -> None:
        """Look at the calls of the last requests. Raises CandidateRefused."""
        refuse(self.bench.examination.fault(slots))


def refuse(fault: str) -> None:
    """Raise CandidateRefused if there is a fault."""
    if fault:
        raise CandidateRefused(f"{fault[0].upper()}{fault[1:]}.")


@dataclass(frozen=True)
class Staged:
    """A program that can be opened on a bench. ``compiler``: what its compiler said that its kernels take."""

    program: Candidate
    compiler: str = ""


def staged(candidate: Candidate, kernel: Kernel, files: Mapping[str, str] | None = None) -> Staged:
    """Return a program to be opened on a bench: the candidate's, or other ``files``, behind the judge's shim."""
    text = Path(__file__).with_name("shim.py").read_text("utf-8")
    program = candidate.other({**(candidate.files if files is None else files), SHIM_NAME: text}, SHIM_NAME)
    return Staged(program, compilation.build(program, kernel) if kernel.language is Language.CUDA else "")


def _described(slot: Slot) -> dict[str, Any]:
    tensors = [[one.tensor.dtype.value, list(one.tensor.shape), one.offset] for one in slot.tensors]
    return {"tensors": tensors, "sizes": list(slot.case.sizes.values())}
