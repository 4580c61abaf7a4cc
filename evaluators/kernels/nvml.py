"""Clocks, temperature and throttling of a GPU, read and never set."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from typing import Final

from evaluators.kernels.cuda_driver import load
from evaluators.kernels.device import DeviceUnavailable

_LIBRARIES: Final = (
    "libnvidia-ml.so.1",
    "/usr/local/nvidia/lib64/libnvidia-ml.so.1",
    "/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.1",
)
_MULTIPROCESSOR_CLOCK, _MEMORY_CLOCK = 1, 2
_ON_THE_CHIP = 0


class Monitor:
    """NVIDIA's management library for one device."""

    def __init__(self, library: ctypes.CDLL, device: ctypes.c_void_p) -> None:
        self._library, self._device = library, device

    @classmethod
    def open(cls, ordinal: int) -> Monitor | None:
        """Return a monitor, or None where the library is missing or refuses."""
        try:
            library = load(_LIBRARIES, "NVML")
        except DeviceUnavailable:
            return None
        device = ctypes.c_void_p()
        if library.nvmlInit_v2() or library.nvmlDeviceGetHandleByIndex_v2(ctypes.c_uint(ordinal), ctypes.byref(device)):
            return None
        return cls(library, device)

    def state(self) -> Mapping[str, float | str]:
        """Return what can be read now; ``throttled`` holds the reasons as bits (nvmlClocksEventReasons)."""
        found: dict[str, float | str] = {}
        for name, clock in (("clock_mhz", _MULTIPROCESSOR_CLOCK), ("memory_clock_mhz", _MEMORY_CLOCK)):
            value = ctypes.c_uint()
            if not self._library.nvmlDeviceGetClockInfo(self._device, ctypes.c_int(clock), ctypes.byref(value)):
                found[name] = float(value.value)
        value = ctypes.c_uint()
        if not self._library.nvmlDeviceGetTemperature(self._device, ctypes.c_int(_ON_THE_CHIP), ctypes.byref(value)):
            found["temperature_c"] = float(value.value)
        if not self._library.nvmlDeviceGetPowerUsage(self._device, ctypes.byref(value)):
            found["power_w"] = value.value / 1000
        reasons = ctypes.c_ulonglong()
        if not self._library.nvmlDeviceGetCurrentClocksThrottleReasons(self._device, ctypes.byref(reasons)):
            found["throttled"] = hex(reasons.value)
        return found
