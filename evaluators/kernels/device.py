"""What the judge asks of the place where kernels run. It owns the memory; programs are only let in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from evaluators.kernels.dtypes import Array


class DeviceUnavailable(Exception):
    """The machine cannot do what a stage needs; nothing was judged. Says what is missing."""


class Kept(Protocol):
    """Values that the judge keeps out of the programs' sight, ready to be put into shared memory quickly."""

    @property
    def bytes(self) -> int:
        """How many bytes they are."""


class SharedMemory(Protocol):
    """Memory that the judge owns and a program's process can open. Offsets and sizes are in bytes."""

    def put(self, offset: int, kept: Kept) -> None:
        """Write kept values."""

    def fill(self, offset: int, size: int, byte: int) -> None:
        """Write one byte over and over."""

    def capture(self, offset: int, size: int) -> None:
        """Copy a stretch to where no program can change it any more. As soon as what was asked for before is done."""

    def captured(self, offset: int, size: int) -> Array:
        """Return bytes of what was captured last at that place."""

    def read(self, offset: int, size: int) -> Array:
        """Return bytes as they are now."""

    @property
    def descriptors(self) -> Sequence[int]:
        """Open files to hand to the program's process, or none."""

    def invitation(self) -> Mapping[str, Any]:
        """Return what a program's process needs to open it, beside the descriptors."""

    def close(self) -> None:
        """Give it back."""


class Device(Protocol):
    """A place where kernels run."""

    @property
    def label(self) -> str:
        """What it is, in words for people: a GPU's name, or that it is none."""

    @property
    def counts(self) -> bool:
        """Whether its times may be scores. Times of an interpreter never are."""

    def share(self, size: int) -> SharedMemory:
        """Return new shared memory."""

    def keep(self, values: Array) -> Kept:
        """Take values into the judge's own memory."""

    def settle(self) -> None:
        """Finish all that the judge asked for and make the caches cold."""

    def mark(self) -> None:
        """Return when the device has come to an end of the work that it had, whoever gave it."""

    def now_s(self) -> float:
        """Return the judge's clock."""

    def figures(self) -> Mapping[str, float | str]:
        """Return what is fixed about it: rates, sizes, limits. Empty where there is nothing to say."""

    def state(self) -> Mapping[str, float | str]:
        """Return what changes: clocks, temperature, throttling."""

    def close(self) -> None:
        """Let go of it."""
