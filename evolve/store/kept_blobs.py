"""Reading what the record keeps compressed, with nothing but its bytes and zstandard.

Written apart from :mod:`evolve.store.encoding` on purpose: what one of them gets wrong the other shows.
"""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from typing import Any

import zstandard
from sqlalchemy import Connection, text

_FRAME = b"\x28\xb5\x2f\xfd"
_KEPT = 256
_DEEPEST = 100


class Unreadable(Exception):
    """What is kept cannot be read; the message says why."""


def cell(raw: bytes) -> bytes:
    """Return the bytes of a text column, compressed or not. Raises Unreadable."""
    return _unframed(raw, None) if raw.startswith(_FRAME) else raw


def cell_json(raw: bytes) -> Any:
    """Return the JSON of a column. Raises Unreadable."""
    try:
        return json.loads(cell(raw).decode("utf-8", "surrogatepass"))
    except ValueError as error:
        raise Unreadable(f"no JSON: {error}") from error


def digest(files: dict[str, bytes]) -> bytes:
    """Return the fingerprint of files by path."""
    content = bytearray()
    for path in sorted(files):
        for part in (path.encode("utf-8", "surrogatepass"), files[path]):
            content += len(part).to_bytes(8, "big") + part
    return hashlib.sha256(content).digest()[:16]


class Blobs:
    """The blobs of a database by name, each held against its hash. The latest read are kept."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._kept: OrderedDict[bytes, bytes] = OrderedDict()

    def read(self, name: bytes, depth: int = 0) -> bytes:
        """Return the content of a blob. Raises Unreadable."""
        if name in self._kept:
            self._kept.move_to_end(name)
            return self._kept[name]
        row = self._connection.execute(text("SELECT base, data FROM blobs WHERE hash = :name"), {"name": name}).first()
        if row is None:
            raise Unreadable(f"there is no blob {name.hex()}")
        if depth > _DEEPEST:
            raise Unreadable(f"blob {name.hex()} rests on itself")
        content = _unframed(bytes(row.data), None if row.base is None else self.read(bytes(row.base), depth + 1))
        if hashlib.sha256(content).digest()[:16] != name:
            raise Unreadable(f"blob {name.hex()} has another content than its name says")
        self._kept[name] = content
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return content


def _unframed(frame: bytes, base: bytes | None) -> bytes:
    known = None
    if base is not None:
        known = zstandard.ZstdCompressionDict(base, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
    try:
        return zstandard.ZstdDecompressor(dict_data=known).decompress(frame)
    except zstandard.ZstdError as error:
        raise Unreadable(f"a compressed text is damaged: {error}") from error
