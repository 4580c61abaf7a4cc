"""Plain data and numpy arrays as bytes, and back. The decoder is the border: it trusts nothing.

A message has a structured part (MessagePack, at most 4 MiB) and a buffer part (the contents of all
arrays, one after the other, each starting at a multiple of 16). In the structured part an array is
an extension of type 1: index of its data type, number of dimensions, dimensions as u64. Arrays take
their contents in the order in which they appear, so no two of them overlap.

Four megabytes can hold four million empty lists, which cost the receiver seconds; so containers and
arrays are counted, and a message with too many is refused.
"""

from __future__ import annotations

import gc
import math
import struct
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

MAX_STRUCTURED_BYTES: Final = 4 << 20
MAX_BUFFER_BYTES: Final = 1 << 30
MAX_DEPTH: Final = 32
MAX_CONTAINERS: Final = 1 << 18
MAX_ARRAYS: Final = 1 << 17
MAX_DIMENSIONS: Final = 32
ALIGNMENT: Final = 16

_ARRAY = 1
_COPIED_BYTES = 65536
_MANY_OBJECTS_BYTES = 65536
_SCALARS = frozenset({type(None), bool, int, float, str, bytes})
_DTYPES = tuple(
    np.dtype(code) for code in ("?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "c8", "c16")
)
_DTYPE_INDEX = {dtype: index for index, dtype in enumerate(_DTYPES)}
_VECTOR = struct.Struct("<BBQ")
_LONG = struct.Struct("<q")


class NotData(Exception):
    """A value that is not plain data, or bytes that are not a well-formed message."""


class Encoder:
    """Turns values into a structured part and a list of buffers."""

    def __init__(self) -> None:
        self._buffers: list[Array] = []
        self._packer = msgspec.msgpack.Encoder(enc_hook=self._extension)

    def encode(self, value: object) -> tuple[bytes, list[Array]]:
        """Return the structured part and the arrays whose contents follow it, in order.

        Raises NotData for anything but the types that ``Candidate`` lists.
        """
        self._buffers = []
        try:
            _check(value, _ENCODABLE)
            structured = self._packer.encode(value)
        except (TypeError, ValueError, OverflowError, UnicodeError, RecursionError) as error:
            raise NotData(f"not data: {error}") from error
        if len(structured) > MAX_STRUCTURED_BYTES:
            raise NotData(f"{len(structured)} bytes of structure; at most {MAX_STRUCTURED_BYTES} (use numpy arrays)")
        return structured, self._buffers

    def _extension(self, value: object) -> object:
        if type(value) is np.ndarray:
            index = _DTYPE_INDEX.get(value.dtype)
            if index is None:
                raise NotData(f"not data: an array of {value.dtype}")
            if len(self._buffers) == MAX_ARRAYS:
                raise NotData(f"not data: more than {MAX_ARRAYS} arrays")
            self._buffers.append(value)
            if value.ndim == 1:
                return msgspec.msgpack.Ext(_ARRAY, _VECTOR.pack(index, 1, value.shape[0]))
            return msgspec.msgpack.Ext(_ARRAY, struct.pack(f"<BB{value.ndim}Q", index, value.ndim, *value.shape))
        if isinstance(value, np.generic) and value.dtype in _DTYPE_INDEX and value.dtype.kind != "c":
            return value.item()
        raise NotData(f"not data: {type(value).__name__}")


class Decoder:
    """Turns a structured part and its buffers into values, whoever made them."""

    def __init__(self) -> None:
        self._unpacker = msgspec.msgpack.Decoder(ext_hook=self._array)
        self._buffers = memoryview(b"")
        self._next = self._arrays = 0

    def decode(self, structured: bytes | memoryview, buffers: bytes | memoryview) -> Any:
        """Return the value; its arrays share the memory of ``buffers`` and nothing else.

        Raises NotData.
        """
        self._buffers, self._next, self._arrays = memoryview(buffers), 0, 0
        try:
            if len(structured) < _MANY_OBJECTS_BYTES:
                value = self._unpacker.decode(structured)
            else:
                with _no_collection():
                    value = self._unpacker.decode(structured)
            _check(value, _DECODABLE)
        except (msgspec.MsgspecError, UnicodeError, TypeError, ValueError, OverflowError, RecursionError) as error:
            raise NotData(f"malformed: {error}") from error
        if _aligned(self._next) != len(self._buffers):
            raise NotData(f"malformed: {len(self._buffers)} bytes of arrays where {self._next} were announced")
        return value

    def _array(self, code: int, header: memoryview) -> Any:
        if code != _ARRAY or len(header) < 2:
            raise NotData("malformed: unknown extension")
        index, dimensions = header[0], header[1]
        if index >= len(_DTYPES) or dimensions > MAX_DIMENSIONS or len(header) != 2 + 8 * dimensions:
            raise NotData("malformed: bad array header")
        self._arrays += 1
        if self._arrays > MAX_ARRAYS:
            raise NotData(f"malformed: more than {MAX_ARRAYS} arrays")
        dtype = _DTYPES[index]
        shape = struct.unpack_from(f"<{dimensions}Q", header, 2)
        count = math.prod(shape)
        start = _aligned(self._next)
        end = start + count * dtype.itemsize
        if end > len(self._buffers) or max(shape, default=0) > MAX_BUFFER_BYTES:
            raise NotData("malformed: an array is larger than its contents")
        self._next = end
        if dtype.kind == "b":
            # Any byte but 0 and 1 would make a boolean that is neither.
            return (np.frombuffer(self._buffers, np.uint8, count, start) != 0).reshape(shape)
        return np.frombuffer(self._buffers, dtype, count, start).reshape(shape)


def _aligned(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT


def contents(buffers: Sequence[Array]) -> list[bytes | memoryview]:
    """Return the buffer part as pieces to send one after the other."""
    pieces: list[bytes | memoryview] = []
    for array in buffers:
        small = array.nbytes < _COPIED_BYTES
        pieces.append(array.tobytes() if small else np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
        if array.nbytes % ALIGNMENT:
            pieces.append(bytes(ALIGNMENT - array.nbytes % ALIGNMENT))
    return pieces


_ENCODABLE = frozenset({list, tuple, dict, np.ndarray}) | _SCALARS
_DECODABLE = frozenset({list, dict, np.ndarray}) | _SCALARS
_CONTAINERS = frozenset({list, tuple, dict})


def _check(value: object, allowed: frozenset[type]) -> None:
    """Raise NotData unless ``value`` is built of exactly the allowed types (numpy scalars when encoding).

    Level by level, so that neither the stack nor the work grows beyond what is counted here.
    """
    level: Sequence[object] = ((value,),)
    containers = 0
    for _ in range(MAX_DEPTH + 1):
        inner: list[object] = []
        for container in level:
            items = _items(container)
            kinds = set(map(type, items))
            for unknown in kinds - allowed:
                if allowed is _DECODABLE or not issubclass(unknown, np.generic):
                    raise NotData(f"not data: {unknown.__name__}")
            if not kinds.isdisjoint(_CONTAINERS):
                inner += [item for item in items if type(item) in _CONTAINERS]
                if containers + len(inner) > MAX_CONTAINERS:
                    raise NotData(f"not data: more than {MAX_CONTAINERS} lists and dictionaries (use numpy arrays)")
        if not inner:
            return
        containers += len(inner)
        level = inner
    raise NotData(f"not data: nested deeper than {MAX_DEPTH}")


@contextmanager
def _no_collection() -> Iterator[None]:
    """Keep the collector of cycles, which there are none of, from looking at each new object again and again."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _items(container: Any) -> Collection[Any]:
    if type(container) is dict:
        if set(map(type, container)) - {str}:
            raise NotData("not data: a dictionary whose keys are not all text")
        return container.values()
    return container  # type: ignore[no-any-return]


# ── many calls in one message ────────────────────────────────────────────────────────────────
# Values of many calls travel by column: the first arguments of all calls, then the second ones.
# A column of vectors of one data type becomes one long vector and its lengths, which costs a tenth
# of the separate arrays.
_PLAIN, _VECTORS, _FLOATS = 0, 1, 2


def pack_column(values: Sequence[Any]) -> list[Any]:
    """Return ``values`` as a value that ``Encoder`` takes."""
    kinds = set(map(type, values))
    if kinds == {np.ndarray}:
        dtype = values[0].dtype
        if all(value.ndim == 1 and value.dtype is dtype for value in values) and dtype in _DTYPE_INDEX:
            return [_VECTORS, np.concatenate(values), list(map(len, values))]
    if kinds == {np.float64}:
        return [_FLOATS, np.array(values), None]
    return [_PLAIN, list(values), None]


def unpack_column(packed: object, count: int) -> list[Any]:
    """Return the ``count`` values of a packed column. Raises NotData."""
    if type(packed) is not list or len(packed) != 3:
        raise NotData("malformed: a column needs three parts")
    kind, data, lengths = packed
    if kind == _PLAIN and type(data) is list:
        values = data
    elif kind == _FLOATS and type(data) is np.ndarray and data.ndim == 1:
        values = data.tolist()
    elif kind == _VECTORS and type(data) is np.ndarray and data.ndim == 1 and type(lengths) is list:
        values = _split(data, lengths)
    else:
        raise NotData("malformed: unknown column")
    if len(values) != count:
        raise NotData(f"malformed: {len(values)} values where {count} were expected")
    return values


def _split(data: Array, lengths: list[Any]) -> list[Array]:
    if set(map(type, lengths)) - {int} or min(lengths, default=0) < 0 or sum(lengths) != len(data):
        raise NotData("malformed: lengths that do not add up")
    return [data[end - length : end] for end, length in zip(accumulate(lengths), lengths, strict=True)]
