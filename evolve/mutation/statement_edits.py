"""Edits of whole statements: delete, duplicate, move, transplant."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from evolve.mutation.edits import Bench, Edit, Splice, note
from evolve.mutation.python_sites import Analysis, Line
from evolve.mutation.scopes import names_bound

_MAX_STATEMENT_BYTES = 600


def delete_statement(bench: Bench) -> Edit | None:
    """A statement goes; the only one of its block becomes ``pass``."""
    lines = bench.target.lines
    if not lines:
        return None
    line = bench.pick(lines)
    old = bench.target.data[line.start : line.end]
    if line.alone or _leaves_empty(line, lines):
        return Edit((Splice(line.start, line.end, b"pass"),), note("delete", old, b"pass", line.node))
    return Edit((Splice(line.first, line.stop, b""),), note("delete", old, b"", line.node))


def _leaves_empty(line: Line, lines: Sequence[Line]) -> bool:
    """Whether no other statement of the block has lines of its own, so that the block may need this one."""
    return not any(other.block == line.block and other.place != line.place for other in lines)


def duplicate_statement(bench: Bench) -> Edit | None:
    """A simple statement is written twice."""
    lines = [line for line in bench.target.lines if isinstance(line.node, ast.Assign | ast.AugAssign | ast.Expr)]
    if not lines:
        return None
    line = bench.pick(lines)
    text = _closed(bench.target, line)
    splice = Splice(line.first, line.stop, text + text)
    return Edit((splice,), note("duplicate", bench.target.data[line.start : line.end], b"twice", line.node))


def move_statement(bench: Bench) -> Edit | None:
    """A statement changes places with the next one of its block."""
    lines = bench.target.lines
    pairs = [(one, other) for one in lines for other in lines if _follows(one, other)]
    if not pairs:
        return None
    first, second = bench.pick(pairs)
    data = bench.target.data
    between = data[first.stop : second.first]
    splice = Splice(first.first, second.stop, _closed(bench.target, second) + between + _closed(bench.target, first))
    return Edit((splice,), note("move", data[first.start : first.end], data[second.start : second.end], first.node))


def _follows(one: Line, other: Line) -> bool:
    return one.block == other.block and other.place == one.place + 1


def transplant_statement(bench: Bench) -> Edit | None:
    """A statement of an inspiration is written before one of this file, if all its names are bound there."""
    donors = bench.donors()
    if not donors or not bench.target.lines:
        return None
    donor = bench.pick(donors)
    if not donor.lines:
        return None
    line = bench.pick(bench.target.lines)
    for _ in range(4):
        source = bench.pick(donor.lines)
        text = donor.data[source.first : source.stop]
        if len(text) <= _MAX_STATEMENT_BYTES and _fits(source, line):
            return _inserted(bench, line, _indented(bench.target, donor, source, line))
    return None


def _fits(source: Line, line: Line) -> bool:
    if any(_spans_lines(node) for node in ast.walk(source.node)):
        return False
    return names_bound(source.node, line.scope, line.start)


def _spans_lines(node: ast.AST) -> bool:
    text = isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str | bytes))
    return text and isinstance(node, ast.expr) and node.lineno != node.end_lineno


def _indented(target: Analysis, donor: Analysis, source: Line, line: Line) -> bytes:
    """Return the lines of ``source`` with the indentation of ``line``."""
    old = donor.data[source.first : source.start]
    new = target.data[line.first : line.start]
    rows = donor.data[source.first : source.stop].splitlines()
    return b"".join(new + row.removeprefix(old) + target.newline for row in rows)


def _inserted(bench: Bench, line: Line, text: bytes) -> Edit:
    """Write ``text`` before ``line`` or, half of the time, in its place."""
    data = bench.target.data
    if bench.chance(0.5):
        splice = Splice(line.first, line.stop, text)
        return Edit((splice,), note("transplant", data[line.start : line.end], text, line.node))
    splice = Splice(line.first, line.stop, text + data[line.first : line.stop])
    return Edit((splice,), note("insert", b"", text, line.node))


def _closed(target: Analysis, line: Line) -> bytes:
    """Return the lines of a statement, ended by a newline even at the end of the file."""
    text = target.data[line.first : line.stop]
    return text if text.endswith((b"\n", b"\r")) else text + target.newline
