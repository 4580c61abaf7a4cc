"""Sites lie where the text is, inside the editable regions, whatever the program looks like."""

from __future__ import annotations

import ast

import pytest

from evolve.domain.blocks import split_lines
from evolve.mutation.precedence import Precedence, precedence
from evolve.mutation.python_analysis import UNPARSABLE, AnalysisCache, analyse
from evolve.mutation.python_sites import Analysis, number_value
from tests.mutation.odd_programs import MARKED, PROGRAMS, UNICODE, WEIRD


def numbers(text: str) -> list[float]:
    analysis = analyse(text)
    return [number_value(site.node) for site in sorted(analysis.numbers, key=lambda site: site.start)]


def texts(analysis: Analysis) -> list[str]:
    return [analysis.source(site.node).decode() for site in analysis.every]


@pytest.mark.filterwarnings("ignore:invalid decimal literal")
@pytest.mark.parametrize("name", PROGRAMS)
def test_every_site_is_an_expression_that_parses_to_the_same_tree(name: str) -> None:
    analysis = analyse(PROGRAMS[name])
    assert analysis.every
    for site in analysis.every:
        text = analysis.source(site.node).decode()
        assert ast.dump(ast.parse(f"({text}\n)", mode="eval").body) == ast.dump(site.node)


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_operator_token_is_an_operator(name: str) -> None:
    analysis = analyse(PROGRAMS[name])
    for operand in (*analysis.arithmetic, *analysis.orderings, *analysis.booleans):
        start, end = analysis.token(operand.left, operand.right)
        token = analysis.data[start:end].decode()
        assert token in {*"+-*/%<>&|^", "**", "//", "<<", ">>", "<=", ">=", "==", "!=", "and", "or"}


@pytest.mark.parametrize("name", PROGRAMS)
def test_lines_hold_one_whole_statement(name: str) -> None:
    analysis = analyse(PROGRAMS[name])
    for line in analysis.lines:
        text = analysis.data[line.first : line.stop].decode()
        assert analysis.data[line.start : line.end].decode() in text
        assert analysis.data[line.first : line.start].strip() == b""


def test_nothing_outside_the_blocks_is_a_site() -> None:
    assert numbers(MARKED) == [2, 10, 5, 1, 2, 0.25]


def test_strings_signatures_annotations_and_decorators_are_no_sites() -> None:
    text = '@d(1)\ndef f(a: int = 2, *, b=3) -> "4":\n    """5"""\n    c: T[6] = "7" + f"{8}"\n    return c[9]\n'
    assert numbers(text) == [9]


def test_a_minus_sign_belongs_to_its_number() -> None:
    assert numbers("x = -1.5 - 2 ** -3\n") == [-1.5, 2, -3]


def test_offsets_count_bytes() -> None:
    analysis = analyse(UNICODE)
    assert "π * λ ** 2" in texts(analysis)
    assert "α" not in texts(analysis)


def test_indices_and_sizes_are_marked() -> None:
    analysis = analyse(
        "x = y[3] + np.zeros((4, 5))[0, 1:6].sum(axis=1) + range(7) * 8 + z.reshape(9) + np.full(2, 0.5)\n"
    )
    sizes = {number_value(site.node): site.sizes for site in analysis.numbers}
    assert sizes == {
        3: True,
        4: True,
        5: True,
        0: True,
        1: True,
        6: True,
        7: True,
        8: False,
        9: True,
        2: True,
        0.5: False,
    }


def test_names_are_visible_from_where_they_are_bound() -> None:
    text = "import m\ng = 1\ndef f(p):\n    a = 2\n    b = 3\n    return [q + 4 for q in p]\nh = 5\n"
    analysis = analyse(text)
    seen = {number_value(site.node): site.scope.visible_values(site.start) for site in analysis.numbers}
    assert seen[1] == []
    assert seen[3] == ["p", "a", "g", "h"]
    assert seen[4] == ["q", "p", "a", "b", "g", "h"]
    four = next(site for site in analysis.numbers if number_value(site.node) == 4)
    assert four.scope.binds("m", four.start) and four.scope.binds("abs", four.start)
    assert not four.scope.binds("unknown", four.start)


def test_class_attributes_are_hidden_from_methods() -> None:
    analysis = analyse("class A:\n    size = 1\n    def f(self):\n        return 2\n")
    (two,) = [site for site in analysis.numbers if number_value(site.node) == 2]
    assert two.scope.visible_values(two.start) == ["self"]


def test_modules_are_known_by_the_name_they_have_here() -> None:
    assert analyse("import numpy as xp, math\nimport os.path\n").modules == {"numpy": "xp", "math": "math"}


@pytest.mark.parametrize("text", ["def (", "x = '\ud800'", "a\0b", "(" * 500 + ")" * 500])
def test_what_is_not_python_raises_what_is_announced(text: str) -> None:
    with pytest.raises(UNPARSABLE):
        analyse(text)
    assert AnalysisCache().get(text) is None


def test_the_cache_forgets_what_was_used_longest_ago() -> None:
    cache = AnalysisCache(capacity=2)
    first = cache.get("x = 1\n")
    cache.get("x = 2\n")
    assert cache.get("x = 1\n") is first
    cache.get("x = 3\n")
    assert cache.get("x = 1\n") is first
    cache.get("x = 4\n")
    cache.get("x = 5\n")
    assert cache.get("x = 1\n") is not first


def test_lines_end_where_python_says() -> None:
    assert split_lines("a\r\nb\rc\x0c\u2028d\ne") == ["a\r\n", "b\r", "c\x0c\u2028d\n", "e"]
    assert "".join(split_lines(WEIRD)) == WEIRD


@pytest.mark.parametrize(
    ("text", "strength"),
    [
        ("a + b", Precedence.ARITHMETIC),
        ("a ** b", Precedence.POWER),
        ("-a", Precedence.UNARY),
        ("not a", Precedence.NOT),
        ("a < b", Precedence.COMPARE),
        ("a or b", Precedence.OR),
        ("a if b else c", Precedence.TERNARY),
        ("lambda: a", Precedence.LAMBDA),
        ("1.5", Precedence.NUMBER),
        ("f(a)", Precedence.ATOM),
        ("True", Precedence.ATOM),
    ],
)
def test_precedence(text: str, strength: Precedence) -> None:
    assert precedence(ast.parse(text, mode="eval").body) is strength
