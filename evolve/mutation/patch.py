"""SEARCH/REPLACE blocks: reading them out of an answer and applying them, exactly or not at all.

A block is::

    File: src/solver.py
    <<<<<<< SEARCH
    lines as they are
    =======
    lines as they should be
    >>>>>>> REPLACE

The rules:

* SEARCH is a run of whole lines, never part of a line. It must fit in exactly one place among the
  editable lines. Line endings do not matter; the file keeps its own. If nothing fits, trailing
  blanks and tabs are disregarded, once; indentation never is.
* Lines that are the same at both ends of SEARCH and REPLACE are context. They stay as the file has
  them and may lie outside an EVOLVE-BLOCK; what changes may not.
* An empty REPLACE deletes. An empty SEARCH fills the one block or file that has only blank lines.
* The three markers of a block are equally long, seven characters or more. Lines of the content that
  look like markers of another length are content; with the same length the block is malformed.
  :func:`marker_width` gives a length that is safe for a program.
* ``File:`` may be left out where one file is editable, or for another block in the same file. The
  path may also stand alone on the line above the block, or behind the language of its fence.
* Blocks apply in order, each to the result of those before it. If one fails, nothing is changed.
"""

from __future__ import annotations

import difflib
import re
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

from evolve.domain.blocks import (
    Region,
    editable_regions,
    is_marker,
    line_ending,
    only_blocks_changed,
    outside,
    split_lines,
    without_ending,
)
from evolve.domain.causes import Cause
from evolve.errors import ProblemError, ProposalRejected, nearest
from evolve.mutation.fences import answer_lines, is_fence, last_text, path_in_info, path_in_line

NARROWEST = 7
LARGEST_FILE = 200_000
"""Characters. Every later prompt pays for them, and CPython 3.11 can be crashed by compiling megabytes."""
_MARKER = re.compile(r"^(?:(<{7,}) SEARCH|(={7,})|(>{7,}) REPLACE)[ \t]*$")
_NEARLY = re.compile(r"^\s*(?:<{3,}\s*SEARCH|>{3,}\s*REPLACE)\b")
_SHOWN_LINES = 12
_COMPARED_LINES = 2000


@dataclass(frozen=True, slots=True)
class Hunk:
    """One block. ``path`` None means the file of the block before, or the only editable one.

    Lines carry no line endings.
    """

    path: str | None
    search: tuple[str, ...]
    replace: tuple[str, ...]

    def context(self) -> tuple[int, int]:
        """Return how many lines are equal at the start and, beyond those, at the end."""
        shorter = min(len(self.search), len(self.replace))
        head = 0
        while head < shorter and self.search[head] == self.replace[head]:
            head += 1
        tail = 0
        while tail < shorter - head and self.search[-1 - tail] == self.replace[-1 - tail]:
            tail += 1
        return head, tail


@dataclass(frozen=True, slots=True)
class Patch:
    """Blocks in the order in which they apply."""

    hunks: tuple[Hunk, ...]


# ── text to patch and back ────────────────────────────────────────────────────────────────────
def parse(answer: str, known: Collection[str]) -> Patch:
    """Read the blocks out of an answer; ``known`` are the paths of the program's files.

    Raises ProposalRejected(malformed_patch) if there is none or if one is not complete.
    """
    lines = answer_lines(answer)
    hunks: list[Hunk] = []
    index = 0
    while index < len(lines):
        marker = _MARKER.match(lines[index])
        if marker and marker[1]:
            path = _path_above(lines, index, known)
            search, replace, index = _block(lines, index, len(marker[1]))
            hunks.append(Hunk(path, search, replace))
        elif _NEARLY.match(lines[index]):
            _malformed(f"line {index + 1} of the answer, {lines[index][:60]!r}, looks like the marker of a block")
        index += 1
    if not hunks:
        _malformed("the answer has no SEARCH/REPLACE block")
    return Patch(tuple(hunks))


