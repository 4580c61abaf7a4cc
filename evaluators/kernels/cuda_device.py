"""A GPU as the judge holds it: memory, marker, cold caches, figures."""

from __future__ import annotations

import time
from collections.abc import Mapping

from evaluators.kernels.cuda_driver import Attribute, CudaDriver, CudaError
from evaluators.kernels.cuda_memory import CudaMemory, ExportedRegion, IpcRegion, KeptOnDevice
from evaluators.kernels.device import DeviceUnavailable
from evaluators.kernels.dtypes import Array
from evaluators.kernels.nvml import Monitor

_FLUSH_FACTOR = 4
_FIGURES = {
    "multiprocessors": (Attribute.MULTIPROCESSOR_COUNT, 1),
    "clock_hz": (Attribute.CLOCK_RATE, 1000),
    "memory_clock_hz": (Attribute.MEMORY_CLOCK_RATE, 1000),
    "memory_bus_bits": (Attribute.GLOBAL_MEMORY_BUS_WIDTH, 1),
    "cache_bytes": (Attribute.L2_CACHE_SIZE, 1),
    "capability_major": (Attribute.COMPUTE_CAPABILITY_MAJOR, 1),
    "capability_minor": (Attribute.COMPUTE_CAPABILITY_MINOR, 1),
    "threads_per_multiprocessor": (Attribute.MAX_THREADS_PER_MULTIPROCESSOR, 1),
    "registers_per_multiprocessor": (Attribute.MAX_REGISTERS_PER_MULTIPROCESSOR, 1),
    "shared_bytes_per_multiprocessor": (Attribute.MAX_SHARED_MEMORY_PER_MULTIPROCESSOR, 1),
    "shared_bytes_per_block": (Attribute.MAX_SHARED_MEMORY_PER_BLOCK_OPTIN, 1),
}


class CudaDevice:
    """The first GPU that this process sees; implements ``Device``."""

    counts = True

    def __init__(self, driver: CudaDriver) -> None:
        self._driver = driver
        self._stream = driver.stream()
        self._figures: dict[str, float | str] = {"name": driver.name(), "driver": str(driver.version())}
        self._figures |= {name: float(driver.attribute(a) * unit) for name, (a, unit) in _FIGURES.items()}
        self._scratch_bytes = int(_FLUSH_FACTOR * float(self._figures["cache_bytes"])) or 1
        self._scratch = driver.allocate(self._scratch_bytes)
        self._kept: list[int] = []
        self._monitor = Monitor.open(driver.ordinal)

    @classmethod
    def open(cls) -> CudaDevice:
        """Return the device. Raises DeviceUnavailable saying what is missing; never falls back to a CPU."""
        return cls(CudaDriver())

    @property
    def label(self) -> str:
        """See Device.label."""
        return str(self._figures["name"])

    def share(self, size: int) -> CudaMemory:
        """See Device.share. Raises DeviceUnavailable where no way of sharing works, or memory is short."""
        words = []
        for kind in (ExportedRegion, IpcRegion):
            try:
                return CudaMemory(self._driver, self._stream, kind(self._driver, size))
            except CudaError as error:
                words.append(f"{kind.__name__}: {error}")
        raise DeviceUnavailable(f"{size} bytes of GPU memory cannot be shared with a program: {'; '.join(words)}")

    def keep(self, values: Array) -> KeptOnDevice:
        """See Device.keep."""
        address = self._driver.allocate(max(1, values.nbytes))
        self._kept.append(address)
        self._driver.upload(address, values)
        return KeptOnDevice(address, values.nbytes)

    def settle(self) -> None:
        """See Device.settle. Writes more than the last cache holds and takes its persisting lines back."""
        self._driver.fill(self._scratch, self._scratch_bytes, 0, self._stream)
        self._driver.wait(self._stream)
        self._driver.call("cuCtxResetPersistingL2Cache")

    def mark(self) -> None:
        """See Device.mark: a write of the judge, which waits its turn behind what the program's context still does."""
        self._driver.fill(self._scratch, 1, 0, self._stream)
        self._driver.wait(self._stream)

    def now_s(self) -> float:
        """See Device.now_s."""
        return time.perf_counter()

    def figures(self) -> Mapping[str, float | str]:
        """See Device.figures."""
        return self._figures

    def state(self) -> Mapping[str, float | str]:
        """See Device.state."""
        return self._monitor.state() if self._monitor else {"monitor": "no NVML: clocks and temperature unknown"}

    def close(self) -> None:
        """See Device.close."""
        for address in (*self._kept, self._scratch):
            self._driver.free(address)
        self._driver.call("cuStreamDestroy_v2", self._stream)
        self._driver.close()
