"""Blocks are found in any language, and nothing outside them can change unnoticed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.domain.blocks import (
    Region,
    editable_regions,
    has_markers,
    line_ending,
    only_blocks_changed,
    outside,
    split_lines,
)
from evolve.errors import ProblemError

COMMENTS = ("# {}", "// {}", "-- {}", "/* {} */", "<!-- {} -->", "; {}", "% {}", "(* {} *)", "    # {} (edit here)")
plain = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=8).filter(lambda s: "EVOLVE" not in s)
endings = st.sampled_from(("\n", "\r\n", "\r"))


def marked(comment: str, ending: str = "\n") -> str:
    lines = ["before", comment.format("EVOLVE-BLOCK-START"), "x = 1", "y = 2", comment.format("EVOLVE-BLOCK-END"), "z"]
    return ending.join(lines) + ending


@pytest.mark.parametrize("comment", COMMENTS)
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_a_block_is_the_lines_between_its_markers(comment: str, ending: str) -> None:
    text = marked(comment, ending)
    assert editable_regions(text) == (Region(2, 4),)
    assert outside(text)[0].rstrip() == "before"
    assert len(outside(text)) == 4


def test_a_file_without_markers_is_one_block() -> None:
    assert editable_regions("a\nb") == (Region(0, 2),)
    assert outside("a\nb") == ()
    assert not has_markers("a\nb")


def test_an_empty_file_is_one_empty_block() -> None:
    assert editable_regions("") == (Region(0, 0),)


def test_empty_blocks_and_a_missing_final_newline() -> None:
    text = "# EVOLVE-BLOCK-START\n# EVOLVE-BLOCK-END\n// EVOLVE-BLOCK-START\na\n// EVOLVE-BLOCK-END"
    assert editable_regions(text) == (Region(1, 1), Region(3, 4))
    assert "".join(outside(text)).endswith("EVOLVE-BLOCK-END")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a\n# EVOLVE-BLOCK-START\nb", 2),
        ("# EVOLVE-BLOCK-END\n", 1),
        ("# EVOLVE-BLOCK-START\n# EVOLVE-BLOCK-START\n# EVOLVE-BLOCK-END\n", 2),
        ("# EVOLVE-BLOCK-START\n# EVOLVE-BLOCK-END\n# EVOLVE-BLOCK-END\n", 3),
        ("# EVOLVE-BLOCK-START EVOLVE-BLOCK-END\n", 1),
    ],
)
def test_markers_without_partner_are_named_with_file_and_line(text: str, line: int) -> None:
    with pytest.raises(ProblemError, match=f"solver.c, line {line}:"):
        editable_regions(text, "solver.c")


def test_a_change_inside_a_block_is_allowed() -> None:
    text = marked("# {}")
    assert only_blocks_changed(text, text.replace("x = 1\n", "many\nnew\nlines\n")) == ""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("before", "after"),
        ("z\n", "z"),
        ("before\n", "before\r\n"),
        ("# EVOLVE-BLOCK-END\n", ""),
        ("# EVOLVE-BLOCK-START", "# EVOLVE-BLOCK-START "),
        ("x = 1\n", "x = 1\n# EVOLVE-BLOCK-END\nfree\n# EVOLVE-BLOCK-START\n"),
        ("x = 1\n", "x = 1\n# EVOLVE-BLOCK-END\n"),
    ],
)
def test_any_change_outside_a_block_is_noticed(old: str, new: str) -> None:
    text = marked("# {}")
    assert "program" in only_blocks_changed(text, text.replace(old, new, 1))


def test_markers_may_not_be_added_to_a_file_that_has_none() -> None:
    assert only_blocks_changed("a\nb\n", "a\n# EVOLVE-BLOCK-START\nb\n# EVOLVE-BLOCK-END\n")


def test_the_prevailing_line_ending_is_found() -> None:
    assert line_ending(split_lines("a\r\nb\r\nc\n")) == "\r\n"
    assert line_ending(split_lines("a")) == "\n"


@given(st.text(st.characters(codec="utf-8"), max_size=60))
def test_lines_joined_are_the_text_again(text: str) -> None:
    lines = split_lines(text)
    assert "".join(lines) == text
    assert all(line for line in lines)


@given(st.lists(plain), st.lists(plain), st.lists(plain), st.lists(plain), endings)
def test_blocks_differ_freely_and_the_rest_never(
    head: list[str], old: list[str], new: list[str], tail: list[str], ending: str
) -> None:
    def file(block: list[str], tail: list[str]) -> str:
        return ending.join([*head, "# EVOLVE-BLOCK-START", *block, "# EVOLVE-BLOCK-END", *tail])

    before = file(old, tail)
    assert only_blocks_changed(before, file(new, tail)) == ""
    assert only_blocks_changed(before, file(new, [*tail, "extra"])) != ""