def render(patch: Patch) -> str:
    """Write a patch so that :func:`parse` gives it back."""
    every = [line for hunk in patch.hunks for line in (*hunk.search, *hunk.replace)]
    width = _free_width(every)
    parts: list[str] = []
    for hunk in patch.hunks:
        parts += [f"File: {hunk.path}"] if hunk.path else []
        parts += ["<" * width + " SEARCH", *hunk.search, "=" * width, *hunk.replace, ">" * width + " REPLACE", ""]
    return "\n".join(parts)


def marker_width(files: Mapping[str, str]) -> int:
    """Return the shortest length of markers that no line of the files can be taken for."""
    return _free_width([without_ending(line) for text in files.values() for line in split_lines(text)])


def _free_width(lines: Sequence[str]) -> int:
    taken = {_width(marker) for line in lines if (marker := _MARKER.match(line))}
    width = NARROWEST
    while width in taken:
        width += 1
    return width


def _width(marker: re.Match[str]) -> int:
    return len(marker[1] or marker[2] or marker[3])


def _block(lines: Sequence[str], start: int, width: int) -> tuple[tuple[str, ...], tuple[str, ...], int]:
    """Return SEARCH, REPLACE and the index of the closing marker."""
    divider: int | None = None
    for index in range(start + 1, len(lines)):
        marker = _MARKER.match(lines[index])
        if marker is None or _width(marker) != width:
            continue
        if marker[1] or (marker[2] and divider is not None) or (marker[3] and divider is None):
            _malformed(
                f"line {index + 1} of the answer, {lines[index]!r}, stands inside the block of line {start + 1}. "
                f"If it is part of the program, use longer markers, all of them {width + 1} characters"
            )
        if marker[2]:
            divider = index
        elif divider is not None:
            return tuple(lines[start + 1 : divider]), tuple(lines[divider + 1 : index]), index
    _malformed(f"the block that starts in line {start + 1} of the answer never ends")


def _path_above(lines: Sequence[str], start: int, known: Collection[str]) -> str | None:
    above = last_text(lines, start)
    if not is_fence(above):
        return path_in_line(above, known)
    opening = next(index for index in range(start - 1, -1, -1) if lines[index].strip())
    return path_in_info(above.strip().lstrip("`~"), known) or path_in_line(last_text(lines, opening), known)


def _malformed(what: str) -> NoReturn:
    raise ProposalRejected(Cause.MALFORMED_PATCH, f"{what}.")


# ── applying ──────────────────────────────────────────────────────────────────────────────────
def apply(patch: Patch, files: Mapping[str, str], is_editable: Callable[[str], bool]) -> dict[str, str]:
    """Return the files with every block applied; ``files`` stay as they are.

    Raises ProposalRejected with search_not_found, search_ambiguous, outside_block, markers_changed,
    empty_search, unknown_file, read_only_file, not_text, too_large or unchanged.
    """
    changed = dict(files)
    path: str | None = None
    for number, hunk in enumerate(patch.hunks, 1):
        path = target(hunk.path or path, files, is_editable, f"block {number}")
        changed[path] = _Target(path, changed[path], f"block {number}", parent=files[path]).edited(hunk)
    check(files, changed, is_editable)
    return changed


def target(named: str | None, files: Mapping[str, str], is_editable: Callable[[str], bool], what: str) -> str:
    """Return the file that ``what`` is about: the one it names, or the only editable one."""
    editable = [path for path in sorted(files) if is_editable(path)]
    if named is None and len(editable) == 1:
        return editable[0]
    if named is None:
        raise ProposalRejected(Cause.UNKNOWN_FILE, f"{what} does not say which file it changes: one of {editable}.")
    if named not in files:
        raise ProposalRejected(Cause.UNKNOWN_FILE, f"{what}: there is no file {named!r}. {nearest(named, files)}")
    if named not in editable:
        raise ProposalRejected(Cause.READ_ONLY_FILE, f"{what}: {named!r} must not change. {nearest(named, editable)}")
    return named


