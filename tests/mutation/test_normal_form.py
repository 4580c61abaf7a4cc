from __future__ import annotations

import ast
import copy
import re
import warnings

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from evolve.mutation.normal_form import python_tokens
from tests.mutation.odd_programs import PROGRAMS

TEMPLATE = """import numpy as np
LIMIT = 3

def pack(n, bins, *rest, scale=1.5, **others):
    {a} = n * 2 + 1.5
    {b}, (*{c}, {d}) = {a}, [n, LIMIT]
    for {e} in range({b}):
        {d} += {e} ** -2 if {e} < n else np.sqrt({e} + 1)
    def {f}(x, y=2):
        nonlocal {a}
        {a} = x - y
        return [{g} + {a} for {g} in {c} if ({h} := {g}) and {h} is not None]
    try:
        with open("name") as {i}:
            {f}({d}, y={a})
    except ValueError as {j}:
        raise KeyError(f"{{ {j}!r:>{{{b}}} }} text") from {j}
    match {d}:
        case [1, *{k}] | {{"key": {k}}}:
            return {k}
        case {l} if {l} > 2:
            return lambda z: z.real + {l}
    return {{{m}: {e} for {m} in rest}}, others.items(), scale

class Machine:
    size = 4
    def step(self, amount):
        {e} = self.size
        self.size += amount + {e}
        return {e}
"""
LOCALS = "abcdefghijklm"
NAMES = st.from_regex(r"\Av_[a-z]{1,4}\Z")
VALUE = dict(zip(LOCALS, [f"local_{letter}" for letter in LOCALS], strict=True))


