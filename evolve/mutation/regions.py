"""Which lines of a file the search may change."""

from __future__ import annotations

import re

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z")
_MARKER = re.compile(r"EVOLVE-BLOCK-(START|END)\b")


def split_lines(text: str) -> list[str]:
    """Return the lines with their ends. Only CR, LF and CRLF end a line, as in Python source."""
    return _LINE.findall(text)


def editable_regions(text: str) -> tuple[tuple[int, int], ...]:
    """Return (first, stop) line numbers, counted from 0, stop excluded, of the lines between markers.

    A file without markers is editable from end to end; a block that is never closed runs to the end.
    """
    lines = split_lines(text)
    regions: list[tuple[int, int]] = []
    first: int | None = None
    marked = False
    for number, line in enumerate(lines):
        marker = _MARKER.search(line)
        if marker is None:
            continue
        marked = True
        if marker.group(1) == "START":
            first = number + 1
        elif first is not None:
            regions.append((first, number))
            first = None
    if first is not None:
        regions.append((first, len(lines)))
    return tuple(regions) if marked else ((0, len(lines)),)