class _Target:
    """A file, and where the lines of a block are in it.

    ``parent`` is the file before the first block: a block may leave too little of it to tell its endings.
    """

    def __init__(self, path: str, text: str, what: str, parent: str) -> None:
        self.path, self.what = path, what
        self.lines = split_lines(text)
        self.bodies = [without_ending(line) for line in self.lines]
        self.regions = editable_regions(text, path)
        self._parent = split_lines(parent)

    def edited(self, hunk: Hunk) -> str:
        """Return the text with the block applied. Raises ProposalRejected."""
        head, tail = hunk.context()
        new = hunk.replace[head : len(hunk.replace) - tail]
        if any(is_marker(line) for line in new):
            self._reject(Cause.MARKERS_CHANGED, "REPLACE adds a line with an EVOLVE-BLOCK marker.")
        if not hunk.search:
            region = self._blank_region()
            return self._with(region.first, region.stop, new)
        start = self._place(hunk, head, tail)
        return self._with(start + head, start + len(hunk.search) - tail, new)

    def _with(self, first: int, stop: int, new: Sequence[str]) -> str:
        """Every line but the last has an ending, and the last has one if it had one before."""
        ending = self._ending(self.lines[first:stop])
        lines = [*self.lines[:first], *(line + ending for line in new), *self.lines[stop:]]
        lines = [line if line != without_ending(line) else line + ending for line in lines]
        before = self.lines or self._parent
        if lines and before and before[-1] == without_ending(before[-1]):
            lines[-1] = without_ending(lines[-1])
        return "".join(lines)

    def _ending(self, old: Sequence[str]) -> str:
        for lines in (old, self.lines, self._parent):
            if any(line != without_ending(line) for line in lines):
                return line_ending(lines)
        return line_ending(())

    def _blank_region(self) -> Region:
        blank = [region for region in self.regions if not self._text(region)]
        if not blank:
            self._reject(
                Cause.EMPTY_SEARCH, "SEARCH is empty, but no part to fill is empty. Quote the lines to change."
            )
        if len(blank) > 1:
            where = ", ".join(str(region.first) for region in blank)
            self._reject(Cause.SEARCH_AMBIGUOUS, f"SEARCH is empty and so are the blocks after lines {where}.")
        return blank[0]

    def _text(self, region: Region) -> str:
        return "".join(self.bodies[region.first : region.stop]).strip()

    def _place(self, hunk: Hunk, head: int, tail: int) -> int:
        """Return where SEARCH is, as the index of its first line."""
        size = len(hunk.search)
        starts = self._matches(self.bodies, hunk.search)
        if not starts:
            bare = [line.rstrip(" \t") for line in self.bodies]
            starts = self._matches(bare, [line.rstrip(" \t") for line in hunk.search])
        if not starts:
            self._reject(Cause.SEARCH_NOT_FOUND, f"SEARCH is not in the file. {self._nearest(hunk.search)}")
        allowed = [at for at in starts if any(r.holds(at + head, at + size - tail) for r in self.regions)]
        if len(allowed) > 1:
            where = ", ".join(_range(at, size) for at in allowed)
            self._reject(Cause.SEARCH_AMBIGUOUS, f"SEARCH fits in {len(allowed)} places: {where}. Quote more lines.")
        if not allowed:
            self._reject_outside(starts[0] + head, starts[0] + size - tail)
        return allowed[0]

    def _matches(self, lines: Sequence[str], search: Sequence[str]) -> list[int]:
        size, wanted = len(search), list(search)
        last = len(lines) - size
        return [at for at in range(last + 1) if lines[at] == wanted[0] and list(lines[at : at + size]) == wanted]

    def _reject_outside(self, first: int, stop: int) -> NoReturn:
        where = _range(first, max(1, stop - first))
        if any(is_marker(line) for line in self.lines[first:stop]):
            self._reject(Cause.MARKERS_CHANGED, f"{where} include an EVOLVE-BLOCK marker, which must stay.")
        self._reject(Cause.OUTSIDE_BLOCK, f"{where} are outside the EVOLVE-BLOCK and must stay as they are.")

    def _nearest(self, search: Sequence[str]) -> str:
        start = self._most_alike(search)
        if start is None:
            return "Nothing in it looks alike."
        stop = min(start + min(len(search), _SHOWN_LINES), len(self.bodies))
        shown = "\n".join(f"{index + 1:>4} | {self.bodies[index]}" for index in range(start, stop))
        state = "editable" if any(r.holds(start, stop) for r in self.regions) else "not editable"
        return f"The nearest text ({state}):\n{shown}"

    def _most_alike(self, search: Sequence[str]) -> int | None:
        stripped = [line.strip() for line in self.bodies[:_COMPARED_LINES]]
        wanted = [line.strip() for line in search[:_SHOWN_LINES]]
        alike = [sum(a == b != "" for a, b in zip(stripped[at:], wanted, strict=False)) for at in range(len(stripped))]
        if any(alike):
            return alike.index(max(alike))
        first = next((offset for offset, line in enumerate(wanted) if line), None)
        if first is None:
            return None
        close = difflib.get_close_matches(wanted[first], stripped, n=1, cutoff=0.4)
        return max(0, stripped.index(close[0]) - first) if close else None

    def _reject(self, cause: Cause, detail: str) -> NoReturn:
        raise ProposalRejected(cause, f"{self.what}, {self.path}: {detail}")


