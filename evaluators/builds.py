"""What was built before, so that equal files are not compiled again in the next stage or for the next program.

Kept in the judge's process. A build is found by all that went into it: every file of the program, every file
built before, the command and the seed. So what a program's own build leaves behind is given to that
program alone, whatever it is.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from evaluators.candidate import Finished

MAX_BYTES: Final = 64 << 20

Made = Sequence[tuple[str, int, Any]]
"""Path, mode and bytes (an array of them) of each file."""


@dataclass(frozen=True)
class Build:
    """How a build ended, and the files that it made."""

    finished: Finished
    made: Made

    @property
    def size(self) -> int:
        """Bytes that it takes to keep."""
        return len(self.finished.stdout) + len(self.finished.stderr) + sum(len(raw) for _, _, raw in self.made)


class Builds:
    """The builds that were made lately, at most ``max_bytes`` of them; the one not asked for longest goes first."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._kept: OrderedDict[bytes, Build] = OrderedDict()

    def find(self, key: bytes) -> Build | None:
        """Return a build by its key."""
        if key in self._kept:
            self._kept.move_to_end(key)
        return self._kept.get(key)

    def keep(self, key: bytes, build: Build) -> None:
        """Keep a build, if it is not larger than all of them may be."""
        if build.size > self._max_bytes:
            return
        self._kept[key] = build
        self._kept.move_to_end(key)
        while sum(kept.size for kept in self._kept.values()) > self._max_bytes:
            self._kept.popitem(last=False)


def build_key(files: Mapping[str, str], built: Made, command: Sequence[str], seed: int) -> bytes:
    """Return the key of a build: equal for equal ingredients alone."""
    digest = hashlib.sha256()
    _add(digest, [str(seed).encode(), *(word.encode("utf-8", "surrogatepass") for word in command)])
    for path, text in sorted(files.items()):
        _add(digest, [path.encode("utf-8", "surrogatepass"), text.encode("utf-8", "surrogatepass")])
    _add(digest, [])
    for path, mode, raw in sorted(built, key=lambda item: item[0]):
        _add(digest, [path.encode("utf-8", "surrogatepass"), str(mode).encode(), bytes(raw)])
    return digest.digest()


def _add(digest: hashlib._Hash, parts: Sequence[bytes]) -> None:
    """Add a row: how many parts it has, then each with its length, so that no two rows run together."""
    digest.update(len(parts).to_bytes(8, "little"))
    for part in parts:
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
