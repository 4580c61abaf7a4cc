"""Memory of a GPU that the judge owns and a program's process opens: by an open file, else by an IPC handle."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from evaluators.kernels.cuda_driver import Access, Allocation, CudaDriver, IpcHandle, Location
from evaluators.kernels.dtypes import Array

_PINNED: Final = 1
_POSIX_FILE: Final = 1
_ON_DEVICE: Final = 1
_READ_WRITE: Final = 3


@dataclass(frozen=True)
class KeptOnDevice:
    """Values in memory of the device that no program is let into."""

    address: int
    bytes: int


class CudaMemory:
    """Shared memory of a GPU, with as much private memory for what is captured; implements ``SharedMemory``."""

    def __init__(self, driver: CudaDriver, stream: ctypes.c_void_p, region: ExportedRegion | IpcRegion) -> None:
        self._driver, self._stream, self._region = driver, stream, region
        self._shadow = driver.allocate(region.size)

    @property
    def descriptors(self) -> Sequence[int]:
        """See SharedMemory.descriptors."""
        return self._region.descriptors

    def invitation(self) -> Mapping[str, Any]:
        """See SharedMemory.invitation."""
        return self._region.invitation()

    def put(self, offset: int, kept: Any) -> None:
        """See SharedMemory.put."""
        self._driver.copy(self._region.address + offset, kept.address, kept.bytes, self._stream)

    def fill(self, offset: int, size: int, byte: int) -> None:
        """See SharedMemory.fill."""
        self._driver.fill(self._region.address + offset, size, byte, self._stream)

    def capture(self, offset: int, size: int) -> None:
        """See SharedMemory.capture."""
        self._driver.copy(self._shadow + offset, self._region.address + offset, size, self._stream)

    def captured(self, offset: int, size: int) -> Array:
        """See SharedMemory.captured."""
        return self._download(self._shadow + offset, size)

    def read(self, offset: int, size: int) -> Array:
        """See SharedMemory.read."""
        return self._download(self._region.address + offset, size)

    def close(self) -> None:
        """See SharedMemory.close."""
        self._driver.wait(self._stream)
        self._driver.free(self._shadow)
        self._region.close()

    def _download(self, address: int, size: int) -> Array:
        self._driver.wait(self._stream)
        return self._driver.download(address, size)


class ExportedRegion:
    """Memory that a process opens by an open file, which may come from another container. Raises CudaError."""

    def __init__(self, driver: CudaDriver, size: int) -> None:
        self._driver = driver
        device = Location(_ON_DEVICE, driver.ordinal)
        wanted = Allocation(_PINNED, _POSIX_FILE, device, None, (ctypes.c_ubyte * 8)())
        granularity, minimum = ctypes.c_size_t(), ctypes.c_int(0)
        driver.call("cuMemGetAllocationGranularity", ctypes.byref(granularity), ctypes.byref(wanted), minimum)
        self.size = -(-size // granularity.value) * granularity.value
        self._handle, address = ctypes.c_ulonglong(), ctypes.c_ulonglong()
        none, length = ctypes.c_ulonglong(0), ctypes.c_size_t(self.size)
        driver.call("cuMemCreate", ctypes.byref(self._handle), length, ctypes.byref(wanted), none)
        driver.call("cuMemAddressReserve", ctypes.byref(address), length, ctypes.c_size_t(0), none, none)
        driver.call("cuMemMap", address, length, ctypes.c_size_t(0), self._handle, none)
        access = Access(device, _READ_WRITE)
        driver.call("cuMemSetAccess", address, length, ctypes.byref(access), ctypes.c_size_t(1))
        self.address = address.value
        descriptor = ctypes.c_int(-1)
        driver.call(
            "cuMemExportToShareableHandle", ctypes.byref(descriptor), self._handle, ctypes.c_int(_POSIX_FILE), none
        )
        self.descriptors = (descriptor.value,)

    def invitation(self) -> Mapping[str, Any]:
        """Return what the shim needs."""
        return {"kind": "cuda_file", "bytes": self.size}

    def close(self) -> None:
        """Unmap and release."""
        address, length = ctypes.c_ulonglong(self.address), ctypes.c_size_t(self.size)
        os.close(self.descriptors[0])
        self._driver.call("cuMemUnmap", address, length)
        self._driver.call("cuMemRelease", self._handle)
        self._driver.call("cuMemAddressFree", address, length)


class IpcRegion:
    """Memory that a process opens by a handle of 64 bytes; needs both in one process namespace. Raises CudaError."""

    descriptors: tuple[int, ...] = ()

    def __init__(self, driver: CudaDriver, size: int) -> None:
        self._driver, self.size = driver, size
        self.address = driver.allocate(size)
        handle = IpcHandle()
        driver.call("cuIpcGetMemHandle", ctypes.byref(handle), ctypes.c_ulonglong(self.address))
        self._handle = bytes(handle.reserved)

    def invitation(self) -> Mapping[str, Any]:
        """Return what the shim needs."""
        return {"kind": "cuda_ipc", "bytes": self.size, "handle": self._handle}

    def close(self) -> None:
        """Give it back."""
        self._driver.free(self.address)
