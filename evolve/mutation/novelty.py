"""Programs that were tried before under another look, found before they cost an evaluation.

Two programs with the same normal form are duplicates. Programs whose words nearly all agree are near
duplicates: they are found by MinHash (Broder 1997) with banding, in time that does not grow with the
number of programs. Looking for those is off by default, since in a long program one changed number or
operator is a near duplicate and may be all the difference. Similarity of meaning (embeddings of a
model) is not looked for.

A program's mark is stored with it, so that after a resume no program has to be read and parsed again.
"""

from __future__ import annotations

import hashlib
from array import array
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from evolve.errors import ConfigurationError
from evolve.mutation.normal_form import python_tokens
from evolve.mutation.patch import LARGEST_FILE
from evolve.mutation.plain_tokens import STYLES, plain_tokens
from evolve.mutation.python_analysis import UNPARSABLE

_SKETCH = 64
_BANDS = 4
_SHINGLE = 4
_LATEST = 32
"""Programs of a bucket that a new one is compared with, the latest first."""
_FORM_BYTES = 8
_KEPT_FILES = 256
_KEPT_WORDS = 65536

Words = NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Mark:
    """What is remembered of a program: the hash of its normal form and, if wanted, a sketch of its words."""

    form: int
    sketch: bytes = b""

    def encoded(self) -> str:
        """Return it as text, 12 or 96 characters, for the detail of a program."""
        return b64encode(self.form.to_bytes(_FORM_BYTES, "big") + self.sketch).decode("ascii")

    @staticmethod
    def decoded(text: object) -> Mark | None:
        """Return the mark written as ``text``, or None if that is not one."""
        if not isinstance(text, str):
            return None
        try:
            data = b64decode(text, validate=True)
        except (NotBase64, ValueError):
            return None
        if len(data) not in (_FORM_BYTES, _FORM_BYTES + _SKETCH):
            return None
        return Mark(int.from_bytes(data[:_FORM_BYTES], "big"), data[_FORM_BYTES:])


@dataclass(frozen=True, slots=True)
class Duplicate:
    """The program that a new one repeats; ``similarity`` 1 means that they have the same normal form."""

    step: int
    similarity: float


class Novelty:
    """Remembers programs by their marks.

    Args:
        language: of the problem; for files whose suffix says nothing.
        near: least share of common words of near duplicates; 1 for duplicates only.
        exempt: operators whose programs may be near duplicates: they are made to differ
            in little, or a person wants them.
    """

    def __init__(
        self, language: str, *, near: float = 1.0, exempt: Collection[str] = ("tune", "syntax", "inject")
    ) -> None:
        if not 0.5 <= near <= 1:
            raise ConfigurationError(f"near: expected a number from 0.5 to 1, found {near}.")
        self._language = language.casefold()
        self._near = near
        self._exempt = frozenset(exempt)
        self._files: OrderedDict[tuple[str, str], tuple[bytes, Words]] = OrderedDict()
        self._sketcher = _Sketcher()
        self._steps = array("q")
        self._forms = _Buckets("Q")
        self._sketches = bytearray()
        self._bands = [_Buckets("I") for _ in range(_BANDS)]

    def __len__(self) -> int:
        """Number of programs."""
        return len(self._steps)

    def mark(self, files: Mapping[str, str]) -> Mark:
        """Return the mark of a program. Files that were marked lately are not read again."""
        digest = hashlib.blake2b(digest_size=_FORM_BYTES)
        smallest = np.full(_SKETCH, np.iinfo(np.uint32).max, dtype=np.uint32)
        for path in sorted(files):
            form, words = self._file(path, files[path])
            digest.update(len(path.encode("utf-8", "surrogatepass")).to_bytes(4, "big"))
            digest.update(path.encode("utf-8", "surrogatepass"))
            digest.update(form)
            if self._near < 1:
                np.minimum(smallest, words, out=smallest)
        sketch = (smallest & 0xFF).astype(np.uint8).tobytes() if self._near < 1 else b""
        return Mark(int.from_bytes(digest.digest(), "big"), sketch)

    def check(self, mark: Mark, operator: str = "") -> Duplicate | None:
        """Return the program that one with this mark repeats; of several the latest."""
        same = self._forms.find(mark.form)
        if same:
            return Duplicate(self._steps[same[0]], 1.0)
        if self._near >= 1 or not mark.sketch or operator in self._exempt:
            return None
        return self._nearest(mark.sketch)

    def add(self, step: int, mark: Mark) -> None:
        """Remember a program."""
        self._steps.append(step)
        self._forms.add(mark.form)
        if self._near < 1:
            sketch = mark.sketch or bytes(_SKETCH)
            self._sketches += sketch
            for bucket, key in zip(self._bands, _band_keys(sketch), strict=True):
                bucket.add(key)

    def _nearest(self, sketch: bytes) -> Duplicate | None:
        keys = zip(self._bands, _band_keys(sketch), strict=True)
        entries = sorted({entry for bucket, key in keys for entry in bucket.find(key)}, reverse=True)
        if not entries:
            return None
        known = np.frombuffer(self._sketches, dtype=np.uint8).reshape(-1, _SKETCH)[entries]
        alike = (known == np.frombuffer(sketch, dtype=np.uint8)).mean(axis=1)
        best = int(alike.argmax())
        similarity = float(alike[best])
        return Duplicate(self._steps[entries[best]], similarity) if similarity >= self._near else None

    def _file(self, path: str, text: str) -> tuple[bytes, Words]:
        language = _language(path, self._language)
        key = (language, text)
        if key in self._files:
            self._files.move_to_end(key)
            return self._files[key]
        words = tokens(text, language)
        joined = "\0".join(words).encode("utf-8", "surrogatepass")
        form = hashlib.blake2b(joined, digest_size=_FORM_BYTES, person=language.encode()[:16]).digest()
        found = (form, self._sketcher.smallest(words) if self._near < 1 else np.empty(0, dtype=np.uint32))
        self._files[key] = found
        if len(self._files) > _KEPT_FILES:
            self._files.popitem(last=False)
        return found


