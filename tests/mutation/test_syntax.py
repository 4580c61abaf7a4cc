"""The syntax operator and each kind of its edits."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.domain.blocks import editable_regions, split_lines
from evolve.errors import ProposalRejected
from evolve.mutation import expression_edits as expressions
from evolve.mutation import statement_edits as statements
from evolve.mutation.edits import Bench, Edit, Fragment, Splice, apply, overlaps
from evolve.mutation.kinds import Weighted
from evolve.mutation.precedence import Precedence
from evolve.mutation.python_analysis import analyse
from evolve.mutation.syntax import KINDS, Kind, Syntax, compiles
from tests.mutation.odd_programs import MARKED, PLAIN, PROGRAMS, UNICODE, WEIRD
from tests.mutation.operator_context import context

DONORS = [{"main.py": PLAIN}, {"main.py": WEIRD}, {"main.py": MARKED}]


def only(kind: Kind) -> Syntax:
    return Syntax(mean_edits=1.0, kinds=(Weighted(kind, 1.0),))


async def children(kind: Kind, text: str, count: int = 60, donor: str | None = None) -> set[str]:
    """Return what one edit of ``kind`` makes of ``text`` under many seeds."""
    inspirations = [] if donor is None else [{"main.py": donor}]
    operator = only(kind)
    return {
        (await operator.propose(context({"main.py": text}, seed, inspirations=inspirations))).files["main.py"]
        for seed in range(count)
    }


def frozen_lines(text: str) -> list[str]:
    """Return the lines outside the editable regions."""
    editable = {line for region in editable_regions(text) for line in range(region.first, region.stop)}
    return [line for number, line in enumerate(split_lines(text)) if number not in editable]


# ── the operator ──────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("name", PROGRAMS)
async def test_children_compile_differ_and_leave_the_rest_alone(name: str) -> None:
    text = PROGRAMS[name]
    operator = Syntax()
    for seed in range(50):
        draft = await operator.propose(context({"main.py": text, "data.txt": "1"}, seed, inspirations=DONORS))
        child = draft.files["main.py"]
        assert compiles(child)
        assert child.split() != text.split()
        assert frozen_lines(child) == frozen_lines(text)
        assert draft.files["data.txt"] == "1"


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(PROGRAMS)), st.sampled_from([entry.kind for entry in KINDS]), st.integers(0, 2**32))
def test_every_kind_of_edit_splices_well(name: str, kind: Kind, seed: int) -> None:
    target = analyse(PROGRAMS[name])
    donors = [analyse(text) for text in (PLAIN, MARKED)]
    edit = kind(Bench(target, lambda: donors, np.random.default_rng(seed)))
    if edit is None:
        return
    child = apply(target.data, [edit]).decode()
    assert frozen_lines(child) == frozen_lines(PROGRAMS[name])
    misplaced = kind is statements.transplant_statement  # a return may land outside of a function
    assert misplaced or compiles(child)


async def test_equal_contexts_give_equal_children_whatever_came_before() -> None:
    fresh, used = Syntax(), Syntax()
    for seed in range(20):
        await used.propose(context({"main.py": WEIRD}, seed + 1000, inspirations=DONORS))
        one = await fresh.propose(context({"main.py": MARKED}, seed, inspirations=DONORS))
        other = await used.propose(context({"main.py": MARKED}, seed, inspirations=DONORS))
        assert one == other


def test_children_do_not_depend_on_the_hash_seed() -> None:
    script = (
        "import asyncio\n"
        "from tests.mutation.odd_programs import WEIRD, PLAIN\nfrom tests.mutation.operator_context import context\n"
        "from evolve.mutation.syntax import Syntax\noperator = Syntax(mean_edits=3.0)\n"
        "def child(seed):\n"
        "    made = context({'main.py': WEIRD}, seed, inspirations=[{'main.py': PLAIN}])\n"
        "    return asyncio.run(operator.propose(made)).files\n"
        "print([child(seed) for seed in range(30)])"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", script],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1


async def test_the_account_of_a_proposal_names_the_edits() -> None:
    draft = await only(expressions.change_constant).propose(context({"main.py": "\nx = 1.5\n"}))
    new = draft.files["main.py"].split()[-1]
    assert draft.detail == {"operator": "syntax", "edits": [f"constant 1.5 -> {new} (line 2)"]}
    assert json.loads(json.dumps(draft.detail)) == draft.detail


async def test_several_edits_are_made_at_once() -> None:
    operator = Syntax(mean_edits=4.0)
    counts = []
    for seed in range(40):
        edits = (await operator.propose(context({"main.py": WEIRD}, seed))).detail["edits"]
        assert isinstance(edits, list)
        counts.append(len(edits))
    assert max(counts) > 4
    assert min(counts) >= 1


@pytest.mark.parametrize(
    ("files", "cause"),
    [
        ({"main.py": "import os\n\n\ndef f(a=1):\n    pass\n"}, "no_sites"),
        ({"main.py": "x = 1\n# EVOLVE-BLOCK-START\n# EVOLVE-BLOCK-END\n"}, "no_sites"),
        ({"main.py": "def broken(:\n"}, "unparsable"),
        ({"notes.txt": "x = 1\n"}, "no_sites"),
        ({}, "no_sites"),
    ],
)
async def test_hopeless_programs_are_rejected(files: Mapping[str, str], cause: str) -> None:
    with pytest.raises(ProposalRejected) as caught:
        await Syntax().propose(context(files))
    assert caught.value.cause == cause


async def test_edits_that_change_nothing_are_given_up() -> None:
    def idle(bench: Bench) -> Edit:
        return Edit((Splice(0, 0, b"\n"),), "nothing")

    with pytest.raises(ProposalRejected) as caught:
        await only(idle).propose(context({"main.py": "x = 1\n"}))
    assert caught.value.cause == "no_valid_edit"


async def test_long_files_do_not_grow() -> None:
    operator = Syntax(max_bytes=100)
    for seed in range(30):
        draft = await operator.propose(context({"main.py": PLAIN}, seed))
        assert len(draft.files["main.py"].encode()) <= len(PLAIN.encode())


async def test_only_files_that_may_change_do() -> None:
    for seed in range(20):
        files = {"main.py": "x = 1 + 2\n", "judge.py": "y = 3 + 4\n"}
        draft = await Syntax().propose(context(files, seed, editable=("main.py",)))
        assert draft.files["judge.py"] == files["judge.py"]
        assert draft.files["main.py"] != files["main.py"]


# ── each kind of edit ─────────────────────────────────────────────────────────────────────────
async def test_constants_move_and_ints_that_index_stay_whole() -> None:
    made = await children(expressions.change_constant, "x = 1.5\n", 200)
    values = {float(ast.literal_eval(text.split("=")[1].strip())) for text in made}
    assert {0.0, 2.5, 0.5, -1.5, 2.0} <= values
    assert any(1.5 < value < 2 for value in values)
    for text in await children(expressions.change_constant, "x = y[3]\n"):
        index = text.split("[")[1].split("]")[0]
        assert index.lstrip("-").isdigit()


async def test_a_constant_becomes_a_name_in_scope() -> None:
    made = await children(expressions.constant_to_name, "def f(a, b):\n    return 2\n")
    assert made == {"def f(a, b):\n    return a\n", "def f(a, b):\n    return b\n"}


async def test_a_name_becomes_another_name() -> None:
    made = await children(expressions.name_to_name, "def f(a, b):\n    c = 1\n    return a\nd = 2\n")
    assert {text.split("return ")[1].split()[0] for text in made} == {"b", "c", "d"}


async def test_arithmetic_operators_change() -> None:
    made = await children(expressions.change_arithmetic, "x = a + b\n", 200)
    assert made == {f"x = a {token} b\n" for token in ("-", "*", "/", "//", "%", "**")}


async def test_bitwise_operators_stay_bitwise() -> None:
    assert await children(expressions.change_arithmetic, "x = a & b\n") == {"x = a | b\n", "x = a ^ b\n"}


async def test_comparisons_change() -> None:
    made = await children(expressions.change_comparison, "x = a < b\n", 200)
    assert made == {f"x = a {token} b\n" for token in ("<=", ">", ">=", "==", "!=")}


async def test_boolean_operators_change() -> None:
    assert await children(expressions.change_boolean, "x = a and b and not c\n") == {"x = a or b or not c\n"}
    made = await children(expressions.change_boolean, "x = a or b and c\n")
    assert made == {"x = a and (b and c)\n", "x = a or (b or c)\n"}


async def test_signs_come_and_go() -> None:
    assert await children(expressions.negate, "def f(a):\n    return a\n") == {"def f(a):\n    return -a\n"}
    made = await children(expressions.negate, "def f(a):\n    return -(a + 1)\n")
    assert "def f(a):\n    return a + 1\n" in made
    made = await children(expressions.negate, "if a < 1:\n    pass\n")
    assert "if not a < 1:\n    pass\n" in made


async def test_augmented_assignments_change() -> None:
    made = await children(expressions.change_augmented, "a = 1\na += (2)\n", 200)
    assert "a = 1\na *= (2)\n" in made
    assert "a = 1\na //= (2)\n" in made


@pytest.mark.parametrize(
    ("text", "swapped"),
    [
        ("x = a - b\n", "x = b - a\n"),
        ("x = (a + 1) / b\n", "x = (b) / (a + 1)\n"),
        ("x = a - b * c\n", "x = b * c - a\n"),
        ("x = a ** -b\n", "x = (-b) ** a\n"),
        ("x = a < b\n", "x = b < a\n"),
    ],
)
async def test_operands_change_places(text: str, swapped: str) -> None:
    assert await children(expressions.swap_operands, text) == {swapped}


async def test_an_expression_shrinks_to_a_part() -> None:
    made = await children(expressions.replace_by_part, "x = (2 * 3 + 4) ** 5\n", 100)
    assert {"x = (2 * 3) ** 5\n", "x = 3\n", "x = (2 + 4) ** 5\n", "x = 2 * 3 + 4\n"} <= made


async def test_an_expression_becomes_a_constant() -> None:
    made = await children(expressions.simplify_to_constant, "x = f(2)\n")
    assert all(isinstance(ast.literal_eval(text.split("=")[1].strip()), int | float) for text in made)


async def test_expressions_are_wrapped_in_functions_that_exist() -> None:
    plain = await children(expressions.wrap_in_function, "def f(a):\n    return a\n")
    assert "def f(a):\n    return abs(a)\n" in plain
    assert not any("np" in text for text in plain)
    numeric = await children(expressions.wrap_in_function, "import numpy as xp\ndef f(a):\n    return a\n", 100)
    assert any("xp.sqrt(xp.abs(a))" in text for text in numeric)
    assert any(
        "math.tanh(a)" in text
        for text in await children(expressions.wrap_in_function, "import math\na = 1\nb = a\n", 200)
    )


async def test_powers() -> None:
    made = await children(expressions.power, "def f(a):\n    return -a\n", 100)
    assert "def f(a):\n    return (-a) ** 2\n" in made
    assert "def f(a):\n    return -a ** 2\n" in made


async def test_terms_are_added() -> None:
    made = await children(expressions.combine, "def f(a, b):\n    return a\n", 300)
    forms = {text.split("return ")[1].strip() for text in made}
    assert {"a + b", "a - b", "a * b", "a / b", "b - a"} <= forms
    assert any(form.startswith("a + ") and form.endswith(" * b") for form in forms)
    assert any(form.startswith("a / (b + ") for form in forms)


async def test_branches_are_added() -> None:
    plain = await children(expressions.branch, "def f(a, b):\n    return a\n", 60)
    assert all(" if " in text and " else " in text for text in plain)
    numeric = await children(expressions.branch, "import numpy as np\ndef f(a, b):\n    return a\n", 60)
    assert any("np.where(" in text for text in numeric)


async def test_expressions_come_from_inspirations_when_their_names_are_bound() -> None:
    donor = "def g(a, secret):\n    return a * 7 + secret\n"
    made = await children(expressions.transplant_expression, "def f(a):\n    return a - 1\n", 80, donor)
    assert any("a * 7" in text for text in made)
    assert not any("secret" in text for text in made)


async def test_statements_are_deleted_but_blocks_stay() -> None:
    made = await children(statements.delete_statement, "def f(a):\n    b = 1\n    return a\n")
    assert made == {"def f(a):\n    return a\n", "def f(a):\n    b = 1\n"}
    assert await children(statements.delete_statement, "def f(a):\n    return a\n") == {"def f(a):\n    pass\n"}
    made = await children(statements.delete_statement, 'def f(a):\n    """Text."""\n    return a\n')
    assert made == {'def f(a):\n    """Text."""\n    pass\n'}


async def test_statements_are_written_twice() -> None:
    assert await children(statements.duplicate_statement, "if a:\n    a += 1") == {"if a:\n    a += 1\n    a += 1\n"}


async def test_statements_change_places() -> None:
    made = await children(statements.move_statement, "def f():\n    a = 1\n    # why\n    b = 2\n")
    assert made == {"def f():\n    b = 2\n    # why\n    a = 1\n"}


async def test_statements_come_from_inspirations_with_their_indentation_changed() -> None:
    donor = "def g(a):\n        if a:\n            a = 7\n        return unknown\n"
    made = await children(statements.transplant_statement, "def f(a):\n    return a\n", 80, donor)
    assert "def f(a):\n    if a:\n        a = 7\n    return a\n" in made
    assert not any("unknown" in text for text in made)


# ── meaning ───────────────────────────────────────────────────────────────────────────────────
EXPRESSIONS = ("2 + 3 * 4", "(2 + 3) * 4", "2 - (3 - 5)", "-2 ** 2", "2 ** 3 ** 2", "10 - 4 - 3", "7 % 4 * 2 // 3 - -1")


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_a_new_operator_keeps_both_operands(text: str) -> None:
    """Whatever the operator becomes, the tree is the old one with that operator in it."""
    target = analyse(f"x = {text}\n")
    for seed in range(40):
        edit = expressions.change_arithmetic(Bench(target, lambda: [], np.random.default_rng(seed)))
        assert edit is not None
        assert _shape(apply(target.data, [edit]).decode()) == _shape(f"x = {text}\n")


def _shape(text: str) -> str:
    class Blank(ast.NodeTransformer):
        def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
            node.op = ast.Add()
            return self.generic_visit(node)

    return ast.dump(Blank().visit(ast.parse(text)))


@pytest.mark.parametrize("text", EXPRESSIONS)
@pytest.mark.parametrize("wrapper", [lambda own: f"{own} + 0", lambda own: f"{own} * 1", lambda own: f"{own} ** 1"])
def test_a_neutral_change_leaves_the_value(text: str, wrapper: Callable[[str], str]) -> None:
    """``e`` is replaced by ``e + 0`` everywhere: if parentheses were missing the value would differ."""
    target = analyse(f"x = {text}\n")
    for site in target.numeric:
        own = Fragment(target.source(site.node), Precedence.NAMED).fit(Precedence.ATOM).decode()
        new = wrapper(own)
        strength = {"+": Precedence.ARITHMETIC, "*": Precedence.TERM, "**": Precedence.POWER}[new.split()[-2]]
        bench = Bench(target, lambda: [], np.random.default_rng(0))
        child = apply(target.data, [bench.replace("neutral", site, Fragment(new.encode(), strength))]).decode()
        assert eval(child.split("=")[1].strip()) == eval(text)


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_swapping_twice_leaves_the_value(text: str) -> None:
    target = analyse(f"x = {text}\n")
    rng = np.random.default_rng(0)
    for place in range(len(target.arithmetic)):
        target.arithmetic[:] = [analyse(f"x = {text}\n").arithmetic[place]]
        first = expressions.swap_operands(Bench(target, lambda: [], rng))
        if first is not None:
            assert _sorted_leaves(apply(target.data, [first]).decode()) == _sorted_leaves(f"x = {text}\n")


def _sorted_leaves(text: str) -> list[str]:
    return sorted(ast.dump(node) for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant | ast.operator))


def test_words_do_not_grow_together() -> None:
    data = b"return[1]if x else(2)"
    assert apply(data, [Edit((Splice(6, 9, b"a"),), "")]) == b"return a if x else(2)"


def test_edits_that_touch_overlap() -> None:
    one, two, three = (Edit((Splice(start, end, b""),), "") for start, end in ((0, 2), (2, 4), (5, 6)))
    assert overlaps(one, [two])
    assert not overlaps(one, [three])


def test_unicode_is_spliced_whole() -> None:
    target = analyse(UNICODE)
    for seed in range(30):
        edit = expressions.change_constant(Bench(target, lambda: [], np.random.default_rng(seed)))
        assert edit is not None
        assert "# ∑ comment" in apply(target.data, [edit]).decode()
