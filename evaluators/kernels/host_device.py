"""Kernels without a GPU: shared memory of this machine, and an interpreter or a library for the CPU.

The protocol between judge and program is the one for GPUs, so that all of it but the driver is tested anywhere.
Times of this device say nothing about a GPU and are no scores.
"""

from __future__ import annotations

import mmap
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from evaluators.kernels.dtypes import Array


@dataclass(frozen=True)
class KeptArray:
    """Values in this process's memory."""

    values: Array

    @property
    def bytes(self) -> int:
        """How many bytes they are."""
        return int(self.values.nbytes)


class MemoryFile:
    """Shared memory that is a file without a name; implements ``SharedMemory``."""

    def __init__(self, size: int) -> None:
        self._descriptor = os.memfd_create("kernels")
        os.ftruncate(self._descriptor, size)
        self._size = size
        self._map = mmap.mmap(self._descriptor, size)
        self._bytes = np.frombuffer(self._map, np.uint8)
        self._captured = np.empty(size, np.uint8)

    @property
    def descriptors(self) -> Sequence[int]:
        """See SharedMemory.descriptors."""
        return (self._descriptor,)

    def put(self, offset: int, kept: Any) -> None:
        """See SharedMemory.put."""
        self._bytes[offset : offset + kept.bytes] = kept.values.reshape(-1).view(np.uint8)

    def fill(self, offset: int, size: int, byte: int) -> None:
        """See SharedMemory.fill."""
        self._bytes[offset : offset + size] = byte

    def capture(self, offset: int, size: int) -> None:
        """See SharedMemory.capture."""
        self._captured[offset : offset + size] = self._bytes[offset : offset + size]

    def captured(self, offset: int, size: int) -> Array:
        """See SharedMemory.captured."""
        return self._captured[offset : offset + size]

    def read(self, offset: int, size: int) -> Array:
        """See SharedMemory.read."""
        return self._bytes[offset : offset + size].copy()

    def invitation(self) -> Mapping[str, Any]:
        """See SharedMemory.invitation."""
        return {"kind": "file", "bytes": self._size}

    def close(self) -> None:
        """See SharedMemory.close."""
        self._bytes = self._captured = np.empty(0, np.uint8)
        self._map.close()
        os.close(self._descriptor)


class HostDevice:
    """This machine's memory and processor; implements ``Device``.

    Args:
        clock: in seconds; tests set their own.
    """

    label = "no GPU: interpreted on the CPU"
    counts = False

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self.now_s = clock

    def share(self, size: int) -> MemoryFile:
        """See Device.share."""
        return MemoryFile(size)

    def keep(self, values: Array) -> KeptArray:
        """See Device.keep."""
        return KeptArray(values)

    def settle(self) -> None:
        """See Device.settle: a processor's memory is written when the call returns."""

    def mark(self) -> None:
        """See Device.mark: there is no queue."""

    def figures(self) -> Mapping[str, float | str]:
        """See Device.figures."""
        return {}

    def state(self) -> Mapping[str, float | str]:
        """See Device.state."""
        return {}

    def close(self) -> None:
        """See Device.close."""
