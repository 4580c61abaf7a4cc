"""Edits of programs in languages that are not parsed: values, operators, statements.

Most of them go by what languages with braces share. What a language does not know fails to compile.
"""

from __future__ import annotations

from collections.abc import Sequence

from evolve.mutation.code_text import Binary, CodeText, Operand, Statement, Token, Word, is_assignment
from evolve.mutation.edits import Edit
from evolve.mutation.kinds import Weighted
from evolve.mutation.line_edits import borrow_line, delete_line, swap_lines
from evolve.mutation.numbers import random_constant, write_number
from evolve.mutation.plain_text import Span, TextBench, change_number

Bench = TextBench[CodeText]

_FAMILIES = tuple(
    family.split() for family in ("+ - * / %", "< <= > >= == !=", "&& ||", "& | ^", "<< >>", "++ --", "true false",
                                  "True False", "+= -= *= /= =", "min max", "begin end", "front back", "floor ceil")
)  # fmt: skip
"""Words of which one may take the place of another."""
_OTHERS = {word: [other for other in family if other != word] for family in _FAMILIES for word in family}
_COMMUTED = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}
_COMBINING = ("+", "-", "*", "/")
_COMPARING = ("<", "<=", ">", ">=", "==", "!=")
_WITH_QUESTIONS = "c h cc cpp cxx hpp cu cuh cuda c++ java cs csharp js mjs ts javascript typescript"
_QUESTIONS = frozenset(_WITH_QUESTIONS.split())
"""Languages with ``a ? b : c``; in others ``if a { b } else { c }`` is tried."""
_UNBRACKETED = frozenset({"rs", "rust", "go"})
"""Languages whose conditions need no brackets."""
_LONGEST_VALUE = 60  # characters of a value that is copied elsewhere
_LONGEST_STATEMENT = 600


# ── words ─────────────────────────────────────────────────────────────────────────────────────
def change_operator(bench: Bench) -> Edit | None:
    """``<`` becomes ``<=``, ``+`` becomes ``*``, ``max`` becomes ``min``."""
    code = bench.target
    between = {binary.mark for binary in code.binaries}
    places = [
        place
        for place, token in enumerate(code.tokens)
        if token.text in _OTHERS and code.may_change(place, place) and (place in between or _stands_alone(token))
    ]
    if not places:
        return None
    place = bench.pick(places)
    return code.edit("operator", (code.span(place, place), bench.pick(_OTHERS[code.tokens[place].text])))


def _stands_alone(token: Token) -> bool:
    """Whether a token means the same wherever it stands, unlike ``*`` and ``<``."""
    changes = is_assignment(token.text) and token.text != "="
    return token.kind is not Word.MARK or changes or token.text in ("++", "--", "&&", "||", "==", "!=", "<=", ">=")


def change_name(bench: Bench) -> Edit | None:
    """``x`` becomes ``y``: a value becomes another value that the function has seen."""
    plain = [operand for operand in bench.target.read if operand.plain]
    if not plain:
        return None
    operand = bench.pick(plain)
    others = [name for name in bench.target.names_before(operand.first) if name != bench.target.source(operand)]
    return _replaced(bench, "name", operand, bench.pick(others)) if others else None


def swap_operands(bench: Bench) -> Edit | None:
    """``a - b`` becomes ``b - a``."""
    if not bench.target.binaries:
        return None
    binary = bench.pick(bench.target.binaries)
    left, right = bench.target.source(binary.left), bench.target.source(binary.right)
    return _rewritten(bench, "operands", binary, right, left)


def swap_arguments(bench: Bench) -> Edit | None:
    """``f(a, b)`` becomes ``f(b, a)``."""
    code = bench.target
    begins = {operand.first: operand for operand in code.operands}
    ends = {operand.last: operand for operand in reversed(code.operands)}
    places = [
        place
        for place, token in enumerate(code.tokens)
        if token.text == "," and place - 1 in ends and place + 1 in begins
    ]
    if not places:
        return None
    place = bench.pick(places)
    one, other = ends[place - 1], begins[place + 1]
    if code.source(one) == code.source(other):
        return None
    return code.edit(
        "arguments",
        (code.span(one.first, one.last), code.source(other)),
        (code.span(other.first, other.last), code.source(one)),
    )


# ── values ────────────────────────────────────────────────────────────────────────────────────
def replace_value(bench: Bench) -> Edit | None:
    """A value becomes another value of the program, a name or a number."""
    if not bench.target.read:
        return None
    operand = bench.pick(bench.target.read)
    new = _value(bench, operand.first)
    return None if new is None else _replaced(bench, "value", operand, new)


