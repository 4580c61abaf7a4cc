"""What GPU frameworks say a kernel takes: a CUDA graph of many calls, and ``triton.testing.do_bench``.

    python -m evolve.bench.kernel_reference FOLDER PROGRAM PARAMS     prints JSON: case -> {"graph_us", "do_bench_us"}

For honest programs of torch tensors alone: it runs the program in its own process and believes its clock. Without a
GPU it times calls on the CPU, for tests of what uses it.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

_REPLAYS = 30
_WARM_UP = 3
_FLUSHED_BYTES = 512 << 20
_NAMES = {"f64": "float64", "f32": "float32", "f16": "float16", "bf16": "bfloat16"}
_WHOLE = {"i64": "int64", "i32": "int32", "u8": "uint8"}


def main(folder: str, program: str, params: str) -> None:
    """Time the program at every case of the problem's stage "timing"."""
    kernel = _module("evaluate", Path(folder) / "evaluate.py").KERNEL
    function = getattr(_module("program", Path(program)), kernel.function)
    cases = kernel.cases("timing", json.loads(params))
    print(json.dumps({case.name: _timed(function, kernel, case) for case in cases}))


def _timed(function: Callable[..., object], kernel: Any, case: Any) -> dict[str, float]:
    """Return microseconds of a call, each on tensors of its own as the harness has them."""
    calls = [_tensors(kernel, case, seed) for seed in range(case.calls)]
    for tensors in calls[:_WARM_UP]:
        function(*tensors)
    if not _gpu():
        return {"graph_us": _on_cpu(function, calls), "do_bench_us": _on_cpu(function, calls)}
    testing = importlib.import_module("triton.testing")
    alone_ms = testing.do_bench(lambda: function(*calls[0]), return_mode="median")
    return {"graph_us": _graph_us(function, calls), "do_bench_us": float(alone_ms) * 1e3}


def _graph_us(function: Callable[..., object], calls: Sequence[Sequence[Any]]) -> float:
    """Replay a graph of all calls, caches cold before each replay; return the median of a call."""
    import torch

    flushed = torch.empty(_FLUSHED_BYTES, dtype=torch.uint8, device="cuda")
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for tensors in calls:
            function(*tensors)
    seconds = []
    for _ in range(_REPLAYS):
        flushed.zero_()
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
        begin.record()
        graph.replay()
        end.record()
        torch.cuda.synchronize()
        seconds.append(float(begin.elapsed_time(end)) * 1e3 / len(calls))
    return statistics.median(seconds)


def _on_cpu(function: Callable[..., object], calls: Sequence[Sequence[Any]]) -> float:
    seconds = []
    for tensors in calls:
        began = time.perf_counter()
        function(*tensors)
        seconds.append((time.perf_counter() - began) * 1e6)
    return statistics.median(seconds)


def _tensors(kernel: Any, case: Any, seed: int) -> list[Any]:
    """Return inputs as the judge draws them, and outputs."""
    import numpy as np
    import torch

    place = "cuda" if _gpu() else "cpu"
    drawn = kernel.draw(case, np.random.default_rng(seed))
    if kernel.language == "numpy":
        return [*drawn, *(np.empty(tensor.shape, tensor.dtype.storage) for tensor in case.outputs)]
    kinds = [getattr(torch, {**_NAMES, **_WHOLE}[tensor.dtype.value]) for tensor in case.tensors]
    inputs = [torch.from_numpy(np.ascontiguousarray(v)).to(place, t) for v, t in zip(drawn, kinds, strict=False)]
    outputs = zip(case.outputs, kinds[len(inputs) :], strict=True)
    return [*inputs, *(torch.empty(tensor.shape, dtype=kind, device=place) for tensor, kind in outputs)]


def _gpu() -> bool:
    import torch

    return bool(torch.cuda.is_available())


def _module(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    main(*sys.argv[1:])
