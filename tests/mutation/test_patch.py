"""A patch fits exactly or changes nothing, and the program never suffers for what a model writes."""

from collections.abc import Callable, Mapping, Sequence
from difflib import SequenceMatcher
from itertools import pairwise

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from evolve.domain.blocks import split_lines, without_ending
from evolve.errors import ProposalRejected
from evolve.mutation.patch import Hunk, Patch, apply, check, check_syntax, marker_width, parse, render

MARKED = """import math
size = 3

# EVOLVE-BLOCK-START
def width(n):
    value = 10
    maxvalue = 100
    return value
# EVOLVE-BLOCK-END

def run():
    return width(size)
"""


def block(search: str, replace: str) -> str:
    return f"<<<<<<< SEARCH\n{search}=======\n{replace}>>>>>>> REPLACE\n"


def everything(_path: str) -> bool:
    return True


def applied(answer: str, text: str = MARKED) -> str:
    files = {"main.py": text}
    return apply(parse(answer, files), files, everything)["main.py"]


def rejected(answer: str, text: str = MARKED) -> ProposalRejected:
    files = {"main.py": text}
    with pytest.raises(ProposalRejected) as caught:
        apply(parse(answer, files), files, everything)
    assert files == {"main.py": text}
    return caught.value


# ── where SEARCH fits ─────────────────────────────────────────────────────────────────────────
def test_a_block_replaces_whole_lines() -> None:
    assert applied(block("    value = 10\n", "    value = 11\n")) == MARKED.replace("    value = 10", "    value = 11")


def test_part_of_a_line_never_matches() -> None:
    error = rejected(block("value = 10\n", "value = 999\n"))
    assert error.cause == "search_not_found"
    assert "   6 |     value = 10" in error.detail
    assert "(editable)" in error.detail


def test_the_nearest_text_is_shown_with_whether_it_may_change() -> None:
    error = rejected(block("def runn():\n", "def other():\n"))
    assert error.cause == "search_not_found"
    assert "  11 | def run():" in error.detail
    assert "(not editable)" in error.detail


def test_nothing_alike_is_said_so() -> None:
    assert "Nothing in it looks alike" in rejected(block("§§§§\n", "x\n")).detail


def test_several_fits_are_refused_with_their_lines() -> None:
    error = rejected(block("a\n", "b\n"), "a\nx\na\n")
    assert error.cause == "search_ambiguous"
    assert "line 1, line 3" in error.detail


def test_overlapping_fits_are_several() -> None:
    assert rejected(block("a\na\n", "b\n"), "a\na\na\n").cause == "search_ambiguous"


def test_text_outside_the_block_does_not_make_a_fit_ambiguous() -> None:
    text = "x = 1\n# EVOLVE-BLOCK-START\nx = 1\n# EVOLVE-BLOCK-END\nx = 1\n"
    assert applied(block("x = 1\n", "x = 2\n"), text) == text.replace("START\nx = 1", "START\nx = 2")


def test_trailing_blanks_are_disregarded_but_indentation_is_not() -> None:
    assert applied(block("a\n", "b\n"), "a  \t\nc\n") == "b\nc\n"
    assert applied(block("a   \nc\n", "a   \nd\n"), "a\nc\n") == "a\nd\n"
    assert rejected(block("  a\n", "b\n"), "a\nc\n").cause == "search_not_found"


def test_an_exact_fit_wins_over_one_without_trailing_blanks() -> None:
    assert applied(block("a\n", "b\n"), "a \na\n") == "a \nb\n"


# ── what may change ───────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("search", "replace", "cause"),
    [
        ("size = 3\n", "size = 4\n", "outside_block"),
        ("    return width(size)\n", "", "outside_block"),
        ("# EVOLVE-BLOCK-END\n", "", "markers_changed"),
        ("    return value\n# EVOLVE-BLOCK-END\n", "# EVOLVE-BLOCK-END\n    return value\n", "markers_changed"),
        ("    value = 10\n", "    value = 1\n# EVOLVE-BLOCK-END\nfree\n# EVOLVE-BLOCK-START\n", "markers_changed"),
        ("    value = 10\n", "# EVOLVE-BLOCK-END\n", "markers_changed"),
        (MARKED, MARKED.replace("size = 3", "size = 4"), "outside_block"),
        ("", "x = 1\n", "empty_search"),
        ("    value = 10\n", "    value = 10\n", "unchanged"),
    ],
)
def test_what_must_stay_stays(search: str, replace: str, cause: str) -> None:
    assert rejected(block(search, replace)).cause == cause


