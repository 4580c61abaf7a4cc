"""A text for readers: its words and sentences. Headings, fences, tags and rules are its frame, which stays."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from evolve.mutation.plain_text import PlainText, Span, word_spans

_FRAME = re.compile(r"\s*(?:#{1,6}\s|```|~~~|</?\w|<!--|\{[%{#]|[-=*_|:+\s]{3,}$)")
_ITEM = re.compile(r"\s*(?:[-*+>]\s+|\d{1,3}[.)]\s+)?")
_SENTENCE = re.compile(r"\S.*?(?:[.!?:;](?=\s|$)|$)", re.MULTILINE)
PROSE_SUFFIXES = frozenset({"md", "markdown", "rst", "adoc", "tex", "prompt"})
"""Files that are prose in a problem about anything."""
PROSE_LANGUAGES = PROSE_SUFFIXES | {"text", "txt", "prose", "english", "latex", "asciidoc", "restructuredtext"}
"""What a problem's ``language`` is called when its programs are prose."""


@dataclass(frozen=True)
class Prose(PlainText):
    """A text for readers."""

    @cached_property
    def body(self) -> list[Span]:
        """The lines that are no frame, without their ending; blank ones are left out."""
        spans = [Span(line.start, line.start + len(self.of(line).rstrip("\r\n"))) for line in self.lines]
        return [span for span in spans if self.of(span).strip() and not _FRAME.match(self.of(span))]

    @cached_property
    def words(self) -> list[Span]:
        """The words of the body."""
        return [word for line in self.body for word in word_spans(self.text, line)]

    @cached_property
    def sentences(self) -> list[Span]:
        """The sentences of the body, each within a line, without what marks a line as an item of a list."""
        found = []
        for line in self.body:
            marked = _ITEM.match(self.text, line.start, line.end)
            start = marked.end() if marked else line.start
            found += [Span(*match.span()) for match in _SENTENCE.finditer(self.text, start, line.end)]
        return [sentence for sentence in found if word_spans(self.text, sentence)]

    @cached_property
    def breaks(self) -> list[Span]:
        """The places before and after the lines that may change, blank ones left out."""
        return [Span(line.end, line.end) for line in self.lines if self.of(line).endswith(("\n", "\r"))]
