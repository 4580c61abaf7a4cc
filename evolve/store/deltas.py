"""Program files kept as differences.

A program is mostly its parent. Its files are therefore compressed with an ancestor's file of the
same path as dictionary: the base. A base is whole itself, so that reading a file takes two blobs
whatever its age; when a file has moved too far from the base, it is kept whole and becomes the base
of its own descendants. Typically a 5 kB program takes 0.3 kB instead of 2 kB, and less time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Generic, TypeVar

from evolve.store.encoding import Packer, PackerWithBase
from evolve.store.reading import Reader

_KEPT_STEPS = 10_000
_KEPT_BASES = 64
_SMALLEST, _LARGEST = 200, 1 << 20
"""Sizes in bytes between which a difference is worth looking for."""
_SURELY_SHORT = 8
"""A difference this many times shorter than the file needs no comparison with the whole one."""

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class _Recent(Generic[_Key, _Value]):
    """Remembers the ``size`` values used last."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._values: dict[_Key, _Value] = {}

    def get(self, key: _Key) -> _Value | None:
        value = self._values.pop(key, None)
        if value is not None:
            self._values[key] = value
        return value

    def put(self, key: _Key, value: _Value) -> None:
        self._values[key] = value
        if len(self._values) > self._size:
            del self._values[next(iter(self._values))]

    def clear(self) -> None:
        self._values.clear()


class Bases:
    """Knows which blob each file of a recent program is, or would be, the difference from."""

    def __init__(self, reader: Reader, packer: Packer) -> None:
        self._reader = reader
        self._packer = packer
        self._of_step: _Recent[tuple[int, int], Mapping[str, bytes]] = _Recent(_KEPT_STEPS)
        self._bases: _Recent[bytes, PackerWithBase] = _Recent(_KEPT_BASES)

    def of_step(self, run: int, step: int) -> Mapping[str, bytes]:
        """Return path -> name of the base for the children of a program; empty if there is none."""
        known = self._of_step.get((run, step))
        if known is None:
            known = self._reader.bases(run, step)
            self._of_step.put((run, step), known)
        return known

    def remember(self, run: int, step: int, bases: Mapping[str, bytes]) -> None:
        """Note the bases for the children of a program that is about to be written."""
        self._of_step.put((run, step), bases)

    def frame(self, name: bytes, raw: bytes, base: bytes | None) -> tuple[bytes | None, bytes]:
        """Return the base that was used, if any, and the compressed content of the blob ``name``."""
        short = self._difference(raw, base) if base is not None and _SMALLEST <= len(raw) <= _LARGEST else None
        if short is not None and len(short) * _SURELY_SHORT <= len(raw):
            return base, short
        whole = self._packer.compress(raw)
        if short is not None and len(short) * 2 <= len(whole):
            return base, short
        if len(raw) <= _LARGEST:
            self._bases.put(name, PackerWithBase(raw))
        return None, whole

    def forget(self) -> None:
        """Forget all, because a transaction that wrote some of it was undone."""
        self._of_step.clear()
        self._bases.clear()

    def _difference(self, raw: bytes, base: bytes) -> bytes | None:
        packer = self._bases.get(base)
        if packer is None:
            contents = self._reader.blobs([base])
            if base not in contents:
                return None
            packer = PackerWithBase(contents[base])
            self._bases.put(base, packer)
        return packer.compress(raw)


def first_parent(parents: Iterable[int]) -> int | None:
    """Return the step that a program was edited from, or None for a program from nowhere."""
    return next(iter(parents), None)
