"""Edits of whole lines, and of numbers: for languages of which nothing is known."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from evolve.mutation.edits import Edit
from evolve.mutation.kinds import Weighted
from evolve.mutation.plain_text import PlainText, Span, T, TextBench, change_number, word_spans

_OPENING, _CLOSING = "([{", ")]}"


def delete_line(bench: TextBench[T]) -> Edit | None:
    """A line goes."""
    lines = whole_lines(bench.target)
    return bench.target.edit("delete line", (bench.pick(lines), "")) if lines else None


def duplicate_line(bench: TextBench[T]) -> Edit | None:
    """A line is written twice."""
    lines = whole_lines(bench.target)
    if not lines:
        return None
    line = bench.pick(lines)
    return bench.target.edit("duplicate line", (line, 2 * bench.target.closed(line)))


def swap_lines(bench: TextBench[T]) -> Edit | None:
    """A line changes places with the next one."""
    lines = whole_lines(bench.target)
    pairs = [(one, other) for one, other in pairwise(lines) if one.end == other.start]
    if not pairs:
        return None
    first, second = bench.pick(pairs)
    both = Span(first.start, second.end)
    return bench.target.edit("swap lines", (both, bench.target.closed(second) + bench.target.closed(first)))


def move_line(bench: TextBench[T]) -> Edit | None:
    """A line is taken out and written before another one."""
    lines = whole_lines(bench.target)
    if len(lines) < 3:
        return None
    line, before = bench.pick(lines), bench.pick(lines)
    if before.start in (line.start, line.end):
        return None
    return bench.target.edit("move line", (line, ""), (Span(before.start, before.start), bench.target.closed(line)))


def borrow_line(bench: TextBench[T]) -> Edit | None:
    """A line of an inspiration is written before a line of this text, or in its place."""
    donors, lines = bench.donors(), whole_lines(bench.target)
    if not donors or not lines:
        return None
    donor = bench.pick(donors)
    offered = whole_lines(donor)
    if not offered:
        return None
    line, borrowed = bench.pick(lines), donor.closed(bench.pick(offered))
    place = line if bench.chance(0.5) else Span(line.start, line.start)
    return bench.target.edit("borrow line", (place, borrowed))


def exchange_word(bench: TextBench[T]) -> Edit | None:
    """A word becomes another word of the text."""
    spans = [span for line in bench.target.lines for span in word_spans(bench.target.text, line)]
    if len(spans) < 2:
        return None
    span, other = bench.pick(spans), bench.target.of(bench.pick(spans))
    return bench.target.edit("word", (span, other)) if other != bench.target.of(span) else None


def whole_lines(target: PlainText) -> Sequence[Span]:
    """Return the lines that say something and can stand elsewhere: they close the brackets that they open."""
    return [line for line in target.lines if _is_whole(target.of(line))]


def _is_whole(line: str) -> bool:
    depth = 0
    for character in line:
        depth += (character in _OPENING) - (character in _CLOSING)
        if depth < 0:
            return False
    return depth == 0 and not line.isspace() and bool(line)


LINE_KINDS: tuple[Weighted[TextBench[PlainText]], ...] = (
    Weighted(change_number, 20.0),
    Weighted(exchange_word, 3.0),
    Weighted(delete_line, 2.0),
    Weighted(duplicate_line, 1.0),
    Weighted(swap_lines, 2.0),
    Weighted(move_line, 1.0),
    Weighted(borrow_line, 3.0),
)
