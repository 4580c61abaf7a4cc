from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.mutation.plain_tokens import STYLES, plain_tokens

C = r"""#include <stdio.h>
#define TWICE(x) ((x) * 2)
/* a block
   comment "with a quote */
static int add(int a, int b) { // adds 'em
    char c = '"'; const char *s = "no // comment \" here /* nor here */";
    for (int i = 0; i <= b; ++i) a += i - -1;
    return a+++b << 2;   /* done */
}
"""
RUST = r"""fn longest<'a>(x: &'a str, y: &'a str) -> &'a str { // it's a lifetime
    let raw = r#"a " // b"#; let c = '\''; let q = '"';
    if x.len() >= y.len() { x } else { y } /* end */
}
"""
GO = "package main\n\nfunc add(a, b int) int {\n\t// adds\n\ts := `raw // text`\n\treturn a + b\n}\n"
JS = "const add = (a, b) => {\n  // adds\n  const s = `t ${a} // no`;\n  return a + b - 'x//y';\n};\n"
LUA = "local x = 1 -- one\n--[[ long\ncomment ]]\nlocal s = [[ a -- b ]]\nreturn x .. s\n"
SQL = "select a, 'it''s -- no' -- comment\nfrom t /* block */ where a >= 2\n"
R = "f <- function(x) {  # comment\n  y <- x < -1\n  'a # b'\n}\n"
JULIA = 'function f(x)  # comment\n    [1 -2], x.^2, "a # b"\nend\n'
FORTRAN = "real :: x ! comment\n!$omp parallel\nx = 1.0d0 + f('a ! b')\n"
TEXTS = {"c": C, "rs": RUST, "go": GO, "js": JS, "lua": LUA, "sql": SQL, "r": R, "jl": JULIA, "f90": FORTRAN}
NOTE = {"c": "//", "rs": "//", "go": "//", "js": "//", "lua": "--", "sql": "--", "r": "#", "jl": "#", "f90": "!"}


@given(st.sampled_from(sorted(TEXTS)), st.text("ab '\"", max_size=6), st.data())
@settings(max_examples=80, deadline=None)
def test_comments_blank_lines_and_indentation_do_not_matter(language: str, comment: str, data: st.DataObject) -> None:
    lines = TEXTS[language].split("\n")
    free = [n for n, line in enumerate(lines) if not re.search(r"#include|#define|a block|--\[\[", line)]
    for place in sorted(data.draw(st.sets(st.sampled_from(free), max_size=4)), reverse=True):
        lines[place] += f"   {NOTE[language]} {comment}\n\n  {NOTE[language]} {comment}"
    indented = [line if line.startswith("#") else "  " + line for line in lines]
    assert plain_tokens("\r\n".join(indented), language) == plain_tokens(TEXTS[language], language)


@given(st.sampled_from(sorted(TEXTS)), st.integers(0, 400))
@settings(max_examples=150, deadline=None)
def test_any_word_or_number_or_sign_of_the_program_matters(language: str, place: int) -> None:
    """Whatever is not a comment, once removed or changed, gives another normal form."""
    words = plain_tokens(TEXTS[language], language)
    changed = [n for n, word in enumerate(words) if not word.isspace()]
    index = changed[place % len(changed)]
    texts = "\n".join([*words[:index], "changed", *words[index + 1 :]])
    assert plain_tokens(texts, language) != plain_tokens("\n".join(words), language)


@pytest.mark.parametrize(
    ("language", "one", "other"),
    [
        ("c", 's = "a // b";', 's = "a // c";'),
        ("c", 's = "a /* b"; t = "c */ d";', 's = "a /* b"; t = "e */ d";'),
        ("c", 's = "a \\\n //b";', 's = "a \\\n //c";'),
        ("c", "x = '//'; y = 1;", "x = '//'; y = 2;"),
        ("lua", "s = 'a\\\n --b'", "s = 'a\\\n --c'"),
        ("c", "a + +b", "a ++b"),
        ("c", "int x", "intx"),
        ("cpp", 's = R"x(a // b)x";', 's = R"x(a // c)x";'),
        ("js", "return\nx", "return x"),
        ("js", "x = /a\\//.test('b')", "x = /a\\//.test('c')"),
        ("js", "x = `a ${`b // c`}`", "x = `a ${`b // d`}`"),
        ("jsx", "<p>// a</p>", "<p>// b</p>"),
        ("ts", "<p>// a</p>", "<p>// b</p>"),
        ("rs", '/* a /* b */ " */ x("//1")', '/* a /* b */ " */ x("//2")'),
        ("r", "x<-1", "x < -1"),
        ("jl", "[1 -2]", "[1 - 2]"),
        ("lua", "s = [[ a -- b ]]", "s = [[ a -- c ]]"),
        ("sql", "select '--1'", "select '--2'"),
        ("f90", "!$omp parallel", "!$omp single"),
        ("go", "//go:build a", "//go:build b"),
        ("haskell", "f x\n  where y", "f x\nwhere y"),
    ],
)
def test_different(language: str, one: str, other: str) -> None:
    assert plain_tokens(one, language) != plain_tokens(other, language)


def test_languages_that_are_not_known_are_left_as_they_are() -> None:
    assert plain_tokens("a  -- b\r\nc\r\n", "haskell") == ["a  -- b\nc"]


@given(st.text(max_size=60), st.sampled_from(sorted(STYLES)))
@settings(max_examples=150, deadline=None)
def test_the_words_of_any_text_are_its_own(text: str, language: str) -> None:
    lines = re.sub("\r\n?", "\n", text)
    assert all(word in lines for word in plain_tokens(text, language) if not word.isspace())


@pytest.mark.parametrize("language", sorted(TEXTS))
def test_texts_that_repeat_themselves_take_no_long_time(language: str) -> None:
    """Time that grew with the square of the length would be minutes here."""
    for piece in ("/*", '"\\', "'", "`", 'r#"', 'R"(', "[[", "--[[", '"""', "#/*", "${", "x"):
        for width in (1, 100):
            line = piece * width + "\n"
            text = line * (50_000 // len(line))
            words = plain_tokens(text, language)
            assert sum(map(len, words)) <= len(text)
