"""The normal form of files in languages that are not parsed: without comments and layout.

A lexer for comments and strings is enough for that. It must never make two programs equal that are
not; so what it does not know for sure stays as it is, and files of languages that are not listed here
are compared as they are, line endings aside.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from evolve.domain.blocks import split_lines, without_ending

_MUNCHED = (
    ">>>= <=> <<= >>= >>> ... === !== ->* **= && || ++ -- -> => :: << >> <= >= == != += -= *= /= %= &= |= ^= ?? .. ##"
)
_SINGLE_LINE = r'"(?:\\.|[^"\\\n])*"'
_SINGLE_QUOTED = r"'(?:\\.|[^'\\\n])*'"
_CHARACTER = r"'(?:\\[^\n][^'\n]*|[^'\\\n])'"
_CHARACTERS = r"'(?:\\[^\n][^'\n]*|[^'\\\n]{1,4})'"
_MANY_LINES = r'"(?:\\.|[^"\\])*"'
_TRIPLE = r'"""(?:\\.|[^\\])*?"""'
_RAW_CPP = r'(?:u8|[uUL])?R"(?P<raw>[^()\\ \n]*)\((?:.|\n)*?\)(?P=raw)"'
_RAW_RUST = r'b?r(?P<hashes>#*)"(?:.|\n)*?"(?P=hashes)'
_VERBATIM = r'\$?@\$?"(?:""|[^"])*"'
_TEMPLATE = r"`(?:\\.|[^`\\])*`"
_SLASHES = r"//(?!go:|export|[ ]?\+build)[^\n]*"
_BLOCK = r"/\*(?:.|\n)*?\*/"
LONGEST_LINE = 500
"""Beyond it the patterns, some of which go back and forth in a line, could take long."""
_NEVER = r"(?!)"
_OPEN_IN_DIRECTIVE = r"(?m:^[ \t]*\#(?:(?!\*/)[^\n])*/\*(?:(?!\*/)[^\n])*$)"
_NESTED_BLOCK = r"/\*(?:(?!\*/)(?:.|\n))*?/\*"
_DIRECTIVE = r"(?m:^[ \t]*\#(?:\\\n|[^\n])*)"


@dataclass(frozen=True, slots=True)
class Style:
    """What matters to the lexer of a language.

    Args:
        comments, strings: patterns.
        lines: line breaks end statements.
        blanks: blanks between words mean something, though not how many.
        munches: operators are the longest that fit, as in C; elsewhere a run of punctuation is one word.
        unsure: where this fits, quotes and comments may be nested in ways that the lexer does not follow,
            and the text stays as it is.
        opens: what begins a string or comment over several lines. Where it does not end, the rest of the
            text stays as it is, so that no text is searched for an end again and again.
    """

    comments: str
    strings: str
    lines: bool = True
    blanks: bool = False
    munches: bool = False
    unsure: str = _NEVER
    opens: str = r"/\*"

    def pattern(self) -> re.Pattern[str]:
        """Return the lexer: one alternative fits at every place of any text."""
        operators = "|".join(re.escape(operator) for operator in _MUNCHED.split()) if self.munches else ""
        punctuation = f"{operators}|." if self.munches else r"[^\w\s\"'`()\[\]{},;]+|."
        return re.compile(
            rf"(?P<comment>{self.comments})|(?P<string>{self.strings}|(?:{self.opens})(?:.|\n)*)|(?P<end>\n)|(?P<blank>[^\S\n]+)"
            rf"|(?P<word>\d(?:[eEpP][+-]|[\w.'])*|\w+|{punctuation})"
        )


_C = Style(
    f"{_SLASHES}|{_BLOCK}",
    f"{_RAW_CPP}|{_SINGLE_LINE}|{_CHARACTERS}|{_DIRECTIVE}",
    lines=False,
    munches=True,
    unsure=_OPEN_IN_DIRECTIVE,
    opens=r'/\*|R"[^()\\ \n]*\(|"',
)
_JAVA = Style(
    f"{_SLASHES}|{_BLOCK}",
    f"{_TRIPLE}|{_SINGLE_LINE}|{_CHARACTER}",
    lines=False,
    munches=True,
    opens=r'/\*|"',
)
_CSHARP = Style(
    f"{_SLASHES}|{_BLOCK}",
    f"{_VERBATIM}|{_SINGLE_LINE}|{_CHARACTER}|{_DIRECTIVE}",
    lines=False,
    munches=True,
    unsure=rf'"""|\$@?"[^"\n]*\{{[^}}\n]*"|{_OPEN_IN_DIRECTIVE}',
    opens=r'/\*|"',
)
_RUST = Style(
    f"{_SLASHES}|{_BLOCK}",
    f"{_RAW_RUST}|{_MANY_LINES}|{_CHARACTER}",
    lines=False,
    munches=True,
    unsure=_NESTED_BLOCK,
    opens=r'/\*|r\#*"|"',
)
_GO = Style(f"{_SLASHES}|{_BLOCK}", f"`[^`]*`|{_SINGLE_LINE}|{_CHARACTER}", opens=r"/\*|[`\"]")
_JAVASCRIPT = Style(
    f"{_SLASHES}|{_BLOCK}",
    f"{_TEMPLATE}|{_SINGLE_LINE}|{_SINGLE_QUOTED}",
    # what may open a regular expression; a template in a template; markup
    unsure=r"(?:^|[=(,:;!&|?{}\[\n+>*%~^<-])\s*/(?![/*])|\b(?:return|typeof|case|in|of|await|yield)\s*/(?![/*])"
    r"|\$\{[^}\n]*`|</|/>",
    opens=r"/\*|[`'\"]",
)
_SQL = Style(
    rf"--[^\n]*|{_BLOCK}",
    r"'(?:''|[^'])*'|\"(?:\"\"|[^\"])*\"",
    unsure=rf"\$\w*\$|\\'|{_NESTED_BLOCK}",
    opens=r"/\*|['\"]",
)
_LUA = Style(
    r"--(?!\[=*\[)[^\n]*|--\[(?P<level>=*)\[(?:.|\n)*?\](?P=level)\]",
    rf"\[(?P<deep>=*)\[(?:.|\n)*?\](?P=deep)\]|{_SINGLE_LINE}|{_SINGLE_QUOTED}",
    opens=r"(?:--)?\[=*\[|['\"]",
)
_R = Style(
    r"\#[^\n]*",
    rf"{_MANY_LINES}|'(?:\\.|[^'\\])*'|`[^`\n]*`",
    blanks=True,
    unsure=r"\b[rR][\"'][-(\[{]",
    opens="[\"'`]",
)
_JULIA = Style(
    r"\#[^\n]*", f"{_TRIPLE}|{_MANY_LINES}|{_CHARACTER}", blanks=True, unsure=r"\#=|\"[^\"\n]*\$\([^)\n]*\"", opens='"'
)
_FORTRAN = Style(
    r"!(?!\$|dir\$|DIR\$)[^\n]*",
    r"'(?:''|[^'\n])*'|\"(?:\"\"|[^\"\n])*\"",
    unsure=r"(?m)[\"'][^\"'\n]*&[ \t]*$",
    opens=_NEVER,
)

