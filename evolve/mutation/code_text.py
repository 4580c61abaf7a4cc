"""A program in a language that is not parsed: its tokens, operands and statements as far as brackets tell.

What is found here is likely, not certain; a child that does not compile is a failed attempt and nothing worse.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from functools import cached_property
from typing import NamedTuple

from evolve.mutation.plain_text import PlainText, Span
from evolve.mutation.plain_tokens import LONGEST_LINE, STYLES

_OPENING = {"(": ")", "[": "]", "{": "}"}
_CLOSING = frozenset(_OPENING.values())
_MEMBER = frozenset({".", "->", "::", "?."})
_STEPS = frozenset({"++", "--"})
_SPACED = frozenset({"<", ">", "*", "&", "-", "+"})
"""Marks with other meanings (templates, pointers, signs) when blanks do not stand on both sides or on neither."""
_GOES_ON = frozenset({";", ",", ")", "]", ".", "->", "(", "[", "else", "catch", "finally", "="})
"""After a closing brace: the statement is not at its end."""
_KEYWORDS = """
    if else elseif elsif for while do loop return break continue switch case default goto try catch finally throw
    throws int double float char bool boolean void auto const constexpr static inline extern struct class enum union
    public private protected template typename using namespace unsigned signed long short new delete this sizeof
    operator virtual override mutable volatile explicit friend noexcept let mut fn impl pub use mod crate self Self
    match where trait type dyn move ref as in unsafe async await func var package import defer go range map chan select
    interface fallthrough def function local end then until repeat nil None null nullptr true false True False begin
    elif and or not from export yield typeof instanceof of extends implements final abstract byte string String
    integer real implicit none call subroutine program module foreach lambda with u8 u16 u32 u64 i8 i16 i32
    i64 f32 f64 usize isize size_t vector