def parsed(text: str) -> ast.Module:
    """Return the tree of a text, whatever the parser thinks of its style."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(text)


def written(names: dict[str, str]) -> str:
    return TEMPLATE.format(**names)


@given(st.lists(NAMES, min_size=len(LOCALS), max_size=len(LOCALS), unique=True))
@settings(max_examples=40, deadline=None)
def test_the_names_of_locals_do_not_matter(names: list[str]) -> None:
    assert python_tokens(written(dict(zip(LOCALS, names, strict=True)))) == python_tokens(written(VALUE))


def test_one_scope_may_be_renamed_alone() -> None:
    before = "def f():\n    x = 1\n    return x\ndef g():\n    x = 2\n    return x\n"
    assert python_tokens(before.replace("x", "y", 2)) == python_tokens(before)


COMMENTS = st.lists(st.from_regex(r"\A[a-z \"'()\[\]]{0,10}\Z"), max_size=8)


@given(st.sampled_from(sorted(PROGRAMS)), COMMENTS, st.data())
@settings(max_examples=60, deadline=None)
def test_layout_comments_and_docstrings_do_not_matter(name: str, comments: list[str], data: st.DataObject) -> None:
    text = PROGRAMS[name]
    tree = parsed(text)
    lines = ast.unparse(tree).split("\n")
    inside = _string_lines(ast.unparse(tree))
    for comment in comments:
        place = data.draw(st.integers(0, len(lines) - 1))
        if place not in inside:
            lines[place] += f"  # {comment}\n\n    # {comment}"
    assert python_tokens("\n".join(lines)) == python_tokens(text)


def _string_lines(text: str) -> set[int]:
    """Return the lines, from 0, that belong to a string or a statement over several lines."""
    return {
        line
        for node in ast.walk(parsed(text))
        if isinstance(node, ast.Constant | ast.JoinedStr) and (node.end_lineno or 0) > node.lineno
        for line in range(node.lineno - 1, node.end_lineno or 0)
    }


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x = 1_000", "x = (1000)"),
        ("x = 0x10; y = 'a' \"b\"", "x = 16\ny = 'ab'"),
        ("def f():\n  'doc'\n  return 1", "def f():\n    '''Other.'''\n    return 1"),
        ("if a:\n  b\nelse:\n  if c:\n    d", "if a: b\nelif c: d"),
        ("x = [i for i in range(3)]", "x = [j for j in range(3)]"),
        ("x = [i for i in i]", "x = [j for j in i]"),
        ("x = f(1,\n      2)", "x = f(1, 2,)"),
        ("def f():\n    def g(): return 1\n    return g()", "def f():\n    def h(): return 1\n    return h()"),
    ],
)
def test_same(one: str, other: str) -> None:
    assert python_tokens(one) == python_tokens(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x = 1", "x = 2"),
        ("x = 1", "x = 1.0"),
        ("x = 1", "x = True"),
        ("x = a < b", "x = a <= b"),
        ("x = a - b", "x = b - a"),
        ("x = 2 * 2", "x = 2 + 2"),
        ("x = 'a'", "x = 'b'"),
        ("x = 'a'", "x = b'a'"),
        ("x = 1", "y = 1"),
        ("x.a", "x.b"),
        ("def f(a): return 1", "def f(b): return 1"),
        ("def f(): pass", "def g(): pass"),
        ("class A: x = 1", "class A: y = 1"),
        ("import a", "import b"),
        ("import a as b", "import a as c"),
        ("def f():\n  global x\n  x = 1", "def f():\n  global y\n  y = 1"),
        ("def f():\n  x = 1\n  y = 2\n  return x", "def f():\n  x = 1\n  y = 2\n  return y"),
        ("def f():\n  x = 1\n  return x", "def f():\n  y = 1\n  return x"),
        ("def f():\n  x = 1\n  return locals()", "def f():\n  y = 1\n  return locals()"),
        ("def f():\n  'a'\nprint(f.__doc__)", "def f():\n  'b'\nprint(f.__doc__)"),
        ("a()\nb()", "b()\na()"),
        ("if a:\n  b\n  c", "if a:\n  b\nc"),
        ("f(x=1)", "f(y=1)"),
        ("x = [i for i in y]", "x = [i async for i in y]"),
        ("x = [i for i in i]", "x = [i for i in j]"),
        ("(x): int = 1", "x: int = 1"),
        ("def f():\n  x = 1\n  class A:\n    x = x", "def f():\n  y = 1\n  class A:\n    y = y"),
        ("def f():\n  import numpy\n  return numpy", "def f():\n  import math\n  return math"),
    ],
)
def test_different(one: str, other: str) -> None:
    if "async" in other:
        one, other = (f"async def f(y):\n  {text}" for text in (one, other))
    assert python_tokens(one) != python_tokens(other)


class _Change(ast.NodeTransformer):
    """Changes the ``index``-th thing that matters: a constant, operator, attribute or global name."""

    SWAPS = ((ast.Add, ast.Sub), (ast.Mult, ast.Add), (ast.Lt, ast.GtE), (ast.Gt, ast.LtE), (ast.And, ast.Or))

    def __init__(self, index: int) -> None:
        self.left = index
        self.done = ""

    def _turn(self) -> bool:
        self.left -= 1
        return self.left == -1

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if node.value is ... or not self._turn():
            return node
        self.done = "constant"
        new = {str: "other", bytes: b"other", bool: None}.get(type(node.value), 987)
        return ast.copy_location(ast.Constant(new), node)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if self._turn():
            self.done, node.attr = "attribute", node.attr + "_"
        return self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.body = node.body[1:] if ast.get_docstring(node) is not None and len(node.body) > 1 else node.body
        return self.generic_visit(node)

    visit_ClassDef = visit_FunctionDef  # type: ignore[assignment]

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        if self._turn():
            self.done = "operator"
            node.op = ast.FloorDiv() if not isinstance(node.op, ast.FloorDiv) else ast.Mod()
        return self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        if self._turn():
            self.done = "comparison"
            node.ops[0] = ast.Is() if not isinstance(node.ops[0], ast.Is) else ast.IsNot()
        return self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if re.fullmatch("np|range|sqrt|LIMIT|root|sorted|len|inner|max", node.id) and self._turn():
            self.done, node.id = "global", node.id + "_"
        return node


@given(st.sampled_from([*sorted(PROGRAMS), "template"]), st.integers(0, 60))
@settings(max_examples=120, deadline=None)
def test_anything_else_matters(name: str, index: int) -> None:
    text = written(VALUE) if name == "template" else PROGRAMS[name]
    tree = parsed(text)
    change = _Change(index)
    changed = ast.fix_missing_locations(change.visit(copy.deepcopy(tree)))
    assume(change.done)
    assert python_tokens(ast.unparse(changed)) != python_tokens(text), change.done


@pytest.mark.parametrize("text", ["def", "x = (", "\0", "(" * 500 + ")" * 500, "x = " + "-" * 20000 + "1"])
def test_what_is_not_python_is_said_so(text: str) -> None:
    with pytest.raises((SyntaxError, ValueError, RecursionError, MemoryError)):
        python_tokens(text)
