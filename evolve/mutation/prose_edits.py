"""Edits of words and sentences: for programs that are texts for readers."""

from __future__ import annotations

from collections.abc import Sequence

from evolve.mutation.edits import Edit
from evolve.mutation.kinds import Weighted
from evolve.mutation.plain_text import Span, TextBench, change_number, words_in
from evolve.mutation.prose import Prose

Bench = TextBench[Prose]

_MEAN_WORDS = 2.0
_BLANKS = " \t"


# ── words ─────────────────────────────────────────────────────────────────────────────────────
def replace_word(bench: Bench) -> Edit | None:
    """A word becomes one that the text, an inspiration, the statement or the judge uses."""
    new = _heard(bench)
    if not bench.target.words or not new:
        return None
    return bench.target.edit("word", (bench.pick(bench.target.words), new))


def insert_words(bench: Bench) -> Edit | None:
    """Words that are in use elsewhere are written after a word."""
    new = _phrase(bench)
    if not bench.target.words or not new:
        return None
    place = bench.pick(bench.target.words).end
    return bench.target.edit("insert words", (Span(place, place), f" {new}"))


def insert_line(bench: Bench) -> Edit | None:
    """Words that are in use elsewhere become a line of their own."""
    new = _phrase(bench)
    if not bench.target.breaks or not new:
        return None
    return bench.target.edit("insert line", (bench.pick(bench.target.breaks), new + bench.target.newline))


def delete_words(bench: Bench) -> Edit | None:
    """Words in a row of one line go."""
    run = _run(bench)
    return None if run is None else bench.target.edit("delete words", (_with_blank(bench.target, run), ""))


def move_words(bench: Bench) -> Edit | None:
    """Words in a row of one line are written after another word."""
    run = _run(bench)
    if run is None:
        return None
    taken = _with_blank(bench.target, run)
    places = [word.end for word in bench.target.words if not taken.start <= word.end <= taken.end]
    if not places:
        return None
    place = bench.pick(places)
    return bench.target.edit("move words", (taken, ""), (Span(place, place), f" {bench.target.of(run)}"))


def exchange_words(bench: Bench) -> Edit | None:
    """Two words change places."""
    if len(bench.target.words) < 2:
        return None
    one, other = bench.pick(bench.target.words), bench.pick(bench.target.words)
    if one == other:
        return None
    return bench.target.edit("exchange words", (one, bench.target.of(other)), (other, bench.target.of(one)))


def _run(bench: Bench) -> Span | None:
    """Return some words in a row of one line."""
    words = bench.target.words
    if not words:
        return None
    first = int(bench.rng.integers(len(words)))
    line = next(line for line in bench.target.body if line.start <= words[first].start < line.end)
    last = min(first + bench.count(_MEAN_WORDS), len(words)) - 1
    while words[last].end > line.end:
        last -= 1
    return Span(words[first].start, words[last].end)


def _with_blank(target: Prose, span: Span) -> Span:
    """Return a span with the blank before it, so that none are left double."""
    before = span.start - 1
    return Span(before, span.end) if before >= 0 and target.text[before] in _BLANKS else span


def _heard(bench: Bench) -> str:
    """Return a word that is in use somewhere, or an empty string."""
    source = _source(bench)
    return bench.pick(source) if source else ""


def _phrase(bench: Bench) -> str:
    """Return words in a row that are in use somewhere, or an empty string."""
    source = _source(bench)
    if not source:
        return ""
    first = int(bench.rng.integers(len(source)))
    return " ".join(source[first : first + bench.count(_MEAN_WORDS)])


def _source(bench: Bench) -> Sequence[str]:
    """Return the words of a text: of what is said of the problem and the parent, of inspirations, or of this one."""
    said = [words for words in map(words_in, bench.sayings()) if words]
    others = [words for donor in bench.donors() if (words := [donor.of(word) for word in donor.words])]
    own = [bench.target.of(word) for word in bench.target.words]
    kinds = [texts for texts in (said, said, others, [own] if own else []) if texts]
    return bench.pick(bench.pick(kinds)) if kinds else ()


# ── sentences ─────────────────────────────────────────────────────────────────────────────────
def delete_sentence(bench: Bench) -> Edit | None:
    """A sentence goes."""
    if not bench.target.sentences:
        return None
    sentence = bench.pick(bench.target.sentences)
    return bench.target.edit("delete sentence", (_with_blank(bench.target, sentence), ""))


def duplicate_sentence(bench: Bench) -> Edit | None:
    """A sentence is written again after another one."""
    if not bench.target.sentences:
        return None
    return _after_another(bench, "duplicate sentence", bench.target.of(bench.pick(bench.target.sentences)))


def move_sentence(bench: Bench) -> Edit | None:
    """A sentence is taken out and written after another one."""
    sentences = bench.target.sentences
    if len(sentences) < 2:
        return None
    sentence, other = bench.pick(sentences), bench.pick(sentences)
    taken = _with_blank(bench.target, sentence)
    if taken.start <= other.end <= taken.end:
        return None
    place = Span(other.end, other.end)
    return bench.target.edit("move sentence", (taken, ""), (place, f" {bench.target.of(sentence)}"))


def borrow_sentence(bench: Bench) -> Edit | None:
    """A sentence of an inspiration is written after one of this text, or in its place."""
    offered = [donor.of(sentence) for donor in bench.donors() for sentence in donor.sentences]
    if not offered or not bench.target.sentences:
        return None
    new = bench.pick(offered)
    if bench.chance(0.5):
        return bench.target.edit("borrow sentence", (bench.pick(bench.target.sentences), new))
    return _after_another(bench, "borrow sentence", new)


def _after_another(bench: Bench, kind: str, new: str) -> Edit:
    place = bench.pick(bench.target.sentences).end
    return bench.target.edit(kind, (Span(place, place), f" {new}"))


PROSE_KINDS: tuple[Weighted[Bench], ...] = (
    Weighted(replace_word, 8.0),
    Weighted(insert_words, 10.0),
    Weighted(insert_line, 2.0),
    Weighted(delete_words, 12.0),
    Weighted(move_words, 3.0),
    Weighted(exchange_words, 2.0),
    Weighted(delete_sentence, 3.0),
    Weighted(duplicate_sentence, 0.5),
    Weighted(move_sentence, 2.0),
    Weighted(borrow_sentence, 4.0),
    Weighted(change_number, 2.0),
)
