"""The few calls of the CUDA driver that the judge makes, by ctypes: no framework runs in the judge's process."""

from __future__ import annotations

import ctypes
from enum import IntEnum
from typing import Any, Final

import numpy as np

from evaluators.kernels.device import DeviceUnavailable
from evaluators.kernels.dtypes import Array

LIBRARIES: Final = (
    "libcuda.so.1",
    "/usr/local/nvidia/lib64/libcuda.so.1",
    "/usr/lib/x86_64-linux-gnu/libcuda.so.1",
    "/usr/lib64/libcuda.so.1",
    "/usr/lib/wsl/lib/libcuda.so.1",
)
"""Where the driver may be; the loader's own search first. The shim has the same list."""
_NAME_BYTES = 256


class Attribute(IntEnum):
    """Numbers of ``CUdevice_attribute`` (cuda.h)."""

    MAX_THREADS_PER_BLOCK = 1
    CLOCK_RATE = 13
    MULTIPROCESSOR_COUNT = 16
    MEMORY_CLOCK_RATE = 36
    GLOBAL_MEMORY_BUS_WIDTH = 37
    L2_CACHE_SIZE = 38
    MAX_THREADS_PER_MULTIPROCESSOR = 39
    COMPUTE_CAPABILITY_MAJOR = 75
    COMPUTE_CAPABILITY_MINOR = 76
    MAX_SHARED_MEMORY_PER_MULTIPROCESSOR = 81
    MAX_REGISTERS_PER_MULTIPROCESSOR = 82
    MAX_SHARED_MEMORY_PER_BLOCK_OPTIN = 97
    HANDLE_TYPE_POSIX_FILE_DESCRIPTOR_SUPPORTED = 103


class CudaError(Exception):
    """The driver refused a call; says which and why."""


class Location(ctypes.Structure):
    """``CUmemLocation``."""

    _fields_ = (("type", ctypes.c_int), ("id", ctypes.c_int))


class Allocation(ctypes.Structure):
    """``CUmemAllocationProp``."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("handle_types", ctypes.c_int),
        ("location", Location),
        ("windows", ctypes.c_void_p),
        ("flags", ctypes.c_ubyte * 8),
    )


class Access(ctypes.Structure):
    """``CUmemAccessDesc``."""

    _fields_ = (("location", Location), ("flags", ctypes.c_int))


class IpcHandle(ctypes.Structure):
    """``CUipcMemHandle``."""

    _fields_ = (("reserved", ctypes.c_ubyte * 64),)


def load(names: tuple[str, ...], what: str) -> ctypes.CDLL:
    """Return the first library that can be loaded. Raises DeviceUnavailable."""
    words = ""
    for name in names:
        try:
            return ctypes.CDLL(name)
        except OSError as error:
            words = words or str(error)
    raise DeviceUnavailable(f"this machine has no {what}: {words}")


class CudaDriver:
    """The driver with a context on the first visible device, current in this thread. Raises DeviceUnavailable."""

    def __init__(self) -> None:
        self._library = load(LIBRARIES, "driver for NVIDIA GPUs")
        count, self._device, context = ctypes.c_int(), ctypes.c_int(), ctypes.c_void_p()
        try:
            self.call("cuInit", ctypes.c_uint(0))
            self.call("cuDeviceGetCount", ctypes.byref(count))
            if not count.value:
                raise DeviceUnavailable("the driver shows no GPU to this process")
            self.call("cuDeviceGet", ctypes.byref(self._device), ctypes.c_int(0))
            self.call("cuDevicePrimaryCtxRetain", ctypes.byref(context), self._device)
            self.call("cuCtxSetCurrent", context)
        except CudaError as error:
            raise DeviceUnavailable(f"the GPU cannot be used: {error}") from error

    def call(self, name: str, *arguments: Any) -> None:
        """Call a function of the driver. Raises CudaError."""
        code = getattr(self._library, name)(*arguments)
        if code:
            words = ctypes.c_char_p()
            self._library.cuGetErrorString(ctypes.c_int(code), ctypes.byref(words))
            raise CudaError(f"{name}: {(words.value or b'unknown error').decode()} ({code})")

    @property
    def ordinal(self) -> int:
        """The device's number as this process sees it."""
        return self._device.value

    def close(self) -> None:
        """Give the context back."""
        self.call("cuDevicePrimaryCtxRelease_v2", self._device)

    def name(self) -> str:
        """Return the device's name."""
        text = ctypes.create_string_buffer(_NAME_BYTES)
        self.call("cuDeviceGetName", text, ctypes.c_int(_NAME_BYTES), self._device)
        return text.value.decode()

    def attribute(self, attribute: Attribute) -> int:
        """Return one of the device's numbers."""
        value = ctypes.c_int()
        self.call("cuDeviceGetAttribute", ctypes.byref(value), ctypes.c_int(attribute), self._device)
        return value.value

    def version(self) -> int:
        """Return the newest version of CUDA that the driver knows, times 1000."""
        value = ctypes.c_int()
        self.call("cuDriverGetVersion", ctypes.byref(value))
        return value.value

    def stream(self) -> ctypes.c_void_p:
        """Return a new stream that does not wait for the default one."""
        stream, non_blocking = ctypes.c_void_p(), ctypes.c_uint(1)
        self.call("cuStreamCreate", ctypes.byref(stream), non_blocking)
        return stream

    def allocate(self, size: int) -> int:
        """Return the address of so many new bytes on the device."""
        address = ctypes.c_ulonglong()
        self.call("cuMemAlloc_v2", ctypes.byref(address), ctypes.c_size_t(size))
        return address.value

    def free(self, address: int) -> None:
        """Give back what ``allocate`` returned."""
        self.call("cuMemFree_v2", ctypes.c_ulonglong(address))

    def upload(self, address: int, values: Array) -> None:
        """Copy values to the device."""
        source = np.ascontiguousarray(values)
        self.call(
            "cuMemcpyHtoD_v2",
            ctypes.c_ulonglong(address),
            ctypes.c_void_p(source.ctypes.data),
            ctypes.c_size_t(source.nbytes),
        )

    def download(self, address: int, size: int) -> Array:
        """Return bytes of the device's memory."""
        target = np.empty(size, np.uint8)
        self.call(
            "cuMemcpyDtoH_v2", ctypes.c_void_p(target.ctypes.data), ctypes.c_ulonglong(address), ctypes.c_size_t(size)
        )
        return target

    def copy(self, target: int, source: int, size: int, stream: ctypes.c_void_p) -> None:
        """Copy within the device."""
        self.call(
            "cuMemcpyDtoDAsync_v2",
            ctypes.c_ulonglong(target),
            ctypes.c_ulonglong(source),
            ctypes.c_size_t(size),
            stream,
        )

    def fill(self, address: int, size: int, byte: int, stream: ctypes.c_void_p) -> None:
        """Write one byte over and over."""
        self.call("cuMemsetD8Async", ctypes.c_ulonglong(address), ctypes.c_ubyte(byte), ctypes.c_size_t(size), stream)

    def wait(self, stream: ctypes.c_void_p) -> None:
        """Return when the stream is empty."""
        self.call("cuStreamSynchronize", stream)
