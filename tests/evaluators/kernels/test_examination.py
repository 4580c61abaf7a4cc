from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from evaluators.kernels import Case, DType, Kernel, Language, Tensor
from evaluators.kernels.arena import lay_out
from evaluators.kernels.bench import Bench
from evaluators.kernels.dtypes import Array
from evaluators.kernels.examination import PIECES, WHOLE_BYTES
from evaluators.kernels.host_device import HostDevice, KeptArray

LENGTH = WHOLE_BYTES // 4 + 77
CASE = Case("large", (Tensor("x", (LENGTH,), DType.F32),), (Tensor("out", (LENGTH,), DType.F32),))


@pytest.fixture
def bench() -> Iterator[Bench]:
    kernel = Kernel(
        "copy",
        lambda stage, params: [CASE],
        lambda case, rng: [rng.random(LENGTH, dtype=np.float32)],
        lambda case, x: [x],
        Path("none"),
        Language.NUMPY,
    )
    made = Bench.build(kernel, HostDevice(), lay_out([(CASE, 1)]), np.random.default_rng(5))
    yield made
    made.memory.close()


def answered(bench: Bench, wrong: slice) -> str:
    """Return what is found when a call copies its input but for a stretch."""
    [slot] = bench.layout.slots
    bench.examination.lay([slot])
    out: Array = bench.examination.questions[0].stored[0].copy()
    out[wrong] = np.nan
    bench.memory.put(slot.outputs[0].offset, KeptArray(out))
    bench.examination.capture([slot])
    return bench.examination.fault([slot])


def test_both_ends_of_a_large_tensor_are_always_looked_at(bench: Bench) -> None:
    assert answered(bench, slice(0, 0)) == ""
    assert "out[0] is nan" in answered(bench, slice(0, 1))
    assert f"out[{LENGTH - 1}] is nan" in answered(bench, slice(LENGTH - 1, LENGTH))


def test_a_twentieth_left_out_does_not_escape_twenty_calls(bench: Bench) -> None:
    stretch = slice(LENGTH // 3, LENGTH // 3 + LENGTH // 20)
    found = [bool(answered(bench, stretch)) for _ in range(20)]
    assert sum(found) > 15, f"each call escapes with probability {(1 - 1 / 20) ** PIECES:.2f}"


def test_what_is_written_after_the_capture_is_found(bench: Bench) -> None:
    answered(bench, slice(0, 0))
    slots = bench.layout.slots
    assert bench.examination.changed_since(slots) == ""
    bench.memory.fill(slots[0].outputs[0].end - 4, 4, 0)
    assert "written after the call had returned" in bench.examination.changed_since(slots)