def tokens(text: str, language: str) -> list[str]:
    """Return the normal form of a file as words; one that is too large, or not Python, is one word."""
    if len(text) > LARGEST_FILE:
        return plain_tokens(text, "")
    if language != "python":
        return plain_tokens(text, language)
    try:
        return python_tokens(text)
    except UNPARSABLE:
        return plain_tokens(text, "")


def _language(path: str, otherwise: str) -> str:
    suffix = PurePosixPath(path).suffix[1:].casefold()
    if suffix in ("py", "pyi"):
        return "python"
    return suffix if suffix in STYLES or not _is_code(otherwise, suffix) else otherwise


def _is_code(language: str, suffix: str) -> bool:
    """Whether a file of unknown suffix may be taken to be in the language of the problem."""
    return not suffix and (language == "python" or language in STYLES)


class _Sketcher:
    """MinHash over runs of words."""

    def __init__(self) -> None:
        numbers = _fixed_numbers(2 * _SKETCH + _SHINGLE)
        self._factors = numbers[:_SKETCH] | np.uint32(1)
        self._offsets = numbers[_SKETCH : 2 * _SKETCH]
        self._position = numbers[2 * _SKETCH :] | np.uint32(1)
        self._known: dict[str, int] = {}

    def smallest(self, words: Sequence[str]) -> Words:
        """Return the smallest value of each of the hash functions over all runs of words."""
        hashes = np.array([self._hash(word) for word in words] or [0], dtype=np.uint32)
        runs = max(1, len(hashes) - _SHINGLE + 1)
        mixed = np.zeros(runs, dtype=np.uint32)
        for place, factor in enumerate(self._position[: len(hashes) - runs + 1]):
            mixed += hashes[place : place + runs] * factor
        mixed ^= mixed >> np.uint32(15)
        mixed *= np.uint32(0x2C1B3C6D)
        mixed ^= mixed >> np.uint32(12)
        table = np.unique(mixed)[:, None] * self._factors + self._offsets
        table ^= table >> np.uint32(16)
        smallest: Words = table.min(axis=0)
        return smallest

    def _hash(self, word: str) -> int:
        known = self._known.get(word)
        if known is None:
            if len(self._known) > _KEPT_WORDS:
                self._known.clear()
            known = self._known[word] = crc32(word.encode("utf-8", "surrogatepass"))
        return known


def _fixed_numbers(count: int) -> Words:
    """Return numbers without a pattern, the same everywhere and always: stored sketches depend on them."""
    return np.frombuffer(hashlib.shake_128(b"MinHash").digest(4 * count), dtype="<u4").astype(np.uint32)


def _band_keys(sketch: bytes) -> list[int]:
    width = _SKETCH // _BANDS
    return [crc32(sketch[start : start + width]) for start in range(0, _SKETCH, width)]


class _Buckets:
    """Entries 0, 1, 2, ... by key, in flat arrays: 12 to 24 bytes each.

    Args:
        typecode: of the keys, ``Q`` or ``I``.
    """

    def __init__(self, typecode: str) -> None:
        self._keys = array(typecode)
        self._before = array("i")  # the entry before in the same bucket, -1 for none
        self._heads = array("i", [-1]) * 1024

    def find(self, key: int) -> list[int]:
        """Return the latest entries of this key, the last first."""
        found: list[int] = []
        entry = self._heads[key % len(self._heads)]
        for _ in range(_LATEST):  # a bucket may be full of programs of another key
            if entry < 0:
                break
            if self._keys[entry] == key:
                found.append(entry)
            entry = self._before[entry]
        return found

    def add(self, key: int) -> None:
        """Add the next entry."""
        if len(self._keys) == len(self._heads):
            self._grow()
        bucket = key % len(self._heads)
        self._before.append(self._heads[bucket])
        self._heads[bucket] = len(self._keys)
        self._keys.append(key)

    def _grow(self) -> None:
        size = 2 * len(self._heads)
        buckets = np.frombuffer(self._keys, dtype=self._keys.typecode) % size
        order = np.argsort(buckets, kind="stable")
        ordered = buckets[order]
        same = ordered[1:] == ordered[:-1]
        before = np.full(len(order), -1, dtype=np.int32)
        before[order[1:][same]] = order[:-1][same]
        heads = np.full(size, -1, dtype=np.int32)
        last = np.append(~same, True)
        heads[ordered[last].astype(np.intp)] = order[last]
        self._before, self._heads = array("i", before.tobytes()), array("i", heads.tobytes())
