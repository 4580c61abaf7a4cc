"""What is found in programs that are not parsed, and each kind of edit of them."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.mutation import code_edits as edits
from evolve.mutation.code_text import CodeText, readable
from evolve.mutation.edits import Edit, apply
from evolve.mutation.plain_text import TextBench

Kind = Callable[[TextBench[CodeText]], Edit | None]

SORT = """#include "sort.hpp"
static const int most = 3;
std::vector<int> order(int n, const Less& less) {
  std::vector<int> sorted;
  for (int item = 0; item < n; ++item) {
    auto place = sorted.end();
    while (place != sorted.begin() && less(item, *(place - 1))) --place;  // back
    if (item > most) { sorted.insert(place, item); } else sorted.push_back(item);
  }
  return sorted;
}
"""
GO = "func f(x int) int {\n\ty := x * 2\n\tif y > 3 {\n\t\ty -= 1\n\t}\n\treturn y\n}\n"
DONOR = CodeText("int g(int n, int item) {\n  unknown(n);\n  n = item - 5;\n  return n;\n}\n", "cpp")


def code(text: str = SORT, language: str = "cpp") -> CodeText:
    return CodeText(text, language)


def changes(kind: Kind, text: str = SORT, language: str = "cpp", count: int = 80) -> set[str]:
    """Return what one edit of a kind makes of a text under many seeds."""
    target = code(text, language)
    made = set()
    for seed in range(count):
        bench = TextBench(target, lambda: [DONOR], lambda: [], np.random.default_rng(seed))
        edit = kind(bench)
        if edit is not None:
            made.add(apply(target.data, [edit]).decode())
    return made


def lines_of(children: set[str], text: str = SORT) -> set[str]:
    """Return the lines of the children that the text does not have, without indentation."""
    return {line.strip() for child in children for line in child.splitlines()} - {
        line.strip() for line in text.splitlines()
    }


# ── what is found ─────────────────────────────────────────────────────────────────────────────
def test_statements_nest_and_keep_what_belongs_together() -> None:
    found = [" ".join(code().of(code().span(one.first, one.last)).split()) for one in code().statements]
    assert "static const int most = 3;" in found
    assert "if (item > most) { sorted.insert(place, item); } else sorted.push_back(item);" in found
    assert "sorted.insert(place, item);" in found
    assert "while (place != sorted.begin() && less(item, *(place - 1))) --place;" in found
    assert sum(one.startswith("for (int item = 0; item < n; ++item) {") for one in found) == 1


def test_statements_of_languages_without_semicolons_end_with_their_lines() -> None:
    go = code(GO, "go")
    found = [go.of(go.span(one.first, one.last)) for one in go.statements]
    assert "y := x * 2" in found
    assert "y -= 1" in found
    assert "if y > 3 {\n\t\ty -= 1\n\t}" in found
    assert "return y" in found


def test_operands_are_values_that_are_read() -> None:
    read = [code().source(operand) for operand in code().read]
    assert {"n", "most", "sorted.begin()", "less(item, *(place - 1))", "(place - 1)", "1"} <= set(read)
    assert not {"std::vector", "int", "Less", "order"} & set(read)


def test_templates_and_references_are_no_comparisons() -> None:
    operators = [code().tokens[binary.mark].text for binary in code().binaries]
    assert sorted(operators) == ["!=", "&&", "-", "<", ">"]


def test_names_are_those_of_the_function_and_of_all() -> None:
    target = code("int all = 1;\nint f(int a) { return a; }\nint g(int b) { int c = b; return c; }\n")
    assert set(target.names_before(len(target.tokens) - 2)) == {"all", "b", "c"}
    assert set(target.names_before(next(p for p, t in enumerate(target.tokens) if t.text == "return"))) == {"all", "a"}


@pytest.mark.parametrize("text", ["x" * 501, '/* a /* b\n#define X /* y\n"'])
def test_what_the_lexer_is_not_sure_of_is_not_readable(text: str) -> None:
    assert not readable(text, "cpp")
    assert readable(SORT, "cpp")
    assert not readable(SORT, "klingon")


# ── edits ─────────────────────────────────────────────────────────────────────────────────────
def test_operators_change_within_their_family() -> None:
    made = lines_of(changes(edits.change_operator))
    assert "for (int item = 0; item <= n; ++item) {" in made
    assert "for (int item = 0; item < n; --item) {" in made
    assert not any("std::vector>" in line for line in made)


def test_names_become_names_in_sight() -> None:
    assert "sorted.insert(item, item);" not in lines_of(changes(edits.swap_arguments))
    assert any("item > n" in line or "item > item" in line for line in lines_of(changes(edits.change_name)))


def test_operands_and_arguments_change_places() -> None:
    assert any("n < item" in line for line in lines_of(changes(edits.swap_operands)))
    assert any("sorted.insert(item, place)" in line for line in lines_of(changes(edits.swap_arguments)))


def test_values_are_replaced_combined_chosen_and_dropped() -> None:
    assert any("less(item, *(" in line for line in lines_of(changes(edits.replace_value)))
    assert any("*(place)" in line or "*(1)" in line for line in lines_of(changes(edits.keep_one_operand)))
    assert any("(n + " in line or "(n - " in line for line in lines_of(changes(edits.combine)))
    assert any(" ? " in line and " : " in line for line in lines_of(changes(edits.choose)))
    assert any(" else { " in line for line in lines_of(changes(edits.choose, GO, "go"), GO))


def test_conditions_are_turned_and_extended() -> None:
    made = lines_of(changes(edits.change_condition))
    assert any("if (!(item > most))" in line for line in made)
    assert any("(item > most) && " in line or "(item > most) || " in line for line in made)


def test_statements_go_double_move_and_are_guarded() -> None:
    assert any("auto place" not in child for child in changes(edits.delete_statement))
    assert any(child.count("auto place = sorted.end();") == 2 for child in changes(edits.duplicate_statement))
    assert any(child.index("while (place") < child.index("auto place") for child in changes(edits.swap_statements))
    assert any(child.index("return sorted") < child.index("for (int") for child in changes(edits.move_statement))
    guarded = lines_of(changes(edits.guard_statement))
    assert any(line.startswith("if (") and line.endswith("return sorted; }") for line in guarded)
    assert not any("{ auto place" in line for line in guarded)


def test_only_statements_whose_names_are_known_are_borrowed() -> None:
    made = lines_of(changes(edits.borrow_statement))
    assert "n = item - 5;" in made
    assert "unknown(n);" not in made
    assert any("item - 5" in line or "5" in line for line in lines_of(changes(edits.borrow_value)))


def test_loops_change_places_with_those_within() -> None:
    text = "void f() {\n  for (a;;)\n    for (b;;) {\n      for (c;;) x();\n      y();\n    }\n}\n"
    swapped = {
        text.replace("(a;;)", "(?)").replace("(b;;)", "(a;;)").replace("(?)", "(b;;)"),
        text.replace("(b;;)", "(?)").replace("(c;;)", "(b;;)").replace("(?)", "(c;;)"),
    }
    assert changes(edits.swap_loops, text) == swapped
    assert changes(edits.swap_loops) == set(), "a loop alone stays"


TEXTS = st.text("abx1(){}[];,<>=+-*&!? \n\"'/", max_size=80)


@settings(max_examples=100, deadline=None)
@given(TEXTS, st.integers(0, 2**32), st.sampled_from(["c", "go", "rust"]))
def test_every_kind_splices_any_text(text: str, seed: int, language: str) -> None:
    if not readable(text, language):
        return
    target = code(text, language)
    for entry in edits.CODE_KINDS:
        edit = entry.kind(TextBench(target, lambda: [DONOR, target], lambda: [], np.random.default_rng(seed)))
        if edit is not None:
            places = sorted((splice.start, splice.end) for splice in edit.splices)
            assert all(one[1] <= other[0] for one, other in pairwise(places))
            apply(target.data, [edit]).decode()
