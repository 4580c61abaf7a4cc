"""The difference of two programs."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence


def program_diff(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    """Return a unified diff of two programs as `git apply` reads it, empty when they are equal."""
    changed = [path for path in sorted({*before, *after}) if before.get(path) != after.get(path)]
    return "".join(line for path in changed for line in _file_diff(path, before.get(path), after.get(path)))


def _file_diff(path: str, before: str | None, after: str | None) -> Sequence[str]:
    """Return the lines of one file's diff; None is a file that is not there."""
    old, new = ((text or "").splitlines(keepends=True) for text in (before, after))
    names = ("/dev/null" if before is None else f"a/{path}", "/dev/null" if after is None else f"b/{path}")
    found = difflib.unified_diff(old, new, *names)
    return [line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in found]
