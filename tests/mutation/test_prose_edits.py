"""Edits of words, sentences and lines."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from evolve.mutation import line_edits, prose_edits
from evolve.mutation.edits import Edit, apply
from evolve.mutation.plain_text import PlainText, TextBench, change_number
from evolve.mutation.prose import Prose

TEXT = "# Letter to you\n\nBe brief. Say it once.\n- Ask twice, then wait\n\n## End\nBye.\n"
DONOR = Prose("Never hurry. Walk.\n")
SAID = ("rain and snow",)


def children(kind: Callable[[TextBench[Prose]], Edit | None], text: str = TEXT, said: Sequence[str] = SAID) -> set[str]:
    """Return what one edit of a kind makes of a text under many seeds."""
    target, made = Prose(text), set()
    for seed in range(120):
        edit = kind(TextBench(target, lambda: [DONOR], lambda: said, np.random.default_rng(seed)))
        if edit is not None:
            made.add(apply(target.data, [edit]).decode())
    return made


def test_headings_are_no_words_and_items_keep_their_mark() -> None:
    target = Prose(TEXT)
    assert " ".join(target.of(word) for word in target.words) == "Be brief Say it once Ask twice then wait Bye"
    assert [target.of(one) for one in target.sentences] == ["Be brief.", "Say it once.", "Ask twice, then wait", "Bye."]


def test_words_come_from_what_is_said_from_inspirations_and_from_the_text() -> None:
    made = children(prose_edits.replace_word)
    assert any("rain" in child or "snow" in child for child in made)
    assert any("hurry" in child or "Walk" in child for child in made)
    assert all(child.startswith("# Letter to you\n") and "## End\n" in child for child in made)


def test_words_are_added_dropped_moved_and_exchanged() -> None:
    assert any("Be rain and brief" in child or "Be snow brief" in child for child in children(prose_edits.insert_words))
    assert any("\nrain\n" in child or "\nrain and\n" in child for child in children(prose_edits.insert_line))
    assert TEXT.replace("Ask twice, then wait", "Ask wait") in children(prose_edits.delete_words)
    assert any(child.count("brief") == 1 and "Be." in child for child in children(prose_edits.move_words))
    assert TEXT.replace("Be ", "Ask ").replace("- Ask", "- Be") in children(prose_edits.exchange_words)


def test_sentences_are_dropped_doubled_moved_and_borrowed() -> None:
    assert TEXT.replace(" Say it once.", "") in children(prose_edits.delete_sentence)
    assert TEXT.replace("Bye.", "Bye. Bye.") in children(prose_edits.duplicate_sentence)
    assert TEXT.replace(" Say it once.", "").replace("Bye.", "Bye. Say it once.") in children(prose_edits.move_sentence)
    assert TEXT.replace("Be brief.", "Never hurry.") in children(prose_edits.borrow_sentence)


def test_an_empty_text_gets_its_first_words() -> None:
    assert any("rain" in child for child in children(prose_edits.insert_line, "\n"))
    assert not children(prose_edits.delete_words, "\n")


LINES = "set -e\ncount=3\nif (a {\nend }\necho $count"


def line_children(kind: Callable[[TextBench[PlainText]], Edit | None]) -> set[str]:
    target, made = PlainText(LINES), set()
    for seed in range(120):
        edit = kind(TextBench(target, lambda: [PlainText("borrowed\n")], lambda: SAID, np.random.default_rng(seed)))
        if edit is not None:
            made.add(apply(target.data, [edit]).decode())
    return made


def test_lines_that_leave_brackets_open_stay_where_they_are() -> None:
    for kind in (line_edits.delete_line, line_edits.move_line, line_edits.duplicate_line):
        assert all(child.count("if (a {") == child.count("end }") == 1 for child in line_children(kind))


def test_lines_go_double_swap_move_and_are_borrowed() -> None:
    assert LINES.removeprefix("set -e\n") in line_children(line_edits.delete_line)
    assert LINES + "\necho $count\n" in line_children(line_edits.duplicate_line)
    assert line_children(line_edits.swap_lines) == {LINES.replace("set -e\ncount=3\n", "count=3\nset -e\n")}
    assert "set -e\necho $count\ncount=3\nif (a {\nend }\n" in line_children(line_edits.move_line)
    assert LINES.replace("count=3", "borrowed") in line_children(line_edits.borrow_line)
    assert any("set -count" in child for child in line_children(line_edits.exchange_word))
    assert any("count=4" in child for child in line_children(change_number))
