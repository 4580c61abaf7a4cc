"""What a program's text looks like in a few numbers: features that every program has.

They are counted on tokens, in Python too: the numbers are those of the syntax tree (the tests compare
them) without the time that parsing takes, and a text that does not parse has them as well. A
program of 100 lines takes 0.3 ms; making and walking its tree would take 0.9 ms.
"""

from __future__ import annotations

import keyword
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath

SHAPE_NAMES: tuple[str, ...] = ("lines", "bytes", "branches", "depth", "functions", "calls", "constants", "names")
"""What :func:`shape` returns, in order. As metrics of a program they are called ``program_lines`` etc."""

# No pattern needs a quote or comment to end: looking for ends that are not there again and again takes long.
_HASH, _DASHES, _SLASHES = r"\#[^\n]*", r"--[^\n]*", r"//[^\n]*|/\*(?:[^*]+|\*(?!/))*(?:\*/)?"
_HASHED = frozenset({"py", "pyi", "python", "r", "jl", "julia", "rb", "sh", "pl", "yaml", "yml", "toml", "nim"})
_DASHED = frozenset({"lua", "sql", "hs"})
_INDENTED = frozenset({"py", "pyi", "python", "nim"})
_LONGEST_LINE = 5000
"""A text with longer ones is data more than code: its words are counted and no strings are looked for."""

_DEFINING = r"(?:def|class|fn|func|function|fun)[ \t]+\w+"
_ESCAPED = r"\\(?:.|\n)"
_STRING = (
    rf'"""(?:{_ESCAPED}|[^"\\]+|"(?!""))*(?:""")?|'
    rf"'''(?:{_ESCAPED}|[^'\\]+|'(?!''))*(?:''')?|"
    r'"(?:\\.|[^"\\\n]+)*"?|'
    r"'(?:\\.|[^'\\\n]){0,200}'"
)
_WORDS = (
    rf"{_DEFINING}\b|[^\W\d]\w*(?:[ \t]*\()?"  # a name with the bracket that calls it
    r"|(?:\d|\.\d)(?:[eE][+-]|[\w.])*|\n[ \t]*(?=[^\s\#])|[)\]][ \t]*\(|\\\n|&&|\|\||->|=>|[^\s\w]"
)


def _lexer(comment: str) -> re.Pattern[str]:
    return re.compile(rf"{comment}|{_STRING}|{_WORDS}")


_LEXERS = {comment: _lexer(comment) for comment in (_HASH, _DASHES, _SLASHES)}
_WORDS_ONLY = re.compile(_WORDS)

_BRANCHES = frozenset({"if", "elif", "elsif", "elseif", "for", "while", "and", "or", "except", "catch", "&&", "||"})
_BRACE_BRANCHES = frozenset({"case", "foreach", "loop", "until", "unless", "?"})
"""Elsewhere than in Python, where they are names."""
_FUNCTIONS = frozenset({"def", "fn", "func", "function", "fun"})
_KEYWORDS = frozenset(keyword.kwlist) | frozenset({"switch", "case", "else", "return", "sizeof", "catch", "until"})
_OPENING, _CLOSING = frozenset("([{"), frozenset(")]}")


def shape(files: Mapping[str, str], language: str = "") -> tuple[float, ...]:
    """Return one number per entry of SHAPE_NAMES.

    Lines that are not blank; bytes of UTF-8; branches (``if``, loops, ``and``, ``or``, handlers, parts of
    comprehensions); depth of the deepest block (indentation, or braces in languages that have them);
    functions defined, where a keyword says so; calls; numbers written out; different names. Of
    several files the sum, the greatest depth, and the names of all.

    Args:
        files: path -> text.
        language: of files whose name has no suffix.
    """
    totals, depth, names = Counter[str](), 0, set[str]()
    for path, text in files.items():
        kind = PurePosixPath(path).suffix[1:].lower() or language
        tokens = _tokens(text, kind)
        totals["lines"] += sum(1 for line in text.splitlines() if line.strip())
        totals["bytes"] += len(text.encode("utf-8", "surrogatepass"))
        _count(Counter(tokens), kind, totals, names)
        depth = max(depth, _depth(tokens, indented=kind in _INDENTED or "{" not in text))
    totals["depth"], totals["names"] = depth, len(names)
    return tuple([float(totals[name]) for name in SHAPE_NAMES])


def _tokens(text: str, kind: str) -> list[str]:
    """Split a text; comments and strings are one token each, a line's beginning is one that starts with ``\\n``."""
    if max(map(len, text.split("\n"))) > _LONGEST_LINE:
        return _WORDS_ONLY.findall(text)
    comment = _HASH if kind in _HASHED else _DASHES if kind in _DASHED else _SLASHES
    return _LEXERS[comment].findall("\n" + text)


def _count(tokens: Counter[str], kind: str, totals: Counter[str], names: set[str]) -> None:
    branches = _BRANCHES if kind in _INDENTED else _BRANCHES | _BRACE_BRANCHES
    for token, times in tokens.items():
        first = token[0]
        if first.isalpha() or first == "_":
            name = token.rstrip("( \t")
            if name in branches:
                totals["branches"] += times
            elif name == "lambda":
                totals["functions"] += times
            elif name not in _KEYWORDS:
                _count_name(token, name, times, totals, names)
        elif first.isdigit() or (first == "." and token != "."):
            totals["constants"] += times
        elif token in branches:
            totals["branches"] += times
        elif first in ")]" and token[-1] == "(":
            totals["calls"] += times
        elif token == "=>" and kind not in _HASHED:
            totals["functions"] += times


def _count_name(token: str, name: str, times: int, totals: Counter[str], names: set[str]) -> None:
    word, _, defined = name.partition(" ")
    if defined:
        totals["functions"] += times * (word in _FUNCTIONS)
        names.add(defined.strip())
        return
    totals["calls"] += times * (token[-1] == "(")
    names.add(name)


def _depth(tokens: Sequence[str], *, indented: bool) -> int:
    return max(_levels(tokens) if indented else _braces(tokens), default=0)


def _braces(tokens: Sequence[str]) -> Iterator[int]:
    level = 0
    for token in tokens:
        if token == "{":
            level += 1
            yield level
        elif token == "}":
            level -= 1


def _levels(tokens: Sequence[str]) -> Iterator[int]:
    """Yield the levels of indentation of lines that do not continue a bracket."""
    brackets, margins = 0, [0]
    for token in tokens:
        if token[0] == "\n":
            if brackets <= 0:
                margin = len(token.expandtabs()) - 1
                while margin < margins[-1]:
                    margins.pop()
                if margin > margins[-1]:
                    margins.append(margin)
                    yield len(margins) - 1
        elif token[0] not in "#/-":  # a comment may end with a bracket
            brackets += (token[-1] in _OPENING) - (token[0] in _CLOSING)