def test_context_may_reach_beyond_the_block() -> None:
    search = "size = 3\n\n# EVOLVE-BLOCK-START\ndef width(n):\n"
    assert applied(block(search, search.replace("(n)", "(m)"))) == MARKED.replace("(n)", "(m)")
    search = "    return value\n# EVOLVE-BLOCK-END\n"
    assert applied(block(search, "    # done\n" + search)) == MARKED.replace(search, "    # done\n" + search)


def test_an_empty_replace_deletes_and_the_next_block_survives() -> None:
    answer = block("    maxvalue = 100\n", "") + "\nAnd:\n" + block("    value = 10\n", "    value = 20\n")
    assert applied(answer) == MARKED.replace("    maxvalue = 100\n", "").replace("value = 10", "value = 20")


def test_blocks_apply_to_the_result_of_those_before() -> None:
    answer = block("    value = 10\n", "    value = 11\n") + block("    value = 11\n", "    value = 12\n")
    assert applied(answer) == MARKED.replace("value = 10\n    max", "value = 12\n    max")


def test_nothing_is_applied_if_a_later_block_fails() -> None:
    answer = block("    value = 10\n", "    value = 11\n") + block("    missing\n", "    x\n")
    assert "block 2" in rejected(answer).detail


def test_an_empty_search_fills_an_empty_file_or_block() -> None:
    assert applied(block("", "a\nb\n"), "") == "a\nb\n"
    text = "// EVOLVE-BLOCK-START\n// EVOLVE-BLOCK-END\n"
    assert applied(block("", "a\n"), text) == "// EVOLVE-BLOCK-START\na\n// EVOLVE-BLOCK-END\n"
    assert rejected(block("", "a\n"), text + text).cause == "search_ambiguous"
    assert rejected(block("", "# EVOLVE-BLOCK-START\n"), text).cause == "markers_changed"


# ── line endings ──────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("final", [True, False])
def test_the_file_keeps_its_line_endings(ending: str, final: bool) -> None:
    def file(*lines: str) -> str:
        return ending.join(lines) + (ending if final else "")

    assert applied(block("b\n", "x\ny\n"), file("a", "b", "c")) == file("a", "x", "y", "c")
    assert applied(block("c\n", "x\ny\n"), file("a", "b", "c")) == file("a", "b", "x", "y")
    assert applied(block("b\nc\n", "b\n"), file("a", "b", "c")) == file("a", "b")
    assert applied(block("b\n", "x\n").replace("\n", "\r\n"), file("a", "b", "c")) == file("a", "x", "c")


def test_lines_that_stay_keep_their_own_endings_in_a_mixed_file() -> None:
    assert applied(block("a\nb\nc\n", "a\nx\nc\n"), "a\r\nb\nc\r\n") == "a\r\nx\nc\r\n"


def test_form_feeds_and_unicode_separators_are_not_line_ends() -> None:
    text = "a\x0cb\nc\u2028d\ne\x85f\n"
    assert rejected(block("b\n", "x\n"), text).cause == "search_not_found"
    assert applied(block("c\u2028d\n", "x\n"), text) == "a\x0cb\nx\ne\x85f\n"