def keep_one_operand(bench: Bench) -> Edit | None:
    """``a + b`` becomes ``a``."""
    if not bench.target.binaries:
        return None
    binary = bench.pick(bench.target.binaries)
    kept = bench.target.source(binary.left if bench.chance(0.5) else binary.right)
    return bench.target.edit("part", (bench.target.span(binary.left.first, binary.right.last), kept))


def combine(bench: Bench) -> Edit | None:
    """``a`` becomes ``(a + b)``."""
    if not bench.target.read:
        return None
    operand = bench.pick(bench.target.read)
    new = _value(bench, operand.first)
    if new is None:
        return None
    return _replaced(bench, "combine", operand, f"({bench.target.source(operand)} {bench.pick(_COMBINING)} {new})")


def choose(bench: Bench) -> Edit | None:
    """``a`` becomes ``(b < c ? a : d)``."""
    if not bench.target.read:
        return None
    operand = bench.pick(bench.target.read)
    condition, other = _condition(bench, operand.first), _value(bench, operand.first)
    if condition is None or other is None:
        return None
    values = [bench.target.source(operand), other]
    if bench.chance(0.5):
        values.reverse()
    template = "({} ? {} : {})" if bench.target.language in _QUESTIONS else "(if {} {{ {} }} else {{ {} }})"
    return _replaced(bench, "choice", operand, template.format(condition, *values))


def change_condition(bench: Bench) -> Edit | None:
    """``if (a)`` becomes ``if (!(a))``, ``if (a && b < c)`` or ``if (a || b < c)``."""
    code = bench.target
    if not code.conditions:
        return None
    span = bench.pick(code.conditions)
    if bench.chance(0.3):
        return code.edit("condition", (span, f"!({code.of(span)})"))
    place = next(place for place, token in enumerate(code.tokens) if token.start >= span.start)
    added = _condition(bench, place)
    if added is None:
        return None
    return code.edit("condition", (span, f"({code.of(span)}) {bench.pick(('&&', '||'))} {added}"))


def borrow_value(bench: Bench) -> Edit | None:
    """A value becomes one of an inspiration whose names all occur here."""
    donors, read = bench.donors(), bench.target.read
    if not donors or not read:
        return None
    donor = bench.pick(donors)
    offered = [operand for operand in donor.read if _is_known(bench.target, donor, operand.first, operand.last)]
    if not offered:
        return None
    return _replaced(bench, "borrow value", bench.pick(read), donor.source(bench.pick(offered)))


def _replaced(bench: Bench, kind: str, operand: Operand, new: str) -> Edit | None:
    span = bench.target.span(operand.first, operand.last)
    return bench.target.edit(kind, (span, new)) if new != bench.target.of(span) else None


def _rewritten(bench: Bench, kind: str, binary: Binary, left: str, right: str) -> Edit | None:
    if left == right:
        return None
    code = bench.target
    spans = [code.span(one.first, one.last) for one in (binary.left, binary.right)]
    return code.edit(kind, (spans[0], left), (spans[1], right))


def _value(bench: Bench, place: int) -> str | None:
    """Return a value to use before token ``place`` of the program: a name, a number or a short value from elsewhere."""
    drawn = bench.rng.random()
    if drawn < 0.35:
        constant = random_constant(bench.rng)
        return write_number(constant if bench.chance(0.5) else max(1, round(constant)))
    if drawn < 0.7:
        names = bench.target.names_before(place)
        return bench.pick(names) if names else None
    values = [bench.target.source(operand) for operand in bench.target.read]
    short = [value for value in values if len(value) <= _LONGEST_VALUE]
    return bench.pick(short) if short else None


def _condition(bench: Bench, place: int) -> str | None:
    """Return a condition: one of the program's own, or a comparison of two values."""
    if bench.target.conditions and bench.chance(0.3):
        own = bench.target.of(bench.pick(bench.target.conditions))
        return f"({own})" if len(own) <= _LONGEST_VALUE else None
    left, right = _value(bench, place), _value(bench, place)
    return None if left is None or right is None else f"({left} {bench.pick(_COMPARING)} {right})"


# ── statements ────────────────────────────────────────────────────────────────────────────────
def delete_statement(bench: Bench) -> Edit | None:
    """A statement goes."""
    found = _movable(bench.target)
    return bench.target.edit("delete", (bench.target.rows(bench.pick(found)), "")) if found else None


def duplicate_statement(bench: Bench) -> Edit | None:
    """A statement is written twice."""
    found = _movable(bench.target)
    if not found:
        return None
    span = bench.target.rows(bench.pick(found))
    return bench.target.edit("duplicate", (span, _apart(bench.target, span) * 2))