def _range(first: int, size: int) -> str:
    return f"line {first + 1}" if size == 1 else f"lines {first + 1}-{first + size}"


# ── what every child must keep ────────────────────────────────────────────────────────────────
def check(parent: Mapping[str, str], child: Mapping[str, str], is_editable: Callable[[str], bool]) -> None:
    """Raise ProposalRejected unless ``child`` is ``parent`` with other text in its editable parts."""
    if parent == child:
        raise ProposalRejected(Cause.UNCHANGED, "the program is the same as its parent.")
    for path in sorted({*parent, *child}):
        before, after = parent.get(path), child.get(path)
        if before == after:
            continue
        if before is None or after is None:
            raise ProposalRejected(Cause.UNKNOWN_FILE, f"{path!r} was added or removed. {nearest(path, parent)}")
        if not is_editable(path):
            raise ProposalRejected(Cause.READ_ONLY_FILE, f"{path!r} must not change.")
        _check_text(path, after)
        _check_size(path, len(before), len(after))
        reason = only_blocks_changed(before, after, path)
        if reason:
            raise ProposalRejected(Cause.OUTSIDE_BLOCK if _same_markers(before, after) else "markers_changed", reason)


def _check_text(path: str, text: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ProposalRejected(Cause.NOT_TEXT, f"{path}: {error}") from error
    if "\0" in text:
        raise ProposalRejected(Cause.NOT_TEXT, f"{path}: contains a NUL character.")


def _check_size(path: str, before: int, after: int) -> None:
    limit = max(LARGEST_FILE, 2 * before)
    if after > limit:
        raise ProposalRejected(Cause.TOO_LARGE, f"{path}: {after} characters; at most {limit} are kept.")


def _same_markers(before: str, after: str) -> bool:
    try:
        kept = [line for line in outside(after) if is_marker(line)]
    except ProblemError:
        return False
    return kept == [line for line in outside(before) if is_marker(line)]


def check_syntax(parent: Mapping[str, str], child: Mapping[str, str]) -> None:
    """Raise ProposalRejected(syntax_error) with the line if a changed ``.py`` file does not compile.

    Nothing is executed. Files above LARGEST_FILE are left to the sandbox.
    """
    for path, text in child.items():
        if not path.endswith(".py") or parent.get(path) == text or len(text) > LARGEST_FILE:
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                compile(text, path, "exec", dont_inherit=True)
        except SyntaxError as error:
            shown = (error.text or "").strip()[:120]
            raise ProposalRejected(Cause.SYNTAX_ERROR, f"{path}, line {error.lineno}: {error.msg}: {shown}") from error
        except (ValueError, RecursionError, MemoryError, OverflowError) as error:
            raise ProposalRejected(Cause.SYNTAX_ERROR, f"{path} does not compile: {error}") from error