"""
KEYWORDS = frozenset(_KEYWORDS.split())
"""Of all the languages together; none of them is taken for the name of a value."""
_BEFORE_VALUES = frozenset({"return", "case", "else", "in", "not", "and", "or", "throw", "yield", "await", "then"})
"""Words after which a value may stand; after others comes the name of what is declared."""
VALUES = frozenset({"true", "false", "True", "False"})
_DIRECTIVE = re.compile(r"[ \t]*#.*\w")
_CONDITIONS = frozenset({"if", "while", "elif", "elseif"})


_OPERATORS = "+ - * / % < <= > >= == != && || & | ^ << >>"
OPERATORS = frozenset(_OPERATORS.split())
"""Those between two values, of which one may take the place of another."""


class Word(Enum):
    """What a token is."""

    NAME = auto()
    KEYWORD = auto()
    NUMBER = auto()
    STRING = auto()
    MARK = auto()


class Token(NamedTuple):
    """A token: what it is, and its characters in the text."""

    kind: Word
    text: str
    start: int
    end: int


class Operand(NamedTuple):
    """A value with what is called or picked of it, e.g. ``table[i].size()``: tokens ``first`` to ``last``.

    ``plain`` is a name alone.
    """

    first: int
    last: int
    plain: bool


class Binary(NamedTuple):
    """An operator between two operands: the place of its token, and the operands beside it."""

    mark: int
    left: Operand
    right: Operand


class Statement(NamedTuple):
    """Tokens ``first`` to ``last``, the ``place``-th statement of a block at ``depth`` braces."""

    first: int
    last: int
    block: int
    place: int
    depth: int


def readable(text: str, language: str) -> bool:
    """Whether the text can be split into tokens as the language would."""
    style = STYLES.get(language)
    if style is None or max(map(len, text.splitlines()), default=0) > LONGEST_LINE:
        return False
    return re.search(style.unsure, text) is None


@dataclass(frozen=True)
class CodeText(PlainText):
    """A program in ``language``, a key of STYLES for which the text is ``readable``."""

    language: str = "c"

    @cached_property
    def tokens(self) -> list[Token]:
        """All tokens of the file, without comments, directives and blanks."""
        found = STYLES[self.language].pattern().finditer(self.text)
        words = [match for match in found if match["string"] is not None or match["word"] is not None]
        return [_token(match) for match in words if not _DIRECTIVE.match(match[0])]

    @cached_property
    def partner(self) -> dict[int, int]:
        """Bracket -> the bracket that closes or opens it; those without one are left out."""
        pairs: dict[int, int] = {}
        open_: list[int] = []
        for place, token in enumerate(self.tokens):
            if token.kind is not Word.MARK:
                continue
            if token.text in _OPENING:
                open_.append(place)
            elif token.text in _CLOSING and open_ and _OPENING[self.tokens[open_[-1]].text] == token.text:
                pairs[place] = open_.pop()
                pairs[pairs[place]] = place
        return pairs

    @cached_property
    def depth(self) -> list[int]:
        """How many braces are open at each token."""
        depths, depth = [], 0
        for token in self.tokens:
            depth -= token.text == "}" and token.kind is Word.MARK
            depths.append(depth)
            depth += token.text == "{" and token.kind is Word.MARK
        return depths

    # ── values ────────────────────────────────────────────────────────────────────────────────
    @cached_property
    def operands(self) -> list[Operand]:
        """The values that may change, in order; those inside others come too."""
        return [found for found in self._all_operands if self.may_change(found.first, found.last)]

    @cached_property
    def _all_operands(self) -> list[Operand]:
        return [found for place in range(len(self.tokens)) if (found := self._operand(place)) is not None]

    def _operand(self, place: int) -> Operand | None:
        """Return the operand that begins at a token."""
        token, before = self.tokens[place], self._text(place - 1)
        if before in _MEMBER or not self._begins(place):
            return None
        last = self.partner[place] if token.text == "(" else place
        while last + 1 < len(self.tokens):
            following = self.tokens[last + 1]
            if following.text in ("(", "[") and last + 1 in self.partner and token.kind is not Word.NUMBER:
                last = self.partner[last + 1]
            elif following.text in _MEMBER and self._kind(last + 2) in (Word.NAME, Word.KEYWORD):
                last += 2
            else:
                break
        return Operand(place, last, token.kind is Word.NAME and last == place)

    def _begins(self, place: int) -> bool:
        token = self.tokens[place]
        before, after = self._kind(place - 1), self._kind(place + 1)
        declared = before is Word.NAME or (before is Word.KEYWORD and self._text(place - 1) not in _BEFORE_VALUES)
        if token.kind is Word.NUMBER or token.text in VALUES:
            return True
        if token.kind is Word.NAME:
            return not declared and after is not Word.NAME
        closes = before in (Word.NAME, Word.KEYWORD) and self._text(place - 1) not in _BEFORE_VALUES
        return token.text == "(" and place in self.partner and not closes and self._text(place - 1) not in _CLOSING

    @cached_property
    def read(self) -> list[Operand]:
        """The operands whose value is used: none that are assigned to, stepped, or a statement of their own."""
        return [operand for operand in self.operands if self._is_read(operand)]

    def _is_read(self, operand: Operand) -> bool:
        before, after = self._text(operand.first - 1), self._text(operand.last + 1)
        if after in _STEPS or before in _STEPS or is_assignment(after) or after in ("{", "::"):
            return False
        if before in (";", "{", "}", ")", "") and after in (";", "}", ""):
            return False
        near = [place for place in (operand.first - 1, operand.last + 1) if self._text(place) in ("<", ">", "&")]
        return all(self._is_spaced(place) for place in near)

    @cached_property
    def binaries(self) -> list[Binary]:
        """The operators between operands that may change."""
        begins = {operand.first: operand for operand in self.operands}
        ends = {operand.last: operand for operand in reversed(self.operands)}
        return [
            Binary(place, ends[place - 1], begins[place + 1])
            for place, token in enumerate(self.tokens)
            if token.text in OPERATORS
            and place - 1 in ends
            and place + 1 in begins
            and (token.text not in _SPACED or self._is_spaced(place))
            and self.may_change(ends[place - 1].first, begins[place + 1].last)
        ]

    def _is_spaced(self, place: int) -> bool:
        """Whether a mark stands as one between values does: with blanks on both sides, or + and * with none."""
        token = self.tokens[place]
        before, after = (self.text[at : at + 1].isspace() for at in (token.start - 1, token.end))
        return (before and after) or (token.text not in "<>&" and not before and not after)

    @cached_property
    def conditions(self) -> list[Span]:
        """What stands between the brackets of ``if (...)`` and ``while (...)``."""
        found = []
        for place, token in enumerate(self.tokens):
            if token.text in _CONDITIONS and self._text(place + 1) == "(" and place + 1 in self.partner:
                closing = self.partner[place + 1]
                if closing > place + 2 and self.may_change(place + 2, closing - 1):
                    found.append(self.span(place + 2, closing - 1))
        return found

    @cached_property
    def nested_loops(self) -> list[tuple[Span, Span]]:
        """The heads ``for (...)`` of loops of which the second is all that the first repeats, or begins it."""
        heads = {
            place: self.partner[place + 1]
            for place, token in enumerate(self.tokens)
            if token.text == "for" and self._text(place + 1) == "(" and place + 1 in self.partner
        }
        found = []
        for outer, closing in heads.items():
            inner = closing + (2 if self._text(closing + 1) == "{" else 1)
            if inner in heads and self.may_change(outer, heads[inner]):
                found.append((self.span(outer, closing), self.span(inner, heads[inner])))
        return found

    def names_before(self, place: int) -> list[str]:
        """Return the names of values before token ``place`` in its function and outside of all; those that are used
        more often are more often in the list."""
        start = min(place, len(self.tokens) - 1)
        while start > 0 and (self.depth[start] or self.tokens[start].text not in (";", "}")):
            start -= 1
        return [
            self.tokens[one].text
            for one in self._value_names
            if one < place and (one >= start or (not self.depth[one] and one not in self._parameters))
        ]

    @cached_property
    def _value_names(self) -> list[int]:
        """The tokens that name a value: where it is used, and where it is declared."""
        used = {operand.first for operand in self._all_operands if operand.plain}
        return [place for place in range(len(self.tokens)) if place in used or self._declares(place)]

    def _declares(self, place: int) -> bool:
        before, after = self._token(place - 1), self._text(place + 1)
        if self.tokens[place].kind is not Word.NAME or before is None:
            return False
        typed = before.kind in (Word.NAME, Word.KEYWORD) and before.text not in _BEFORE_VALUES
        return (typed or before.text in (">", "*", "&")) and after in ("=", ";", ",", ")", ":", "[", ":=")

    @cached_property
    def _parameters(self) -> frozenset[int]:
        """The tokens between round brackets outside of all functions."""
        inside: set[int] = set()
        for opening, closing in self.partner.items():
            if self.tokens[opening].text == "(" and not self.depth[opening]:
                inside.update(range(opening, closing))
        return frozenset(inside)

    @cached_property
    def every_name(self) -> frozenset[str]:
        """All names in the file."""
        return frozenset(token.text for token in self.tokens if token.kind is Word.NAME)

    # ── statements ────────────────────────────────────────────────────────────────────────────
    @cached_property
    def statements(self) -> list[Statement]:
        """The statements that may change, those inside others too."""
        return [found for found in self._block(0, len(self.tokens)) if self.may_change(found.first, found.last)]

    def _block(self, start: int, stop: int) -> Iterator[Statement]:
        first, count, place = start, 0, start
        while place < stop:
            closing = self.partner.get(place, place)
            if closing > place:
                yield from self._inside(place, closing)
            if self._ends(first, closing, stop):
                if closing > first or self.tokens[first].text != ";":
                    yield Statement(first, closing, start, count, self.depth[first])
                    count += 1
                first = closing + 1
            place = closing + 1

    def _inside(self, opening: int, closing: int) -> Iterator[Statement]:
        """Yield the statements of the blocks between two brackets."""
        if self.tokens[opening].text == "{":
            yield from self._block(opening + 1, closing)
            return
        place = opening + 1
        while place < closing:
            if (partner := self.partner.get(place, place)) > place:
                yield from self._inside(place, partner)
            place = max(partner, place) + 1

    def _ends(self, first: int, last: int, stop: int) -> bool:
        """Whether a statement ends with token ``last``."""
        text, after = self.tokens[last].text, self._text(last + 1) if last + 1 < stop else ""
        if after in ("else", "catch", "finally") or (after == "while" and self.tokens[first].text == "do"):
            return False
        if text == ";":
            return True
        if text == "}":
            return after not in _GOES_ON and (last + 1 >= stop or not is_operator(after))
        if not STYLES[self.language].lines:
            return False
        return last + 1 >= stop or (self._breaks(last) and not (is_operator(text) or is_operator(after) or text == ","))

    def _breaks(self, place: int) -> bool:
        """Whether a line ends between a token and the next."""
        return "\n" in self.text[self.tokens[place].end : self.tokens[place + 1].start]

    def rows(self, statement: Statement) -> Span:
        """Return the whole lines of a statement that shares none with others, else its own characters."""
        span = self.span(statement.first, statement.last)
        start = max(self.text.rfind("\n", 0, span.start), self.text.rfind("\r", 0, span.start)) + 1
        ending = re.compile(r"[^\r\n]*(?:\r\n|\n|\r|$)").match(self.text, span.end)
        stop = ending.end() if ending else span.end
        before, after = self._token(statement.first - 1), self._token(statement.last + 1)
        shares = (before is not None and before.end > start) or (after is not None and after.start < stop)
        return span if shares or self.part_of(Span(start, stop)) is None else Span(start, stop)

    # ── tokens ────────────────────────────────────────────────────────────────────────────────
    def span(self, first: int, last: int) -> Span:
        """Return the characters of tokens ``first`` to ``last``."""
        return Span(self.tokens[first].start, self.tokens[last].end)

    def source(self, operand: Operand) -> str:
        """Return the text of an operand."""
        return self.of(self.span(operand.first, operand.last))

    def may_change(self, first: int, last: int) -> bool:
        """Whether tokens ``first`` to ``last`` lie in one editable part."""
        return self.part_of(self.span(first, last)) is not None

    def _token(self, place: int) -> Token | None:
        return self.tokens[place] if 0 <= place < len(self.tokens) else None

    def _text(self, place: int) -> str:
        token = self._token(place)
        return "" if token is None else token.text

    def _kind(self, place: int) -> Word | None:
        token = self._token(place)
        return None if token is None else token.kind


def is_assignment(mark: str) -> bool:
    """Whether a mark writes to what stands before it."""
    return mark.endswith("=") and mark not in ("==", "!=", "<=", ">=", "===", "!==", "<=>")


def is_operator(mark: str) -> bool:
    """Whether a mark needs something on both sides, so that no statement ends at it."""
    return bool(mark) and not mark[0].isalnum() and mark[0] not in "_\"'`()[]{};,#@~!" and mark not in _STEPS


def _token(match: re.Match[str]) -> Token:
    text = match[0]
    if match["string"] is not None:
        kind = Word.STRING
    elif text[0].isdigit():
        kind = Word.NUMBER
    elif text[0] == "_" or text[0].isalpha():
        kind = Word.KEYWORD if text in KEYWORDS else Word.NAME
    else:
        kind = Word.MARK
    return Token(kind, text, match.start(), match.end())
