"""What a compiled kernel takes of a multiprocessor, as the compiler says: what limits how many threads run at once."""

from __future__ import annotations

import re
from typing import Final

_MOST: Final = 8
_ENTRY: Final = re.compile(
    r"Compiling entry function '(?P<name>\w+)' for '(?P<target>sm_\w+)'"
    r".*?(?P<stores>\d+) bytes spill stores, (?P<loads>\d+) bytes spill loads"
    r".*?Used (?P<registers>\d+) registers(?:[^\n]*?(?P<shared>\d+) bytes smem)?",
    re.DOTALL,
)
_MANGLED: Final = re.compile(r"_Z(\d+)(\w+)")


def in_words(compiler: bytes) -> str:
    """Return what ``nvcc --resource-usage`` told of each kernel, a line each; empty if it told nothing.

    A program can have the compiler print what it likes, so this is advice for its author and no part of a verdict.
    """
    text = compiler.decode("utf-8", "replace")
    lines = dict.fromkeys(_line(found) for found in _ENTRY.finditer(text))
    return "\n".join(list(lines)[:_MOST])


def _line(found: re.Match[str]) -> str:
    spilled = int(found["stores"]) + int(found["loads"])
    words = [
        f"{_name(found['name'])} on {found['target']}: {found['registers']} registers a thread",
        f"{found['shared'] or 0} bytes of static shared memory a block",
        f"{spilled} bytes spilled" if spilled else "nothing spilled",
    ]
    return ", ".join(words)


def _name(mangled: str) -> str:
    found = _MANGLED.match(mangled)
    return found[2][: int(found[1])] if found else mangled
