"""The parts of a file that the search may change.

A line that contains ``EVOLVE-BLOCK-START`` opens a block and a line that contains
``EVOLVE-BLOCK-END`` closes it, in whatever comment syntax the language has. The lines between
them may change; the marker lines and everything else may not. A file without markers is one
block from its first line to its last.

Lines end with ``\\n``, ``\\r\\n`` or ``\\r`` and nothing else: a form feed or a Unicode separator
is part of its line, as it is for compilers.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from evolve.errors import ProblemError

START = "EVOLVE-BLOCK-START"
END = "EVOLVE-BLOCK-END"
_LINE = re.compile(r"[^\r\n]*+(?:\r\n|\n|\r)|[^\r\n]+")


@dataclass(frozen=True, slots=True)
class Region:
    """Lines ``first`` to ``stop`` of a file, counted from 0; ``stop`` is not part of it."""

    first: int
    stop: int

    @property
    def empty(self) -> bool:
        """Whether it has no lines."""
        return self.first == self.stop

    def holds(self, first: int, stop: int) -> bool:
        """Whether the lines ``first`` to ``stop`` lie in it; so does an insertion at either of its ends."""
        return self.first <= first and stop <= self.stop


def split_lines(text: str) -> list[str]:
    """Return the lines with their endings; joined they are ``text`` again."""
    return _LINE.findall(text)


def without_ending(line: str) -> str:
    """Return the line less its line ending."""
    return line.rstrip("\r\n")


def line_ending(lines: Sequence[str]) -> str:
    """Return the most frequent ending of the lines (the earlier one of equals), ``\\n`` if there is none."""
    endings = Counter(line[len(without_ending(line)) :] for line in lines)
    del endings[""]
    return endings.most_common(1)[0][0] if endings else "\n"


def is_marker(line: str) -> bool:
    """Whether the line opens or closes a block."""
    return START in line or END in line


def has_markers(text: str) -> bool:
    """Whether the file says which of its parts may change."""
    return is_marker(text)


def editable_regions(text: str, name: str = "the program") -> tuple[Region, ...]:
    """Return the lines that may change, marker lines excluded, in order.

    Raises ProblemError with ``name`` and the line when markers are nested or have no partner.
    """
    lines = split_lines(text)
    regions: list[Region] = []
    opened: int | None = None
    for index, line in enumerate(lines):
        if not is_marker(line):
            continue
        opened = _next_state(line, index, opened, regions, name)
    if opened is not None:
        raise ProblemError(f"{name}, line {opened}: {START} is never closed. Add a line with {END}.")
    if not regions:
        return (Region(0, len(lines)),)
    return tuple(regions)


def _next_state(line: str, index: int, opened: int | None, regions: list[Region], name: str) -> int | None:
    where = f"{name}, line {index + 1}"
    if START in line and END in line:
        raise ProblemError(f"{where}: {START} and {END} share a line. Put each on a line of its own.")
    if START in line:
        if opened is not None:
            raise ProblemError(f"{where}: {START} inside the block opened in line {opened}. Blocks do not nest.")
        return index + 1
    if opened is None:
        raise ProblemError(f"{where}: {END} without {START} before it.")
    regions.append(Region(opened, index))
    return None


def outside(text: str, name: str = "the program") -> tuple[str, ...]:
    """Return the lines that may not change, endings and marker lines included. Raises ProblemError."""
    lines = split_lines(text)
    for region in reversed(editable_regions(text, name)):
        del lines[region.first : region.stop]
    return tuple(lines)


def only_blocks_changed(before: str, after: str, name: str = "the program") -> str:
    """Return why ``after`` is not ``before`` with other blocks, or an empty string if it is.

    ``before`` must be well formed (ProblemError); of ``after`` nothing is assumed.
    """
    expected = outside(before, name)
    try:
        found = outside(after, name)
    except ProblemError as error:
        return str(error)
    if expected == found:
        return ""
    for index, (left, right) in enumerate(zip(expected, found, strict=False)):
        if left != right:
            return _difference(name, index, left, right)
    return (
        f"{name}: {len(expected)} lines lie outside the blocks of the parent, {len(found)} outside those of the child."
    )


def _difference(name: str, index: int, left: str, right: str) -> str:
    number = index + 1
    return f"{name}: line {number} of those outside the blocks must stay {left!r}, but became {right!r}."