# ── reading an answer ─────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    "answer",
    [
        "",
        "I would rather not.",
        "<<<<<<< SEARCH\na\n=======\nb\n",
        "<<<<<<< SEARCH\na\n",
        "<<<<<<< SEARCH\na\n>>>>>>> REPLACE\n",
        "<<<<<<< SEARCH\na\n<<<<<<< SEARCH\na\n=======\nb\n>>>>>>> REPLACE\n",
        "<<<<<<< SEARCH\na\n=======\nb\n=======\nc\n>>>>>>> REPLACE\n",
        "a\n=======\nb\n>>>>>>> REPLACE\n",
        "<<<<<<< SEARCH\na\n========\nb\n>>>>>>> REPLACE\n",
        block("a\n", "b\n") + "<<<<<<SEARCH\nc\n",
        block("a\n", "b\n") + ">>>>>>> REPLACE\n",
    ],
)
def test_what_is_not_a_complete_block_is_malformed(answer: str) -> None:
    assert rejected(answer, "a\n").cause == "malformed_patch"


def test_longer_markers_make_marker_lines_content() -> None:
    text = "Title\n=======\n<<<<<<< SEARCH\n"
    assert marker_width({"a.rst": text}) == 8
    answer = "<<<<<<<< SEARCH\nTitle\n=======\n========\nTitle 2\n=======\n>>>>>>>> REPLACE\n"
    assert applied(answer, text) == text.replace("Title", "Title 2")
    assert "8 characters" in rejected(block("Title\n=======\n", "x\n"), text).detail


def test_fences_prose_thoughts_and_trailing_blanks_around_blocks_do_not_matter() -> None:
    answer = (
        "<think>\n<<<<<<< SEARCH\nnot this\n</think>\nTitle\n=======\nSee:\n```diff\n" + block("a\n", "b\n") + "```\n"
    )
    assert applied(answer.replace("REPLACE", "REPLACE  "), "a\nc\n") == "b\nc\n"


# ── several files ─────────────────────────────────────────────────────────────────────────────
FILES = {"src/one.py": "a = 1\n", "src/two.py": "a = 1\n", "data.py": "a = 1\n", "Makefile": "all:\n"}


def is_editable(path: str) -> bool:
    return path.startswith("src/") or path == "Makefile"


def changed(answer: str, files: Mapping[str, str] = FILES, may: Callable[[str], bool] = is_editable) -> set[str]:
    result = apply(parse(answer, files), files, may)
    return {path for path in files if result[path] != files[path]}


@pytest.mark.parametrize(
    "above",
    [
        "File: src/two.py\n",
        "src/two.py\n",
        "**`src/two.py`**\n\n",
        "### src/two.py:\n```python\n",
        "```python src/two.py\n",
        "```python:src/two.py\n",
        '```python title="src/two.py"\n',
        "./src/two.py\n",
    ],
)
def test_the_path_may_stand_above_the_block_or_in_its_fence(above: str) -> None:
    assert changed(above + block("a = 1\n", "a = 2\n")) == {"src/two.py"}


def test_a_block_without_a_path_belongs_to_the_file_of_the_block_before() -> None:
    first = "src/one.py\n" + block("a = 1\n", "a = 2\n")
    assert changed(first + "Then\n" + block("a = 2\n", "a = 3\n")) == {"src/one.py"}


def test_a_path_is_needed_where_several_files_may_change() -> None:
    with pytest.raises(ProposalRejected, match=r"unknown_file.*src/one\.py"):
        changed(block("a = 1\n", "a = 2\n"))


def test_a_path_is_not_needed_where_one_file_may_change() -> None:
    assert changed(block("a = 1\n", "a = 2\n"), may=lambda path: path == "data.py") == {"data.py"}


@pytest.mark.parametrize(
    ("path", "cause"),
    [("src/three.py", "unknown_file"), ("../one.py", "unknown_file"), ("data.py", "read_only_file")],
)
def test_other_files_cannot_be_reached(path: str, cause: str) -> None:
    with pytest.raises(ProposalRejected) as caught:
        changed(f"File: {path}\n" + block("a = 1\n", "a = 2\n"))
    assert caught.value.cause == cause
    assert "src/one.py" in caught.value.detail


