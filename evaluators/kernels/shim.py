"""Runs kernels in the candidate's process: opens the judge's memory, hands out tensors, calls, synchronises.

Shipped to the sandbox as text, beside the program's files and instead of its entry, so it imports nothing of ours. It
shares its process with the program and is trusted with nothing: a program may change all of it. What the judge
believes is what it finds in memory that it owns, and what its own clock says.
"""

from __future__ import annotations

import ctypes
import importlib
import mmap
import os
import sys

import numpy as np

NUMPY = {"f64": "<f8", "f32": "<f4", "f16": "<f2", "bf16": "<u2", "i64": "<i8", "i32": "<i4", "u8": "u1"}
NUMPY["i16"] = "<i2"
TORCH = {"f64": "float64", "f32": "float32", "f16": "float16", "bf16": "bfloat16"}
TORCH |= {"i64": "int64", "i32": "int32", "u8": "uint8"}

_calls: list = []
_synchronize = None


# ── the judge's requests ──────────────────────────────────────────────────────────────────────
def prepare(order):
    """Open the memory and load the program. ``slots`` says of each call's tensors: type, shape, offset."""
    global _synchronize
    place = _OPENERS[order["memory"]["kind"]](order["memory"], order["descriptor"])
    on_gpu = order["memory"]["kind"] != "file"
    language = order["language"]
    if not on_gpu and language == "triton":
        _interpret_triton()
    function, tensors, _synchronize = _LANGUAGES[language](order, place, on_gpu)
    _calls[:] = [(function, tensors(slot)) for slot in order["slots"]]


def _interpret_triton():
    """Have Triton interpret kernels, its own library of reductions too if that was loaded before."""
    os.environ["TRITON_INTERPRET"] = "1"
    from triton.runtime.interpreter import InterpretedFunction
    from triton.runtime.jit import JITFunction

    for module in [module for name, module in sys.modules.items() if name.startswith("triton.language")]:
        for name, value in list(vars(module).items()):
            if isinstance(value, JITFunction):
                setattr(module, name, InterpretedFunction(value.fn))


def run(numbers):
    """Make the calls one after the other, then wait for the device."""
    for number in numbers:
        function, arguments = _calls[number]
        function(*arguments)
    _synchronize()


# ── memory ────────────────────────────────────────────────────────────────────────────────────
def _open_file(memory, descriptor):
    try:
        return mmap.mmap(descriptor, memory["bytes"])
    except OSError as error:
        raise SystemExit(f"the judge's memory did not arrive: {error}") from error


DRIVERS = (
    "libcuda.so.1",
    "/usr/local/nvidia/lib64/libcuda.so.1",
    "/usr/lib/x86_64-linux-gnu/libcuda.so.1",
    "/usr/lib64/libcuda.so.1",
    "/usr/lib/wsl/lib/libcuda.so.1",
)


def _library():
    """Load the driver, so that frameworks find it under its own name whatever the loader's search path."""
    for name in DRIVERS:
        try:
            driver = ctypes.CDLL(name, ctypes.RTLD_GLOBAL)
        except OSError:
            continue
        if "/" in name:
            os.environ.setdefault("TRITON_LIBCUDA_PATH", os.path.dirname(name))
        return driver
    raise SystemExit(f"no CUDA driver in the sandbox: looked for {', '.join(DRIVERS)}")


def _driver():
    driver = _library()
    _ok(driver, driver.cuInit(0))
    device, context = ctypes.c_int(), ctypes.c_void_p()
    _ok(driver, driver.cuDeviceGet(ctypes.byref(device), 0))
    _ok(driver, driver.cuDevicePrimaryCtxRetain(ctypes.byref(context), device))
    _ok(driver, driver.cuCtxSetCurrent(context))
    return driver


def _ok(driver, code):
    if code:
        words = ctypes.c_char_p()
        driver.cuGetErrorString(code, ctypes.byref(words))
        raise RuntimeError(f"CUDA driver: {(words.value or b'?').decode()} ({code})")


class _Location(ctypes.Structure):
    _fields_ = [("type", ctypes.c_int), ("id", ctypes.c_int)]


class _Access(ctypes.Structure):
    _fields_ = [("location", _Location), ("flags", ctypes.c_int)]


