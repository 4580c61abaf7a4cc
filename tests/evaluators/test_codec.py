from __future__ import annotations

import datetime
import gc
import struct
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from evaluators.codec import (
    MAX_ARRAYS,
    MAX_CONTAINERS,
    Decoder,
    Encoder,
    NotData,
    contents,
    pack_column,
    unpack_column,
)

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=20)
    | st.binary(max_size=20)
)
DTYPES = st.sampled_from(["?", "i1", "i8", "u2", "f2", "f4", "f8", "c8", "c16"]).map(np.dtype)
ARRAYS = npst.arrays(DTYPES, npst.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=5))
VALUES = st.recursive(
    SCALARS | ARRAYS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


def transmitted(value: object) -> Any:
    structured, arrays = Encoder().encode(value)
    return Decoder().decode(structured, b"".join(contents(arrays)))


def same(left: Any, right: Any) -> bool:
    if type(left) is not type(right):
        return False
    if isinstance(left, np.ndarray):
        return bool(left.dtype == right.dtype and left.shape == right.shape and left.tobytes() == right.tobytes())
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict):
        return set(left) == set(right) and all(same(left[key], right[key]) for key in left)
    return bool(left == right or (left != left and right != right))


@given(VALUES)
@settings(max_examples=150, deadline=None)
def test_what_is_sent_arrives(value: object) -> None:
    assert same(transmitted(value), value)


@given(st.binary(max_size=200), st.binary(max_size=64))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_data_or_refused(structured: bytes, buffers: bytes) -> None:
    try:
        value = Decoder().decode(structured, buffers)
    except NotData:
        return
    assert same(transmitted(value), value)


def test_tuples_and_numpy_scalars_become_plain() -> None:
    assert transmitted((1, np.float64(0.5), np.int32(7), np.True_)) == [1, 0.5, 7, True]


def test_arrays_in_any_order_of_memory_arrive() -> None:
    grid = np.arange(12.0).reshape(3, 4)
    for array in (grid.T, grid[::2, ::-1], np.asfortranarray(grid), np.broadcast_to(grid[0], (2, 4))):
        np.testing.assert_array_equal(transmitted(array), array)


def test_large_arrays_arrive_writable_and_apart() -> None:
    structured, arrays = Encoder().encode([np.ones(20000), np.zeros(20000)])
    ones, zeros = Decoder().decode(structured, memoryview(bytearray(b"".join(contents(arrays)))))
    zeros += 5
    assert ones.sum() == 20000


@pytest.mark.parametrize(
    "value",
    [
        {1, 2},
        {1: 2},
        object(),
        print,
        1j,
        2**64,
        datetime.datetime(2026, 1, 1),
        np.array([None]),
        np.array(["text"]),
        np.array([1, 2], dtype=">i4"),
        np.ma.masked_array([1.0]),
        "\ud800",
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_not_data_is_refused(value: object) -> None:
    for nested in (value, [value], {"key": value}):
        with pytest.raises(NotData):
            transmitted(nested)


def test_depth_and_size_are_bounded() -> None:
    nested: list[Any] = []
    for _ in range(40):
        nested = [nested]
    with pytest.raises(NotData, match="deeper"):
        transmitted(nested)
    with pytest.raises(NotData, match="structure"):
        transmitted(b"x" * (5 << 20))


def extension(dtype: int, *shape: int) -> bytes:
    header = struct.pack(f"<BB{len(shape)}Q", dtype, len(shape), *shape)
    return msgspec.msgpack.encode(msgspec.msgpack.Ext(1, header))


@pytest.mark.parametrize(
    ("structured", "size"),
    [
        (extension(11, 1 << 62), 8),
        (extension(11, 1 << 62, 4), 0),
        (extension(11, 0, 1 << 62), 0),
        (extension(11, 3), 16),
        (extension(11, 2), 32),
        (extension(99, 1), 16),
        (b"\x92" + extension(11, 2) * 2, 16),
        (msgspec.msgpack.encode(msgspec.msgpack.Ext(1, b"")), 0),
        (msgspec.msgpack.encode(msgspec.msgpack.Ext(2, b"12")), 0),
        (b"\xd6\xff\x00\x00\x00\x00", 0),
        (b"\xc0", 16),
        (b"\xc0\xc0", 0),
        (b"", 0),
        (b"\x91" * 5000, 0),
    ],
)
def test_malformed_messages_are_refused(structured: bytes, size: int) -> None:
    with pytest.raises(NotData):
        Decoder().decode(structured, bytes(size))


def test_a_boolean_is_one_of_two() -> None:
    array = Decoder().decode(extension(0, 3), b"\x00\x01\x02".ljust(16, b"\0"))
    assert array.view(np.uint8).tolist() == [0, 1, 1]


@given(
    st.lists(SCALARS, min_size=1, max_size=6)
    | st.lists(npst.arrays("f8", npst.array_shapes(max_dims=1)), min_size=1, max_size=6)
)
@settings(max_examples=60, deadline=None)
def test_columns_come_back(values: list[Any]) -> None:
    assert same(unpack_column(transmitted(pack_column(values)), len(values)), values)


def test_a_column_of_vectors_travels_as_one() -> None:
    _, arrays = Encoder().encode(pack_column([np.ones(n) for n in range(1, 50)]))
    assert len(arrays) == 1


def array_of(item: bytes, count: int) -> bytes:
    return b"\xdd" + struct.pack(">I", count) + item * count


@pytest.mark.parametrize("item", [b"\x90", b"\x80", b"\x91\x01", b"\x81\xa1k\x01"], ids=repr)
def test_more_containers_than_anybody_needs_are_refused(item: bytes) -> None:
    at_most = array_of(item, MAX_CONTAINERS - 1)
    assert len(Decoder().decode(at_most, b"")) == MAX_CONTAINERS - 1
    with pytest.raises(NotData, match="lists and dictionaries"):
        Decoder().decode(array_of(item, MAX_CONTAINERS), b"")


def test_more_arrays_than_anybody_needs_are_refused() -> None:
    assert len(Decoder().decode(array_of(extension(11, 0), MAX_ARRAYS), b"")) == MAX_ARRAYS
    with pytest.raises(NotData, match="arrays"):
        Decoder().decode(array_of(extension(11, 0), MAX_ARRAYS + 1), b"")


def test_a_structure_that_unfolds_without_end_is_refused_before_it_does() -> None:
    unfolding: list[Any] = []
    for _ in range(20):
        unfolding = [unfolding] * 100
    with pytest.raises(NotData, match="lists and dictionaries"):
        transmitted(unfolding)


def test_decoding_leaves_the_collector_as_it_was() -> None:
    Decoder().decode(array_of(b"\x90", 100_000), b"")
    assert gc.isenabled()


@pytest.mark.parametrize(
    "packed",
    [
        None,
        [0, [1.0, 2.0], None],
        [0, None, None],
        [1, np.zeros(3), [1, 1, 2]],
        [1, np.zeros(3), [4, 0, -1]],
        [1, np.zeros(3), [True, True, True]],
        [1, np.zeros((3, 1)), [1, 1, 1]],
        [2, np.zeros(4), None],
        [9, [1, 2, 3], None],
        [[], [], []],
    ],
)
def test_malformed_columns_are_refused(packed: object) -> None:
    with pytest.raises(NotData):
        unpack_column(packed, 3)
