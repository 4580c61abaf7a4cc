"""Where a Python file can be edited: exact byte ranges found with ``ast``, formatting untouched.

All offsets are bytes of the UTF-8 text, because that is what ``ast`` counts.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from typing import NamedTuple

from evolve.mutation.precedence import Precedence
from evolve.mutation.scopes import Scope

_GAP_TOKEN = re.compile(rb"#[^\r\n]*|[()\s\\]+|[^\s()#\\]+")


class Site(NamedTuple):
    """An expression that may be replaced.

    Args:
        node: its tree.
        start, end: byte range of its text, parentheses around it left out.
        slot: what a text must at least be to stand here without parentheses.
        scope: where its names are looked up.
        sizes: it is part of an index, a length or a shape, where only whole numbers make sense.
        root: it is the whole value of a return or an assignment.
    """

    node: ast.expr
    start: int
    end: int
    slot: Precedence
    scope: Scope
    sizes: bool
    root: bool


class Operand(NamedTuple):
    """An operator's token between two expressions: ``left``, ``right`` belong to ``site``."""

    site: Site
    operator: ast.operator | ast.cmpop | ast.boolop
    left: ast.expr
    right: ast.expr


class Line(NamedTuple):
    """A statement that has its lines to itself.

    Args:
        node: its tree.
        start, end: byte range of the statement.
        first, stop: byte range of its lines, ends of lines included.
        block: number of the block of statements it belongs to.
        place: its place in that block, ``alone`` if there is no other.
        scope: where its names are looked up.
    """

    node: ast.stmt
    start: int
    end: int
    first: int
    stop: int
    block: int
    place: int
    alone: bool
    scope: Scope


class Augmented(NamedTuple):
    """An augmented assignment."""

    node: ast.AugAssign
    start: int
    end: int


@dataclass(slots=True)
class Analysis:
    """What can be edited in one file. Filled once, then only read.

    Args:
        data: the file's bytes.
        numbers: numeric constants, a minus sign before them included.
        numeric: expressions that may well be numbers.
        composite: expressions that have expressions inside.
        every: all expressions that may be replaced or copied.
        modules: module -> name it is imported as at the top of the file.
        newline: how its lines end.
    """

    data: bytes
    starts: list[int]
    numbers: list[Site] = field(default_factory=list)
    numeric: list[Site] = field(default_factory=list)
    composite: list[Site] = field(default_factory=list)
    conditions: list[Site] = field(default_factory=list)
    every: list[Site] = field(default_factory=list)
    arithmetic: list[Operand] = field(default_factory=list)
    orderings: list[Operand] = field(default_factory=list)
    booleans: list[Operand] = field(default_factory=list)
    negations: list[Site] = field(default_factory=list)
    augmented: list[Augmented] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    modules: dict[str, str] = field(default_factory=dict)
    newline: bytes = b"\n"

    def span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        """Return the byte range of a node."""
        end_line, end_column = node.end_lineno, node.end_col_offset
        assert end_line is not None and end_column is not None
        return self.starts[node.lineno - 1] + node.col_offset, self.starts[end_line - 1] + end_column

    def source(self, node: ast.expr | ast.stmt) -> bytes:
        """Return the text of a node."""
        start, end = self.span(node)
        return self.data[start:end]

    def token(self, left: ast.expr, right: ast.expr) -> tuple[int, int]:
        """Return the byte range of the one-word operator between two neighbouring expressions."""
        start, stop = self.span(left)[1], self.span(right)[0]
        for match in _GAP_TOKEN.finditer(self.data, start, stop):
            if match.group()[0] not in b"()#\\ \t\r\n\f":
                return match.start(), match.end()
        raise ValueError("no operator between the expressions")

    def parenthesised(self, left: ast.expr, right: ast.expr) -> tuple[bool, bool]:
        """Whether the left and the right operand around an operator stand in parentheses of their own."""
        start, end = self.token(left, right)
        before = self.data[self.span(left)[1] : start]
        after = self.data[end : self.span(right)[0]]
        return b")" in _without_comments(before), b"(" in _without_comments(after)


def _without_comments(gap: bytes) -> bytes:
    return re.sub(rb"#[^\r\n]*", b"", gap)


def is_number(node: ast.expr) -> bool:
    """Whether ``node`` is an int or float literal, perhaps with a sign."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        node = node.operand
    return isinstance(node, ast.Constant) and type(node.value) in (int, float)


def number_value(node: ast.expr) -> int | float:
    """Return the value of a node for which ``is_number`` holds."""
    if isinstance(node, ast.UnaryOp):
        value = number_value(node.operand)
        return -value if isinstance(node.op, ast.USub) else value
    assert isinstance(node, ast.Constant) and isinstance(node.value, int | float)
    return node.value