def _open_exported(memory, descriptor):
    """Map memory that came as an open file."""
    driver, size, zero = _driver(), ctypes.c_size_t(memory["bytes"]), ctypes.c_ulonglong(0)
    handle, address, posix_file = ctypes.c_ulonglong(), ctypes.c_ulonglong(), 1
    _ok(driver, driver.cuMemImportFromShareableHandle(ctypes.byref(handle), ctypes.c_void_p(descriptor), posix_file))
    _ok(driver, driver.cuMemAddressReserve(ctypes.byref(address), size, zero, zero, zero))
    _ok(driver, driver.cuMemMap(address, size, zero, handle, zero))
    access = _Access(_Location(1, 0), 3)
    _ok(driver, driver.cuMemSetAccess(address, size, ctypes.byref(access), ctypes.c_size_t(1)))
    return address.value


class _Handle(ctypes.Structure):
    _fields_ = [("reserved", ctypes.c_char * 64)]


def _open_ipc(memory, _descriptor):
    """Open memory by its interprocess handle."""
    driver, address = _driver(), ctypes.c_ulonglong()
    handle = _Handle.from_buffer_copy(memory["handle"])
    lazy_peer_access = ctypes.c_uint(1)
    _ok(driver, driver.cuIpcOpenMemHandle_v2(ctypes.byref(address), handle, lazy_peer_access))
    return address.value


_OPENERS = {"file": _open_file, "cuda_file": _open_exported, "cuda_ipc": _open_ipc}


# ── languages ─────────────────────────────────────────────────────────────────────────────────
class _OnGpu:
    """An array on the GPU, as torch and CuPy exchange them."""

    def __init__(self, address, dtype, shape):
        self.__cuda_array_interface__ = {
            "data": (address, False),
            "typestr": NUMPY[dtype],
            "shape": tuple(shape),
            "strides": None,
            "version": 3,
        }


def _python(order):
    return getattr(importlib.import_module(order["entry"].removesuffix(".py")), order["function"])


def _numpy_array(place, dtype, shape, offset):
    count = int(np.prod(shape, dtype=np.int64))
    return np.frombuffer(place, NUMPY[dtype], count, offset).reshape(shape)


def _numpy(order, place, on_gpu):
    if on_gpu:
        raise SystemExit("programs of numpy do not run on a GPU")
    return _python(order), lambda slot: [_numpy_array(place, *tensor) for tensor in slot["tensors"]], lambda: None


def _torch(order, place, on_gpu):
    import torch

    def tensor(dtype, shape, offset):
        if on_gpu:
            short = dtype == "bf16"  # the exchange format has no name for it, but for 16-bit whole numbers
            raw = torch.as_tensor(_OnGpu(place + offset, "i16" if short else dtype, shape), device="cuda")
            return raw.view(torch.bfloat16) if short else raw
        count = int(np.prod(shape, dtype=np.int64))
        return torch.frombuffer(place, dtype=getattr(torch, TORCH[dtype]), count=count, offset=offset).reshape(shape)

    synchronize = torch.cuda.synchronize if on_gpu else lambda: None
    return _python(order), lambda slot: [tensor(*one) for one in slot["tensors"]], synchronize


def _cupy(order, place, on_gpu):
    if not on_gpu:
        return _numpy(order, place, on_gpu)
    import cupy

    def array(dtype, shape, offset):
        return cupy.asarray(_OnGpu(place + offset, dtype, shape))

    return _python(order), lambda slot: [array(*one) for one in slot["tensors"]], cupy.cuda.runtime.deviceSynchronize


def _cuda(order, place, on_gpu):
    """Load the built library; its function is ``int launch(void** tensors, const long long* sizes, void* stream)``."""
    if not on_gpu:
        raise SystemExit("CUDA C++ runs on a GPU alone; without one it can only be compiled")
    library = ctypes.CDLL(os.path.abspath(order["library"]))
    launch, driver = getattr(library, order["function"]), _library()

    def call(pointers, sizes):
        code = launch(pointers, sizes, None)
        if code:
            raise RuntimeError(f"{order['function']} returned {code}")

    def arguments(slot):
        pointers = [place + offset for _, _, offset in slot["tensors"]]
        return (ctypes.c_void_p * len(pointers))(*pointers), (ctypes.c_longlong * len(slot["sizes"]))(*slot["sizes"])

    return call, arguments, lambda: _ok(driver, driver.cuCtxSynchronize())


_LANGUAGES = {"triton": _torch, "torch": _torch, "numpy": _numpy, "cupy": _cupy, "cuda": _cuda}
