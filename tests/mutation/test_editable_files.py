"""Which files the syntax operator edits without a parser, and that it keeps to what may change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from evolve.domain.blocks import only_blocks_changed
from evolve.mutation.editable_files import text_files
from evolve.mutation.syntax import Syntax
from tests.mutation.operator_context import context

CPP = """// keeps 1
#include <vector>
int a = 0x1F, v2 = 7;
// EVOLVE-BLOCK-START
double f(double x1) { double y = x1; return 2.5f * x1 + 1e-3 /* 4 */ - y; } // 5
const char *s = "6 \\" 7"; int n = 12;
// EVOLVE-BLOCK-END
int z = 9;
"""
RUST = (
    "// EVOLVE-BLOCK-START\r\nfn f(x: i64) -> i64 {\r\n    let y = x * 7;\r\n    y + 1\r\n}\r\n// EVOLVE-BLOCK-END\r\n"
)
MARKDOWN = "# Title\n\nBe brief. Say what you know. Ask twice.\n\n- one thing\n- another thing\n"
SHELL = "#!/bin/sh\nset -e\ncount=3\ntest $count -lt 9 && echo $count\n"
UNCLOSED = "int f() { return 1; /* EVOLVE\n"
PROGRAMS: Mapping[str, tuple[str, str]] = {
    "cpp": ("main.cpp", CPP),
    "rust": ("main.rs", RUST),
    "markdown": ("main.md", MARKDOWN),
    "bash": ("run.sh", SHELL),
    "c": ("main.c", UNCLOSED),
    "text": ("letter", "Für Élise \udc80 zwei drei.\r\nVier \U0001f600 fünf."),
}


@pytest.mark.parametrize("language", PROGRAMS)
async def test_children_differ_and_keep_what_may_not_change(language: str) -> None:
    path, text = PROGRAMS[language]
    others = [{path: text.replace("1", "x1")}, {path: "x" * 600}, {}]
    seen = set()
    for seed in range(60):
        draft = await Syntax().propose(context({path: text}, seed, language=language, inspirations=others))
        child = draft.files[path]
        assert child.split() != text.split()
        assert not only_blocks_changed(text, child)
        assert draft.detail["edits"]
        seen.add(child)
    assert len(seen) > 15


async def test_equal_contexts_give_equal_children() -> None:
    for seed in range(30):
        first, second = [
            await Syntax().propose(context({"main.cpp": CPP}, seed, language="cpp", inspirations=[{"main.cpp": CPP}]))
            for _ in range(2)
        ]
        assert first == second


def paths(files: Mapping[str, str], language: str, editable: tuple[str, ...] = ("*",)) -> list[str]:
    return [file.path for file in text_files(context(files, language=language, editable=editable))]


def test_data_beside_python_stays_and_prose_beside_code_is_edited_only_if_it_is_named() -> None:
    files = {"main.py": "x = 1\n", "table.csv": "1,2\n", "README.md": "Read.\n", "fast.cpp": "int x = 1;\n"}
    assert paths(files, "python") == ["fast.cpp"]
    assert paths(files, "python", ("*.py", "*.md")) == ["README.md"]
    assert paths(files, "markdown") == ["README.md", "fast.cpp", "table.csv"]


def test_a_text_without_lines_that_may_change_is_no_file_to_edit() -> None:
    assert paths({"main.cpp": "int x;\n// EVOLVE-BLOCK-START\n// EVOLVE-BLOCK-END\n", "empty.cpp": ""}, "cpp") == []


async def test_a_word_that_would_open_a_block_is_not_taken_up() -> None:
    for seed in range(40):
        plain = context({"a.md": "one two\n"}, seed, language="markdown")
        said = replace(plain, problem=replace(plain.problem, statement="EVOLVE-BLOCK-START or EVOLVE-BLOCK-END"))
        draft = await Syntax().propose(said)
        assert "EVOLVE-BLOCK" not in draft.files["a.md"]