def swap_statements(bench: Bench) -> Edit | None:
    """A statement changes places with the next one of its block."""
    pairs = _neighbours(bench.target, _movable(bench.target))
    if not pairs:
        return None
    first, second = (bench.target.rows(statement) for statement in bench.pick(pairs))
    if first.end > second.start:
        return None
    code = bench.target
    between = code.text[first.end : second.start]
    swapped = _apart(code, second) + between + _apart(code, first)
    return code.edit("swap", (Span(first.start, second.end), swapped))


def move_statement(bench: Bench) -> Edit | None:
    """A statement is taken out and written before another one of the program."""
    found = _movable(bench.target)
    if len(found) < 2:
        return None
    taken = bench.target.rows(bench.pick(found))
    before = bench.target.rows(bench.pick(found)).start
    if taken.start <= before <= taken.end:
        return None
    return bench.target.edit("move", (taken, ""), (Span(before, before), _apart(bench.target, taken)))


def guard_statement(bench: Bench) -> Edit | None:
    """``a = b;`` becomes ``if (c < d) { a = b; }``."""
    found = [statement for statement in _movable(bench.target) if not _declares(bench.target, statement)]
    if not found:
        return None
    statement = bench.pick(found)
    condition = _condition(bench, statement.first)
    if condition is None:
        return None
    span = bench.target.span(statement.first, statement.last)
    if bench.target.language in _UNBRACKETED:
        condition = condition[1:-1]
    return bench.target.edit("guard", (span, f"if {condition} {{ {bench.target.of(span)} }}"))


def borrow_statement(bench: Bench) -> Edit | None:
    """A statement of an inspiration whose names occur here is written before one of this program, or in its place."""
    donors, found = bench.donors(), _movable(bench.target)
    if not donors or not found:
        return None
    donor = bench.pick(donors)
    offered = [one for one in _movable(donor) if _is_known(bench.target, donor, one.first, one.last)]
    if not offered:
        return None
    new = _apart(donor, donor.rows(bench.pick(offered)))
    if len(new) > _LONGEST_STATEMENT:
        return None
    place = bench.target.rows(bench.pick(found))
    return bench.target.edit("borrow", (place if bench.chance(0.5) else Span(place.start, place.start), new))


def swap_loops(bench: Bench) -> Edit | None:
    """``for (a) for (b)`` becomes ``for (b) for (a)``."""
    if not bench.target.nested_loops:
        return None
    outer, inner = bench.pick(bench.target.nested_loops)
    return bench.target.edit("loops", (outer, bench.target.of(inner)), (inner, bench.target.of(outer)))


def _movable(code: CodeText) -> Sequence[Statement]:
    """Return the statements within functions; those outside of all where there are no others."""
    inside = [statement for statement in code.statements if statement.depth]
    return inside or code.statements


def _neighbours(code: CodeText, found: Sequence[Statement]) -> list[tuple[Statement, Statement]]:
    by_place = {(one.block, one.place): one for one in found}
    return [(one, by_place[one.block, one.place + 1]) for one in found if (one.block, one.place + 1) in by_place]


def _declares(code: CodeText, statement: Statement) -> bool:
    """Whether a statement begins with two words, or a type and a name: what follows may need what it declares."""
    first, second = code.tokens[statement.first], code.tokens[min(statement.first + 1, statement.last)]
    words = (Word.NAME, Word.KEYWORD)
    return first.text != "return" and first.kind in words and (second.kind in words or second.text in ("::", "&", "*"))


def _apart(code: CodeText, span: Span) -> str:
    """Return a statement's text so that another one may follow: whole lines are closed, others get a blank."""
    text = code.of(span)
    whole = not span.start or code.text[span.start - 1] in "\r\n"
    return code.closed(span) if whole else f"{text} "


def _is_known(target: CodeText, donor: CodeText, first: int, last: int) -> bool:
    tokens = donor.tokens[first : last + 1]
    return all(token.text in target.every_name for token in tokens if token.kind is Word.NAME)


CODE_KINDS: tuple[Weighted[Bench], ...] = (
    Weighted(change_number, 14.0),
    Weighted(change_operator, 8.0),
    Weighted(change_name, 5.0),
    Weighted(swap_operands, 2.0),
    Weighted(swap_arguments, 1.0),
    Weighted(replace_value, 8.0),
    Weighted(keep_one_operand, 3.0),
    Weighted(combine, 6.0),
    Weighted(choose, 3.0),
    Weighted(change_condition, 4.0),
    Weighted(borrow_value, 4.0),
    Weighted(delete_statement, 3.0),
    Weighted(duplicate_statement, 2.0),
    Weighted(swap_statements, 2.0),
    Weighted(move_statement, 2.0),
    Weighted(guard_statement, 4.0),
    Weighted(borrow_statement, 5.0),
    Weighted(swap_loops, 4.0),
    Weighted(delete_line, 0.5),
    Weighted(swap_lines, 0.5),
    Weighted(borrow_line, 0.5),
)
