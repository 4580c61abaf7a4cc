"""A rewrite is code in a fence, whole, and only where it may be."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.errors import ProposalRejected
from evolve.mutation.fences import fence_for
from evolve.mutation.rewriting import parse_rewrite

BLOCK = "import math\n\n# EVOLVE-BLOCK-START\na = 1\nb = 2\n# EVOLVE-BLOCK-END\n\ndef run():\n    return a\n"
OTHER = BLOCK.replace("a = 1\nb = 2\n", "a = 3\n")


def fenced(text: str, info: str = "python") -> str:
    fence = fence_for(text)
    return f"{fence}{info}\n{text}{fence}\n"


def rewritten(answer: str, text: str = BLOCK) -> str:
    return parse_rewrite(answer, {"main.py": text}, lambda _path: True, "python")["main.py"]


def cause(answer: str, files: Mapping[str, str], editable: tuple[str, ...] = ("main.py",)) -> str:
    with pytest.raises(ProposalRejected) as caught:
        parse_rewrite(answer, files, lambda path: path in editable, "python")
    return caught.value.cause


def test_a_file_without_blocks_is_replaced() -> None:
    assert rewritten("Better:\n" + fenced("x = 2\n"), "x = 1\n") == "x = 2\n"


def test_a_file_with_blocks_may_come_back_whole() -> None:
    assert rewritten(fenced(OTHER)) == OTHER


def test_a_block_may_come_back_alone() -> None:
    assert rewritten(fenced("a = 3\n")) == OTHER


def test_a_whole_file_whose_markers_were_dropped_is_recognised() -> None:
    bare = "import math\n\na = 3\n\ndef run():\n    return a\n"
    assert [line for line in rewritten(fenced(bare)).split("\n") if line] == [
        line for line in OTHER.split("\n") if line
    ]


def test_brackets_are_not_taken_for_what_lies_outside_the_block() -> None:
    text = "// EVOLVE-BLOCK-START\nint f() {\n}\n// EVOLVE-BLOCK-END\n}\n"
    assert rewritten(fenced("int g() {\n}\n"), text) == text.replace("f()", "g()")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("I'm sorry, I can't.", "no_code"),
        ("x = 2\n", "no_code"),
        ("```python\n```\n", "no_code"),
        ("```bash\nsed -i s/1/2/ main.py\n```\n", "no_code"),
        ("```python\nx = 2\n", "truncated"),
        ("```python\na = 3\n```\nor\n```python\na = 4\n```\n", "ambiguous_code"),
        (fenced(OTHER.replace("import math", "import os")), "outside_block"),
        (fenced(OTHER + "extra = 1\n"), "outside_block"),
        (fenced(OTHER.replace("# EVOLVE-BLOCK-END\n", "")), "markers_changed"),
        (fenced("# EVOLVE-BLOCK-START\n" + OTHER), "markers_changed"),
        (fenced(OTHER.replace("a = 3\n", "a = 3\n# EVOLVE-BLOCK-END\n# EVOLVE-BLOCK-START\n")), "markers_changed"),
        (fenced(OTHER.replace("EVOLVE-BLOCK-START", "EVOLVE-BLOCK-START now")), "markers_changed"),
        (fenced(BLOCK), "unchanged"),
        ("File: other.py\n" + fenced(OTHER), "unknown_file"),
        (fenced("a = '\0'\n"), "not_text"),
    ],
)
def test_anything_else_is_refused(answer: str, expected: str) -> None:
    assert cause(answer, {"main.py": BLOCK}) == expected


def test_several_blocks_need_their_markers() -> None:
    text = BLOCK + BLOCK
    assert cause(fenced("a = 3\n"), {"main.py": text}) == "markers_changed"
    assert rewritten(fenced(BLOCK + OTHER), text) == BLOCK + OTHER


def test_of_several_fences_the_one_with_the_markers_the_path_or_the_language_counts() -> None:
    assert rewritten(fenced("pip install x\n", "python") + fenced(OTHER)) == OTHER
    assert rewritten("main.py\n" + fenced("x = 2\n") + "Example:\n" + fenced("y\n"), "x = 1\n") == "x = 2\n"
    assert rewritten(fenced("x = 2\n", "py") + "prints\n" + fenced("2\n", "text"), "x = 1\n") == "x = 2\n"


def test_a_longer_fence_may_hold_fences() -> None:
    text = 'doc = """\n```\ncode\n```\n"""\n'
    assert rewritten(fenced(text), "x = 1\n") == text


def test_several_files_are_told_apart_by_their_paths() -> None:
    files = {"a.py": "x = 1\n", "b.py": "y = 1\n", "data.py": "z = 1\n"}
    answer = "a.py\n" + fenced("x = 2\n") + "Run it:\n" + fenced("make\n", "bash") + fenced("y = 2\n", "python b.py")
    result = parse_rewrite(answer, files, lambda path: path != "data.py", "python")
    assert result == {"a.py": "x = 2\n", "b.py": "y = 2\n", "data.py": "z = 1\n"}
    editable = ("a.py", "b.py")
    assert cause(fenced("x = 2\n"), files, editable) == "unknown_file"
    assert cause("File: c.py\n" + fenced("x = 2\n"), files, editable) == "unknown_file"
    assert cause("File: data.py\n" + fenced("z = 2\n"), files, editable) == "read_only_file"
    assert cause("File: a.py\n" + fenced("x = 2\n") + "a.py\n" + fenced("x = 3\n"), files, editable) == "ambiguous_code"


plain = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), max_size=6).filter(
    lambda s: "EVOLVE" not in s
)


@given(
    st.lists(plain, max_size=3),
    st.lists(plain, min_size=1, max_size=4),
    st.sampled_from(("\n", "\r\n", "\r")),
    st.booleans(),
)
def test_the_file_keeps_its_endings_and_everything_outside(
    old: list[str], new: list[str], ending: str, final: bool
) -> None:
    def file(block: list[str], ending: str, final: bool) -> str:
        lines = ["first\t ", "# EVOLVE-BLOCK-START", *block, "# EVOLVE-BLOCK-END", "last"]
        return ending.join(lines) + (ending if final else "")

    before, expected = file(old, ending, final), file(new, ending, final)
    if before != expected:
        assert rewritten(fenced(file(new, "\n", True)), before) == expected


@given(st.text(max_size=200), st.sampled_from((BLOCK, "x = 1\n", "")))
def test_no_answer_breaks_the_parser(answer: str, text: str) -> None:
    for whole in (answer, fenced(answer + "\n"), "```" + answer):
        try:
            assert rewritten(whole, text) != text
        except ProposalRejected as error:
            assert error.cause
