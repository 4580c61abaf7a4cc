"""A text that is edited without a parser for its language: its editable parts, and the bench for edits of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Generic, NamedTuple, TypeVar

import numpy as np

from evolve.domain.blocks import editable_regions, split_lines, without_ending
from evolve.mutation.edits import Edit, Splice, brief
from evolve.mutation.numbers import TextNumber, perturbed, text_numbers, write_number

Item = TypeVar("Item")
T = TypeVar("T", bound="PlainText")

ENCODING_ERRORS = "surrogatepass"
_WORD = re.compile(r"[^\W\d_][^\W_]*(?:['\u2019-][^\W\d_]+)*")


class Span(NamedTuple):
    """Characters ``start`` to ``end`` of a text."""

    start: int
    end: int


@dataclass(frozen=True)
class PlainText:
    """A text with the lines that may change. Positions are characters; edits are made of bytes."""

    text: str

    @cached_property
    def data(self) -> bytes:
        """Its bytes, which splices are for."""
        return self.text.encode("utf-8", ENCODING_ERRORS)

    @cached_property
    def lines(self) -> list[Span]:
        """The lines that may change, each with its ending."""
        rows = split_lines(self.text)
        starts = [0, *accumulate(map(len, rows))]
        return [
            Span(starts[row], starts[row + 1])
            for region in editable_regions(self.text)
            for row in range(region.first, region.stop)
        ]

    @cached_property
    def parts(self) -> list[Span]:
        """The parts that may change: lines in a row are one part."""
        joined: list[Span] = []
        for line in self.lines:
            if joined and joined[-1].end == line.start:
                joined[-1] = Span(joined[-1].start, line.end)
            else:
                joined.append(line)
        return joined

    @cached_property
    def numbers(self) -> list[TextNumber]:
        """The numeric literals that may change."""
        return text_numbers(self.text)

    @cached_property
    def newline(self) -> str:
        """How its first line ends; a line feed where it has none."""
        first = split_lines(self.text)[:1]
        return first[0][len(without_ending(first[0])) :] or "\n" if first else "\n"

    def part_of(self, span: Span) -> Span | None:
        """Return the editable part that holds a span, None if there is none."""
        return next((part for part in self.parts if part.start <= span.start and span.end <= part.end), None)

    def of(self, span: Span) -> str:
        """Return the text of a span."""
        return self.text[span.start : span.end]

    def closed(self, span: Span) -> str:
        """Return the text of lines, ended by a line break even at the end of the file."""
        found = self.of(span)
        return found if found.endswith(("\n", "\r")) else found + self.newline

    def splice(self, span: Span, new: str) -> Splice:
        """Return the splice that writes ``new`` in the place of ``span``."""
        return Splice(self._byte(span.start), self._byte(span.end), new.encode("utf-8", ENCODING_ERRORS))

    def edit(self, kind: str, *changes: tuple[Span, str]) -> Edit:
        """Return the edit that makes ``changes``, noted by the first of them."""
        span, new = changes[0]
        row = 1 + len(split_lines(self.text[: span.start]))
        if self.text[: span.start] and not self.text[: span.start].endswith(("\n", "\r")):
            row -= 1
        note = f"{kind} {brief(self.of(span))} -> {brief(new)} (line {row})"
        return Edit(tuple(self.splice(*change) for change in changes), note)

    def _byte(self, place: int) -> int:
        if len(self.data) == len(self.text):
            return place
        return len(self.text[:place].encode("utf-8", ENCODING_ERRORS))


@dataclass(frozen=True, slots=True)
class TextBench(Generic[T]):
    """What an edit of a text is made from.

    Args:
        target: the file to change.
        donors: files of the same kind of the inspirations, made when first asked for.
        sayings: texts that say something of the problem and the parent (statement, feedback, artifacts), to take
            words from.
        rng: the source of randomness.
    """

    target: T
    donors: Callable[[], Sequence[T]]
    sayings: Callable[[], Sequence[str]]
    rng: np.random.Generator

    def pick(self, items: Sequence[Item]) -> Item:
        """Return one of ``items``, each as likely."""
        return items[int(self.rng.integers(len(items)))] if len(items) > 1 else items[0]

    def chance(self, probability: float) -> bool:
        """Return True with ``probability``."""
        return bool(self.rng.random() < probability)

    def count(self, mean: float) -> int:
        """Return a number of at least one, small ones most often."""
        return int(self.rng.geometric(1.0 / mean))


def change_number(bench: TextBench[T]) -> Edit | None:
    """``1.5`` becomes ``1.73``. Signs stay: what stands before a number may be an operator."""
    if not bench.target.numbers:
        return None
    site = bench.pick(bench.target.numbers)
    new = abs(perturbed(site.value, bench.rng, whole=isinstance(site.value, int)))
    return bench.target.edit("constant", (Span(site.start, site.end), write_number(new)))


def words_in(text: str) -> list[str]:
    """Return the words of a text, in order."""
    return _WORD.findall(text)


def word_spans(text: str, span: Span) -> list[Span]:
    """Return where the words of a part of a text stand."""
    return [Span(*match.span()) for match in _WORD.finditer(text, span.start, span.end)]
