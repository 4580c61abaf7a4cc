"""Text that a model or a program wrote, on its way into a prompt: data that cannot pass for anything else.

Texts of several lines stand in fences that they cannot close, others on one line between double quotes
that they cannot leave.
"""

from __future__ import annotations

import re

from evolve.domain.blocks import split_lines, without_ending
from evolve.domain.tokens import head_and_tail

_LONGEST = 400_000
_UNSTORABLE = re.compile(r"[\0\ud800-\udfff]")
_LONG_RUN = re.compile(r"`{9,}")
_NOT_PRINTABLE = re.compile(r"[^ -~]")
_BLANKS = re.compile(r" {2,}")


def plain(text: str) -> str:
    """Return the text with Unix line endings and none at the end; what no request can carry is replaced."""
    lines = "\n".join([without_ending(line) for line in split_lines(text)])
    return _UNSTORABLE.sub("\ufffd", lines)


def notes(text: str) -> str:
    """Return :func:`plain` text without long runs of backticks, which would make every fence as long.

    Of what no prompt has room for, only the beginning and the end are looked at.
    """
    if len(text) > _LONGEST:
        half = _LONGEST // 2
        text = f"{text[:half]}\n[{len(text) - 2 * half} characters left out]\n{text[-half:]}"
    return _LONG_RUN.sub(lambda run: f"[{len(run[0])} backticks]", plain(text).strip())


def one_line(text: str, characters: int | None = None) -> str:
    """Return the text on one line of printable characters; of a longer one about so many from both ends."""
    if characters is not None and len(text) > characters:
        text = head_and_tail(text, characters)
    return _BLANKS.sub(" ", _NOT_PRINTABLE.sub(_printable, text)).strip()


def quoted(text: str, characters: int | None = None) -> str:
    """Return the text on one line between double quotes that it cannot leave."""
    return '"' + one_line(text, characters).replace('"', "'") + '"'


def _printable(character: re.Match[str]) -> str:
    return character[0] if character[0].isprintable() else " "