def test_a_child_cannot_add_remove_or_poison_files() -> None:
    for child in ({**FILES, "new.py": ""}, {"data.py": "a = 1\n"}):
        with pytest.raises(ProposalRejected, match="unknown_file"):
            check(FILES, child, everything)
    for poison in ("\0", "\ud800"):
        with pytest.raises(ProposalRejected, match="not_text"):
            check(FILES, {**FILES, "data.py": poison}, everything)


# ── syntax ────────────────────────────────────────────────────────────────────────────────────
def test_python_that_does_not_compile_is_refused_with_its_line() -> None:
    with pytest.raises(ProposalRejected, match=r"syntax_error: a\.py, line 2"):
        check_syntax({"a.py": ""}, {"a.py": "x = 1\ndef f(:\n"})
    with pytest.raises(ProposalRejected, match="syntax_error"):
        check_syntax({"a.py": ""}, {"a.py": "-" * 100_000 + "1"})


def test_other_files_and_unchanged_ones_are_not_compiled() -> None:
    check_syntax({"a.py": "def f(:", "b.c": ""}, {"a.py": "def f(:", "b.c": "int main() {"})
    check_syntax({"a.py": ""}, {"a.py": 'x = "\\d"\n'})


# ── the algebra ───────────────────────────────────────────────────────────────────────────────
marker_like = st.sampled_from(("=======", "========", "<<<<<<< SEARCH", ">>>>>>> REPLACE ", "```", "File: a", "a", ""))
line = marker_like | st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=6)
lines = st.lists(line, max_size=5).map(tuple)
paths = st.sampled_from((None, "a", "b/c.rs", "d e.txt"))
hunks = st.builds(Hunk, paths, lines, lines)
patches = st.lists(hunks, min_size=1, max_size=3).map(tuple).map(Patch)


@given(patches)
def test_a_rendered_patch_reads_back(patch: Patch) -> None:
    assert parse(render(patch), ["a", "b/c.rs", "d e.txt"]) == patch


@given(st.lists(line, min_size=1, max_size=6), st.data(), st.sampled_from(("\n", "\r\n", "\r")), st.booleans())
def test_a_rendered_patch_does_what_the_patch_does(
    body: list[str], data: st.DataObject, ending: str, final: bool
) -> None:
    assume(final or body[-1])  # an empty last entry without a line ending is no line
    first = data.draw(st.integers(0, len(body) - 1))
    stop = data.draw(st.integers(first + 1, len(body)))
    patch = Patch((Hunk(None, tuple(body[first:stop]), data.draw(lines)),))
    files = {"a": ending.join(body) + (ending if final else "")}

    def outcome(patch: Patch) -> object:
        try:
            return apply(patch, files, everything)
        except ProposalRejected as error:
            return error.cause

    result = outcome(patch)
    assert outcome(parse(render(patch), files)) == result
    if isinstance(result, dict):
        expected = [*body[:first], *patch.hunks[0].replace, *body[stop:]]
        assert result["a"].replace("\r\n", "\n").replace("\r", "\n").rstrip("\n") == "\n".join(expected).rstrip("\n")
        assert ending == "\r\n" or "\r\n" not in result["a"]


@given(st.text(max_size=200).filter(lambda text: "EVOLVE" not in text))
def test_no_answer_breaks_the_parser(answer: str) -> None:
    for text in (answer, block(answer, answer), render(Patch((Hunk("a", (answer,), ()),)))):
        try:
            apply(parse(text, ["a"]), {"a": answer}, everything)
        except ProposalRejected as error:
            assert error.cause


# ── any text, any line ending ─────────────────────────────────────────────────────────────────
odd = st.sampled_from(
    ("\x0c", "\x0b", "\x85", "\u2028", "\u2029", "\x1c", "\x1e", "\ufeff", "\u202e", "e\u0301", "\t", "  ")
)
any_line = (
    line.filter(lambda text: "\0" not in text)
    | odd
    | st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), max_size=8)
)
any_lines = st.lists(any_line, max_size=7)


