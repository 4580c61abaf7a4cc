"""What a model's answer is made of: prose, fenced code, and the names of files."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from evolve.domain.blocks import split_lines, without_ending

_OPENING = re.compile(r"^( {0,3})(`{3,}(?=[^`]*$)|~{3,})(.*)$")
_LABEL = re.compile(r"^\W*(?:file|path|file ?name)\W*[:=]\W*?([^\s\"'`*:=].*)$", re.IGNORECASE)
_DECORATION = "`*\"'#<>: \t"
_LONGEST_PATH_LINE = 300
_THINKING, _THOUGHT = "<think>", "</think>"


@dataclass(frozen=True, slots=True)
class Fence:
    """A fenced piece of an answer.

    Args:
        info: what follows the opening backticks, e.g. ``python src/solver.py``.
        lines: the content, without line endings.
        before: the last line above it that is not blank, ``""`` if there is none.
        first: index of the opening line in the answer.
        closed: False when the answer ended before the fence did.
    """

    info: str
    lines: tuple[str, ...]
    before: str
    first: int
    closed: bool


def answer_lines(answer: str) -> list[str]:
    """Return the lines of an answer without endings; a leading ``<think>`` section is left out."""
    text = answer.lstrip()
    if text.startswith(_THINKING):
        text = text.partition(_THOUGHT)[2]
    return [without_ending(line) for line in split_lines(text)]


def fences(lines: Sequence[str]) -> list[Fence]:
    """Return the fenced pieces in order, by the rule of CommonMark: a fence is closed by a line of
    at least as many of the same character and nothing else."""
    found: list[Fence] = []
    index = 0
    while index < len(lines):
        opening = _OPENING.match(lines[index])
        if opening is None:
            index += 1
            continue
        stop = _closing(lines, index + 1, opening[2])
        body = lines[index + 1 : stop]
        indent = re.compile(f"^ {{0,{len(opening[1])}}}")
        content = tuple(indent.sub("", line) for line in body) if opening[1] else tuple(body)
        before = last_text(lines, index)
        found.append(Fence(opening[3].strip(), content, before, index, closed=stop < len(lines)))
        index = stop + 1
    return found


def _closing(lines: Sequence[str], start: int, fence: str) -> int:
    closing = re.compile(rf"^ {{0,3}}{re.escape(fence)}{re.escape(fence[0])}*[ \t]*$")
    for index in range(start, len(lines)):
        if closing.match(lines[index]):
            return index
    return len(lines)


def last_text(lines: Sequence[str], stop: int) -> str:
    """Return the last line before ``stop`` that is not blank, or ``""``."""
    for index in range(stop - 1, -1, -1):
        if lines[index].strip():
            return lines[index]
    return ""


def is_fence(line: str) -> bool:
    """Whether the line opens or closes a fence."""
    return _OPENING.match(line) is not None


def fence_for(*texts: str) -> str:
    """Return a fence longer than any run of backticks in the texts."""
    longest = max((len(run) for text in texts for run in re.findall(r"`+", text)), default=0)
    return "`" * max(3, longest + 1)


def path_in_line(line: str, known: Collection[str]) -> str | None:
    """Return the file a line names, or None for prose.

    A line names a file if it is one of ``known``, if it says ``File: x``, or if it is one word that
    has a folder or a suffix that known files have. Decoration (``**x**``, ```` `x` ````, ``# x:``) is ignored.
    """
    if line.strip() in known:
        return line.strip()
    if len(line) > _LONGEST_PATH_LINE:
        return None
    labelled = _LABEL.match(line)
    word = _plain(labelled[1] if labelled else line)
    if labelled or word in known or (not re.search(r"\s", word) and _like_a_file(word, known)):
        return word or None
    return None


def path_in_info(info: str, known: Collection[str]) -> str | None:
    """Return the file that the info of a fence names (``python x.py``, ``python:x.py``, ``path=x.py``)."""
    for token in info.split():
        found = path_in_line(token if token in known else re.split(r"[:=]", token)[-1], known)
        if found:
            return found
    return None


def _plain(text: str) -> str:
    word = text.strip().strip(_DECORATION)
    return word.removeprefix("./")


def _like_a_file(word: str, known: Collection[str]) -> bool:
    suffixes = {PurePosixPath(path).suffix for path in known} - {""}
    return PurePosixPath(word).suffix in suffixes or ("/" in word and PurePosixPath(word).suffix != "")
