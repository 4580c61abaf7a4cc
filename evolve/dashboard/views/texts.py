"""Files and differences as lines of coloured pieces of text; the pieces stay text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from pygments.lexer import Lexer
from pygments.lexers import TextLexer, get_lexer_for_filename
from pygments.token import Token
from pygments.util import ClassNotFound

from evolve.dashboard.tables import Line
from evolve.domain.difference import program_diff

LINES: Final = 1500
"""Lines that are drawn before somebody asks for all."""
_COLOURED = 200_000
"""Characters of a file that is coloured; a longer one is shown plain."""
_COMPARED = 20_000
"""Lines of a program that is compared: finding differences takes long beyond that."""
_PART = re.compile(r"@@ -(?P<old>\d+)(?:,(?P<olds>\d+))? \+(?P<new>\d+)(?:,(?P<news>\d+))? @@")
_KINDS = (
    (Token.Comment, "comment"),
    (Token.Literal.String, "string"),
    (Token.Literal.Number, "digits"),
    (Token.Keyword, "keyword"),
    (Token.Operator.Word, "keyword"),
    (Token.Name.Function, "name"),
    (Token.Name.Class, "name"),
    (Token.Name.Decorator, "name"),
)


def file_lines(path: str, text: str) -> list[Line]:
    """Return a file in colours that go by its name."""
    coloured = _pieces(_lexer(path, text), text) if len(text) <= _COLOURED else [("", text)]
    return [Line(str(number), "", parts) for number, parts in enumerate(_in_lines(coloured), 1)]


def difference_lines(before: Mapping[str, str], after: Mapping[str, str]) -> list[Line]:
    """Return what is different, with marks and the numbers of lines on either side."""
    longest = max((text.count("\n") for files in (before, after) for text in files.values()), default=0)
    if longest > _COMPARED:
        return [Line("", "@", (("", f"Files of more than {_COMPARED:,} lines are not compared."),))]
    return list(_numbered(program_diff(before, after).split("\n")[:-1]))


def _numbered(diff: Sequence[str]) -> Iterator[Line]:
    old = new = 0  # numbers of the next lines
    old_end = new_end = 0  # where the lines of this part end; outside of parts there are only headings
    for text in diff:
        part = _PART.match(text)
        if old >= old_end and new >= new_end:
            if part:
                old, new = int(part["old"]), int(part["new"])
                old_end, new_end = old + int(part["olds"] or 1), new + int(part["news"] or 1)
            yield Line("", "@", (("where", text),))
        elif text.startswith("\\"):
            yield Line("", "@", (("where", text),))
        elif text.startswith("-"):
            yield Line(str(old), "-", (("", text[1:]),))
            old += 1
        elif text.startswith("+"):
            yield Line(str(new), "+", (("", text[1:]),))
            new += 1
        else:
            yield Line(str(new), "", (("", text[1:]),))
            old, new = old + 1, new + 1


def _lexer(path: str, text: str) -> Lexer:
    try:
        found: Lexer = get_lexer_for_filename(path, text, stripnl=False, ensurenl=False)
    except ClassNotFound:
        found = TextLexer(stripnl=False, ensurenl=False)
    return found


def _pieces(lexer: Lexer, text: str) -> list[tuple[str, str]]:
    return [(_kind(token), piece) for _, token, piece in lexer.get_tokens_unprocessed(text)]


def _kind(token: Any) -> str:
    return next((kind for family, kind in _KINDS if token in family), "")


def _in_lines(pieces: Sequence[tuple[str, str]]) -> Iterator[tuple[tuple[str, str], ...]]:
    line: list[tuple[str, str]] = []
    for kind, piece in pieces:
        first, *rest = piece.split("\n")
        if first:
            line.append((kind, first))
        for text in rest:
            yield tuple(line)
            line = [(kind, text)] if text else []
    if line:
        yield tuple(line)