def between(before: Sequence[str], after: Sequence[str]) -> Patch:
    """Return blocks that turn one list of lines into the other, each quoting just enough to fit once."""
    now, found = list(before), []
    for tag, first, stop, start, end in reversed(SequenceMatcher(None, before, after, autojunk=False).get_opcodes()):
        if tag != "equal":
            low, high = _unambiguous(now, first, stop)
            new = [*now[low:first], *after[start:end], *now[stop:high]]
            found.append(Hunk(None, tuple(now[low:high]), tuple(new)))
            now[low:high] = new
    return Patch(tuple(found))


def _unambiguous(lines: Sequence[str], first: int, stop: int) -> tuple[int, int]:
    def places() -> int:
        return sum(lines[at : at + stop - first] == lines[first:stop] for at in range(len(lines) - (stop - first) + 1))

    while (first == stop or places() > 1) and (first > 0 or stop < len(lines)):
        first, stop = max(0, first - 1), min(len(lines), stop + 1)
    return first, stop


def written(lines: Sequence[str], ending: str, final: bool) -> str:
    return ending.join(lines) + (ending if final and lines else "")


@settings(max_examples=300, deadline=None)
@given(
    any_lines, any_lines, st.sampled_from(("\n", "\r\n", "\r")), st.booleans(), st.sampled_from(("", "#", "//", "<!--"))
)
def test_any_text_becomes_any_other_through_a_rendered_patch(
    before: list[str], after: list[str], ending: str, final: bool, comment: str
) -> None:
    assume(before != after)
    if comment:  # as the content of a block
        frame = ["first", f"{comment} EVOLVE-BLOCK-START"], [f"{comment} EVOLVE-BLOCK-END", "last "]
        before, after = [*frame[0], *before, *frame[1]], [*frame[0], *after, *frame[1]]
    assume(final or (before and after and before[-1] and after[-1] and (len(before) > 1 or ending == "\n")))
    assume(before or ending == "\n")
    files = {"a": written(before, ending, final), "b": "x"}
    patch = between(before, after)
    answer = "Here it is.\n" + render(
        Patch((Hunk("a", patch.hunks[0].search, patch.hunks[0].replace), *patch.hunks[1:]))
    )
    assert apply(parse(answer, files), files, everything) == {"a": written(after, ending, final), "b": "x"}
    assert apply(parse(answer.replace("\n", "\r\n"), files), files, everything)["a"] == written(after, ending, final)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(any_line, st.sampled_from(("\n", "\r\n", "\r"))), min_size=1, max_size=7), st.data())
def test_in_a_file_of_mixed_endings_every_line_that_stays_keeps_its_own(
    mixed: list[tuple[str, str]], data: st.DataObject
) -> None:
    assume(not any(ending == "\r" and not body for (_, ending), (body, _) in pairwise([*mixed, ("x", "\n")])))
    raw = [body + ending for body, ending in mixed]
    first = data.draw(st.integers(0, len(raw) - 1))
    stop = data.draw(st.integers(first + 1, len(raw)))
    new = data.draw(st.lists(any_line, max_size=3))
    hunk = Hunk(None, tuple(body for body, _ in mixed[first:stop]), tuple(new))
    files = {"a": "".join(raw)}
    try:
        result = apply(parse(render(Patch((hunk,))), files), files, everything)["a"]
    except ProposalRejected as error:
        assert error.cause in ("search_ambiguous", "unchanged", "empty_search", "not_text")
        return
    head, tail = hunk.context()
    kept_above, kept_below = "".join(raw[: first + head]), "".join(raw[stop - tail :])
    assert result.startswith(kept_above)
    assert result.endswith(kept_below)
    middle = split_lines(result[len(kept_above) : len(result) - len(kept_below)])
    assert [without_ending(line) for line in middle] == new[head : len(new) - tail]


@given(st.text(max_size=80), st.text(max_size=80))
def test_lines_and_endings_are_never_lost_on_the_way(left: str, right: str) -> None:
    assert "".join(split_lines(left)) == left
    patch = Patch(
        (Hunk("a", tuple(map(without_ending, split_lines(left))), tuple(map(without_ending, split_lines(right)))),)
    )
    assert parse(render(patch), ["a"]) == patch
