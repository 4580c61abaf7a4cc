"""How texts, JSON and files become bytes, exactly and small.

Texts that programs and models write are kept as bytes: neither SQLite's nor PostgreSQL's text type
holds every Python string (lone surrogates, NUL), and a record must not fail for the sake of one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import msgspec
import zstandard

_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"  # no encoded text begins like this: 0xb5 cannot follow "(" in UTF-8
_WORTH_PACKING = 256
_LEVEL = 3


def encode(text: str) -> bytes:
    """Return the UTF-8 bytes of any Python string, lone surrogates included."""
    return text.encode("utf-8", "surrogatepass")


def decode(raw: bytes) -> str:
    """Undo :func:`encode`."""
    return raw.decode("utf-8", "surrogatepass")


def to_json(value: object) -> bytes:
    """Return compact JSON; floats keep every bit, tuples become lists. Raises TypeError for other data."""
    return encode(json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_as_dict))


def from_json(raw: bytes) -> Any:
    """Undo :func:`to_json`."""
    try:
        return msgspec.json.decode(raw)
    except msgspec.DecodeError:  # a lone surrogate, or a number that is none or infinite
        return json.loads(decode(raw))


def blob_hash(raw: bytes) -> bytes:
    """Return the 16 bytes that name a blob: too long for two contents to meet by chance or intent."""
    return hashlib.sha256(raw).digest()[:16]


def _as_dict(value: object) -> dict[Any, Any]:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} cannot be kept as JSON: {value!r}")


class Packer:
    """Compresses bytes with zstandard. Not for use from several threads at once."""

    def __init__(self) -> None:
        self._compressor = zstandard.ZstdCompressor(level=_LEVEL)
        self._decompressor = zstandard.ZstdDecompressor()

    def compress(self, raw: bytes) -> bytes:
        """Return one zstandard frame."""
        return self._compressor.compress(raw)

    def decompress(self, frame: bytes) -> bytes:
        """Undo :meth:`compress`."""
        return self._decompressor.decompress(frame)

    def pack(self, raw: bytes) -> bytes:
        """Return the UTF-8 bytes of a text as they are, or compressed where that is shorter."""
        if len(raw) < _WORTH_PACKING:
            return raw
        frame = self._compressor.compress(raw)
        return frame if len(frame) < len(raw) else raw

    def unpack(self, cell: bytes) -> bytes:
        """Undo :meth:`pack`."""
        return self._decompressor.decompress(cell) if cell.startswith(_ZSTD_MAGIC) else cell


class PackerWithBase:
    """Compresses what resembles ``base`` to little more than the difference."""

    def __init__(self, base: bytes) -> None:
        content = zstandard.ZstdCompressionDict(base, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
        self._compressor = zstandard.ZstdCompressor(level=_LEVEL, dict_data=content)
        self._decompressor = zstandard.ZstdDecompressor(dict_data=content)

    def compress(self, raw: bytes) -> bytes:
        """Return one zstandard frame that only the same base can read."""
        return self._compressor.compress(raw)

    def decompress(self, frame: bytes) -> bytes:
        """Undo :meth:`compress`."""
        return self._decompressor.decompress(frame)