STYLES: Mapping[str, Style] = {
    **dict.fromkeys(("c", "h", "cc", "cpp", "cxx", "hpp", "cu", "cuh", "cuda", "c++"), _C),
    **dict.fromkeys(("java",), _JAVA),
    **dict.fromkeys(("cs", "csharp"), _CSHARP),
    **dict.fromkeys(("rs", "rust"), _RUST),
    **dict.fromkeys(("go",), _GO),
    **dict.fromkeys(("js", "mjs", "ts", "javascript", "typescript"), _JAVASCRIPT),
    **dict.fromkeys(("sql",), _SQL),
    **dict.fromkeys(("lua",), _LUA),
    **dict.fromkeys(("r",), _R),
    **dict.fromkeys(("jl", "julia"), _JULIA),
    **dict.fromkeys(("f90", "f95", "f03", "f08", "fortran"), _FORTRAN),
}
"""By suffix of the file, in lower case, or by name of the language."""

_LINE_END = "\n"


def plain_tokens(text: str, language: str) -> list[str]:
    """Return the words of a file; ``language`` is a key of STYLES, or the text is one word."""
    lines = [without_ending(line) for line in split_lines(text)]
    text = "\n".join(lines)
    style = STYLES.get(language)
    if style is None or max(map(len, lines), default=0) > LONGEST_LINE or re.search(style.unsure, text):
        return [text]
    words: list[str] = []
    for match in style.pattern().finditer(text):
        _add(words, match, style)
    while words and words[-1].isspace():
        words.pop()
    return words


def _add(words: list[str], match: re.Match[str], style: Style) -> None:
    """Add what a match stands for: a comment is a blank, or a line break if it spans lines."""
    kind, found = match.lastgroup, match[0]
    if match["string"] is not None or match["word"] is not None:
        words.append(found)
        return
    ends = kind == "end" or _LINE_END in found
    if ends and (style.lines or style.blanks):
        while words and words[-1].isspace():
            words.pop()
        words.extend([_LINE_END] if words else [])
    elif style.blanks and words and not words[-1].isspace():
        words.append(" ")
