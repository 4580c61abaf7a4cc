from __future__ import annotations

import ast
import io
import keyword
import tokenize
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.domain.shape import SHAPE_NAMES, shape

ROOT = Path(__file__).parents[2]
PROGRAMS = sorted([*ROOT.glob("problems/*/seed/*.py"), *ROOT.glob("problems/*/baselines/*.py")])
BRANCHY = '''
"""if this (were) code: for x in y and 1"""
def f(a, *, b=1.5e-3):  # if (
    if a and b or a:
        for i in [x for x in range(10) if x]:
            while i:
                return (lambda c: c)(a)[0](b)
    elif a:
        try:
            pass
        except ValueError:
            return "f(x" 'y' if a else 0x1F
    return call(
        a,
            b,
    )
async def g():
    total = 1 + \\
        2
    async for x in h()():
        print(x) ; {1: (2)}
'''


def numbers(files: dict[str, str], language: str = "") -> dict[str, float]:
    return dict(zip(SHAPE_NAMES, shape(files, language), strict=True))


def by_parsing(text: str) -> dict[str, float]:
    """The same numbers from Python's own parser and tokenizer."""
    nodes = list(ast.walk(ast.parse(text)))
    tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    words = [token.string for token in tokens if token.type == tokenize.NAME]
    deep = level = 0
    for token in tokens:
        level += (token.type == tokenize.INDENT) - (token.type == tokenize.DEDENT)
        deep = max(deep, level)
    kinds = (ast.If, ast.IfExp, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler, ast.comprehension)
    branches = sum(isinstance(node, kinds) for node in nodes)
    branches += sum(len(node.values) - 1 for node in nodes if isinstance(node, ast.BoolOp))
    branches += sum(len(node.ifs) for node in nodes if isinstance(node, ast.comprehension))
    return {
        "lines": sum(1 for line in text.splitlines() if line.strip()),
        "bytes": len(text.encode()),
        "branches": branches,
        "depth": deep,
        "functions": sum(isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) for n in nodes),
        "calls": sum(isinstance(node, ast.Call) for node in nodes),
        "constants": sum(token.type == tokenize.NUMBER for token in tokens),
        "names": len({word for word in words if not keyword.iskeyword(word)}),
    }


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: f"{path.parts[-3]}/{path.stem}")
def test_python_programs_have_the_numbers_of_their_syntax_trees(path: Path) -> None:
    text = path.read_text()
    assert numbers({path.name: text}) == by_parsing(text)


def test_every_kind_of_branch_and_call_is_counted_as_the_parser_does() -> None:
    assert numbers({"a.py": BRANCHY}) == by_parsing(BRANCHY)


def test_a_program_that_does_not_parse_has_a_shape() -> None:
    broken = numbers({"a.py": "def f():\n    if x\n        return ((1"})
    assert (broken["branches"], broken["functions"], broken["constants"], broken["depth"]) == (1, 1, 1, 2)


def test_other_languages_have_the_same_numbers() -> None:
    text = """
    // if (a) { f(1); }
    int f(int a) { /* while (1) { */
        for (int i = 0; i < 3; i++) {
            if (a && b || c) { g(1.5e-3, 'c', "str{ if"); }
        }
        return a ? 1 : 2;
    }
    """
    found = numbers({"a.cpp": text})
    assert (found["branches"], found["depth"], found["constants"], found["calls"]) == (5, 3, 5, 2)
    assert numbers({"a.rs": "fn main() { let f = |x| x + 1; }"})["functions"] == 1
    assert numbers({"a.lua": "if x then -- while (\n    f(1)\nend"})["depth"] == 1


def test_the_language_decides_for_files_without_suffix() -> None:
    assert numbers({"main": "# if a\nif a: f()"}, "python")["branches"] == 1
    assert numbers({"main": "# if a\nif a: f()"}, "cpp")["branches"] == 2


def test_several_files_add_up_and_share_names() -> None:
    one, two = "def f(x):\n    return x\n", "y = f(3)\n"
    assert numbers({"a.py": one, "b.py": two}) == {
        "lines": 3, "bytes": 32, "branches": 0, "depth": 1, "functions": 1, "calls": 1, "constants": 1, "names": 3,
    }  # fmt: skip


@given(
    st.text(alphabet="ab1 \n\t()[]{}'\"\\/*#-.=:_é\ud800", max_size=80), st.sampled_from(["a.py", "a.c", "a.lua", "a"])
)
@settings(max_examples=150, deadline=None)
def test_any_text_has_a_shape(text: str, path: str) -> None:
    found = shape({path: text})
    assert len(found) == len(SHAPE_NAMES)
    assert all(number >= 0 for number in found)


@pytest.mark.parametrize("piece", ["/*", '"""', "'''", '\\"', "'\\'", "'", "(", "def ", "\n ", "\\\n", "é"])
def test_long_texts_of_unfinished_quotes_are_counted_at_once(piece: str) -> None:
    text = piece * (40_000 // len(piece))
    for path in ("a.py", "a.c", "a.lua"):
        assert dict(zip(SHAPE_NAMES, shape({path: text}), strict=True))["bytes"] == len(text.encode())
    lines = "\n".join([piece * 20] * 1000)
    assert shape({"a.c": lines})[0] <= 2001 * 20
