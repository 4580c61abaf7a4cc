"""Edits within expressions: constants, operators, new terms, sub-expressions."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from evolve.mutation.edits import Bench, Edit, Fragment, Splice, note
from evolve.mutation.numbers import Number, perturbed, random_constant, write_number
from evolve.mutation.precedence import OPERATOR_PRECEDENCE, Precedence, operand_slots, precedence
from evolve.mutation.python_sites import Analysis, Operand, Site, is_number, number_value
from evolve.mutation.scopes import names_bound

_ARITHMETIC: tuple[tuple[type[ast.operator], bytes], ...] = (
    (ast.Add, b"+"),
    (ast.Sub, b"-"),
    (ast.Mult, b"*"),
    (ast.Div, b"/"),
    (ast.FloorDiv, b"//"),
    (ast.Mod, b"%"),
    (ast.Pow, b"**"),
)
_COMMON_ARITHMETIC = _ARITHMETIC[:4]
_BITWISE: tuple[tuple[type[ast.operator], bytes], ...] = (
    (ast.BitAnd, b"&"),
    (ast.BitOr, b"|"),
    (ast.BitXor, b"^"),
)
_SHIFTS: tuple[tuple[type[ast.operator], bytes], ...] = ((ast.LShift, b"<<"), (ast.RShift, b">>"))
_ORDERINGS = (b"<", b"<=", b">", b">=", b"==", b"!=")
_COMMON_ORDERINGS = _ORDERINGS[:4]
_COMMUTING = (ast.Add, ast.Mult, ast.BitAnd, ast.BitOr, ast.BitXor)
_MAX_GROWTH_BYTES = 400
"""Text longer than this is not copied into a larger expression."""


# ── constants ─────────────────────────────────────────────────────────────────────────────────
def change_constant(bench: Bench) -> Edit | None:
    """``1.5`` becomes ``1.73``."""
    if not bench.target.numbers:
        return None
    site = bench.pick(bench.target.numbers)
    value = number_value(site.node)
    new = perturbed(value, bench.rng, whole=site.sizes and isinstance(value, int))
    return bench.replace("constant", site, number(new))


def constant_to_name(bench: Bench) -> Edit | None:
    """``2.0`` becomes ``x``: a number is replaced by data in scope."""
    sites = [site for site in bench.target.numbers if not site.sizes]
    if not sites:
        return None
    site = bench.pick(sites)
    name = _name(bench, site)
    return None if name is None else bench.replace("constant to name", site, name)


def name_to_name(bench: Bench) -> Edit | None:
    """``x`` becomes ``y``: a name is replaced by other data in scope."""
    sites = [site for site in bench.target.numeric if isinstance(site.node, ast.Name)]
    if not sites:
        return None
    site = bench.pick(sites)
    new = _name(bench, site)
    return None if new is None else bench.replace("name", site, new)


def number(value: Number) -> Fragment:
    """Return the text of a number."""
    negative = value < 0 or str(value).startswith("-")
    return Fragment(write_number(value).encode(), Precedence.UNARY if negative else Precedence.NUMBER)


# ── operators ─────────────────────────────────────────────────────────────────────────────────
def change_arithmetic(bench: Bench) -> Edit | None:
    """``a + b`` becomes ``a * b``; both operands stay what they were."""
    if not bench.target.arithmetic:
        return None
    operand = bench.pick(bench.target.arithmetic)
    choices = [choice for choice in _family(bench, operand.operator) if not isinstance(operand.operator, choice[0])]
    if not choices:
        return None
    operator, token = bench.pick(choices)
    return _with_operator(bench, "operator", operand, token, OPERATOR_PRECEDENCE[operator], operand_slots(operator()))


def _family(bench: Bench, operator: ast.AST) -> Sequence[tuple[type[ast.operator], bytes]]:
    if isinstance(operator, ast.BitAnd | ast.BitOr | ast.BitXor):
        return _BITWISE
    if isinstance(operator, ast.LShift | ast.RShift):
        return _SHIFTS
    if isinstance(operator, ast.MatMult):
        return ()
    return _COMMON_ARITHMETIC if bench.chance(0.8) else _ARITHMETIC


def _with_operator(
    bench: Bench,
    kind: str,
    operand: Operand,
    token: bytes,
    strength: Precedence,
    slots: tuple[Precedence, Precedence],
) -> Edit:
    """Replace an operator's token and add the parentheses that its new binding strength needs."""
    target = bench.target
    site, _, left, right = operand
    start, end = target.token(left, right)
    splices = [Splice(start, end, token)]
    enclosed = target.parenthesised(left, right)
    for node, slot, closed in zip((left, right), slots, enclosed, strict=True):
        if precedence(node) < slot and not closed:
            splices += _around(*target.span(node))
    if strength < min(site.slot, precedence(site.node)):
        splices += _around(site.start, site.end)
    return Edit(tuple(_merged(splices)), note(kind, target.data[start:end], token, site.node))


def _around(start: int, end: int) -> tuple[Splice, Splice]:
    return Splice(start, start, b"("), Splice(end, end, b")")


def _merged(splices: Sequence[Splice]) -> list[Splice]:
    """Join insertions at one place, so that their order cannot matter."""
    merged: dict[tuple[int, int], bytes] = {}
    for splice in splices:
        merged[splice[:2]] = merged.get(splice[:2], b"") + splice.data
    return [Splice(start, end, data) for (start, end), data in merged.items()]


def change_comparison(bench: Bench) -> Edit | None:
    """``a < b`` becomes ``a >= b``."""
    if not bench.target.orderings:
        return None
    site, _, left, right = bench.pick(bench.target.orderings)
    start, end = bench.target.token(left, right)
    old = bench.target.data[start:end]
    new = bench.pick([token for token in (_COMMON_ORDERINGS if bench.chance(0.85) else _ORDERINGS) if token != old])
    return Edit((Splice(start, end, new),), note("comparison", old, new, site.node))


def change_boolean(bench: Bench) -> Edit | None:
    """``a and b and c`` becomes ``a or b or c``."""
    if not bench.target.booleans:
        return None
    site = bench.pick(bench.target.booleans).site
    node = site.node
    assert isinstance(node, ast.BoolOp)
    token, strength = (b"or", Precedence.OR) if isinstance(node.op, ast.And) else (b"and", Precedence.AND)
    parts = [bench.fragment(value).fit(Precedence(strength + 1)) for value in node.values]
    return bench.replace("boolean", site, Fragment((b" " + token + b" ").join(parts), strength))


def negate(bench: Bench) -> Edit | None:
    """A condition gets ``not``, a number ``-``; an expression that has one may lose it."""
    if bench.target.negations and bench.chance(0.5):
        site = bench.pick(bench.target.negations)
        assert isinstance(site.node, ast.UnaryOp)
        return bench.replace("negation", site, bench.fragment(site.node.operand))
    sites = bench.target.conditions if bench.target.conditions and bench.chance(0.3) else bench.target.numeric
    if not sites:
        return None
    site = bench.pick(sites)
    if sites is bench.target.conditions:
        new = Fragment(b"not " + bench.fragment(site.node).fit(Precedence.NOT), Precedence.NOT)
    else:
        new = Fragment(b"-" + bench.fragment(site.node).fit(Precedence.UNARY), Precedence.UNARY)
    return bench.replace("negation", site, new)


def change_augmented(bench: Bench) -> Edit | None:
    """``a += b`` becomes ``a *= b``."""
    if not bench.target.augmented:
        return None
    node = bench.pick(bench.target.augmented).node
    choices = [choice for choice in _family(bench, node.op) if not isinstance(node.op, choice[0])]
    if not choices:
        return None
    start, end = bench.target.token(node.target, node.value)
    new = bench.pick(choices)[1] + b"="
    return Edit((Splice(start, end, new),), note("augmented", bench.target.data[start:end], new, node))


def swap_operands(bench: Bench) -> Edit | None:
    """``a - b`` becomes ``b - a``; operators for which that changes nothing are left out."""
    sites = [item for item in bench.target.arithmetic if not isinstance(item.operator, _COMMUTING)]
    sites += [item for item in bench.target.orderings if _plain_comparison(item.site.node)]
    if not sites:
        return None
    site, operator, left, right = bench.pick(sites)
    slots = operand_slots(operator) if isinstance(operator, ast.operator) else (Precedence.BIT_OR, Precedence.BIT_OR)
    closed = bench.target.parenthesised(left, right)
    splices = (
        Splice(*bench.target.span(left), bench.fragment(right).fit(Precedence.NAMED if closed[0] else slots[0])),
        Splice(*bench.target.span(right), bench.fragment(left).fit(Precedence.NAMED if closed[1] else slots[1])),
    )
    return Edit(splices, note("swap", bench.target.source(left), bench.target.source(right), site.node))


def _plain_comparison(node: ast.expr) -> bool:
    return isinstance(node, ast.Compare) and len(node.ops) == 1


# ── shrinking ─────────────────────────────────────────────────────────────────────────────────
def replace_by_part(bench: Bench) -> Edit | None:
    """``a * b + c`` becomes ``a * b``, or ``b``."""
    if not bench.target.composite:
        return None
    site = bench.pick(bench.target.composite)
    parts = _parts(site, bench.target)
    return bench.replace("part", site, bench.fragment(bench.pick(parts).node)) if parts else None


def _parts(site: Site, target: Analysis) -> list[Site]:
    return [
        part
        for part in target.every
        if part.scope is site.scope and site.start <= part.start and part.end <= site.end and part.node is not site.node
    ]


def simplify_to_constant(bench: Bench) -> Edit | None:
    """An expression of numbers becomes a single number."""
    sites = [site for site in bench.target.numeric if not is_number(site.node)]
    return bench.replace("to constant", bench.pick(sites), number(random_constant(bench.rng))) if sites else None


# ── growing ───────────────────────────────────────────────────────────────────────────────────
def wrap_in_function(bench: Bench) -> Edit | None:
    """``e`` becomes ``np.sqrt(np.abs(e))``, ``min(e, 2)``, ``e ** 2``..."""
    site = _growable(bench)
    if site is None:
        return None
    inner = bench.fragment(site.node)
    forms = _forms(bench.target)
    template = bench.pick(forms)
    data = template.replace(b"{c}", number(random_constant(bench.rng)).fit(Precedence.UNARY))
    data = data.replace(b"{e}", inner.fit(Precedence.LAMBDA))
    return bench.replace("wrap", site, Fragment(data, Precedence.ATOM))


_PLAIN_FORMS = (b"abs({e})", b"min({e}, {c})", b"max({e}, {c})")
_NUMPY_FORMS = (
    b"{m}.abs({e})",
    b"{m}.sqrt({m}.abs({e}))",
    b"{m}.exp({e})",
    b"{m}.exp(-{m}.abs({e}))",
    b"{m}.log1p({m}.abs({e}))",
    b"{m}.square({e})",
    b"{m}.minimum({e}, {c})",
    b"{m}.maximum({e}, {c})",
    b"{m}.tanh({e})",
    b"{m}.sign({e})",
)
_MATH_FORMS = (
    b"{m}.sqrt(abs({e}))",
    b"{m}.exp(-abs({e}))",
    b"{m}.log1p(abs({e}))",
    b"{m}.tanh({e})",
)


def _forms(target: Analysis) -> tuple[bytes, ...]:
    numpy = target.modules.get("numpy")
    if numpy is not None:
        return tuple(form.replace(b"{m}", numpy.encode()) for form in _NUMPY_FORMS)
    mathematics = target.modules.get("math")
    if mathematics is not None:
        return _PLAIN_FORMS + tuple(form.replace(b"{m}", mathematics.encode()) for form in _MATH_FORMS)
    return _PLAIN_FORMS


def power(bench: Bench) -> Edit | None:
    """``e`` becomes ``e ** 2``."""
    site = _growable(bench)
    if site is None:
        return None
    exponent = number(bench.pick((2, 3, 0.5, -1.0, 1.5, 4, 5, 6)))
    base = bench.fragment(site.node).fit(Precedence.AWAIT)
    return bench.replace("power", site, Fragment(base + b" ** " + exponent.fit(Precedence.UNARY), Precedence.POWER))


_COMBINATIONS: tuple[tuple[bytes, Precedence, Precedence, Precedence], ...] = (
    # operator, its strength, slot of the left and of the right operand
    (b"+", Precedence.ARITHMETIC, Precedence.ARITHMETIC, Precedence.TERM),
    (b"-", Precedence.ARITHMETIC, Precedence.ARITHMETIC, Precedence.TERM),
    (b"*", Precedence.TERM, Precedence.TERM, Precedence.UNARY),
    (b"/", Precedence.TERM, Precedence.TERM, Precedence.UNARY),
)


def combine(bench: Bench) -> Edit | None:
    """``e`` becomes ``e - x``, ``e * x``, ``e / (x + 0.5)``, ``e + 0.1 * x``..."""
    site = _growable(bench)
    if site is None:
        return None
    other = _term(bench, site)
    token, strength, left_slot, right_slot = bench.pick(_COMBINATIONS)
    left, right = bench.fragment(site.node), _scaled(bench, other, token)
    if bench.chance(0.2):
        left, right = right, left
    data = left.fit(left_slot) + b" " + token + b" " + right.fit(right_slot)
    return bench.replace("combine", site, Fragment(data, strength))


def _scaled(bench: Bench, other: Fragment, token: bytes) -> Fragment:
    """Turn ``x`` into ``c * x`` for sums and into ``x + c`` for quotients, now and then."""
    if not bench.chance(0.5):
        return other
    constant = number(random_constant(bench.rng))
    if token == b"/":
        data = other.fit(Precedence.ARITHMETIC) + b" + " + constant.fit(Precedence.TERM)
        return Fragment(data, Precedence.ARITHMETIC)
    if token == b"*":
        return other
    return Fragment(constant.fit(Precedence.TERM) + b" * " + other.fit(Precedence.UNARY), Precedence.TERM)


def branch(bench: Bench) -> Edit | None:
    """``e`` becomes ``np.where(x < 2, e, f)`` or ``e if x < 2 else f``."""
    site = _growable(bench)
    if site is None:
        return None
    condition = _condition(bench, site)
    kept, other = bench.fragment(site.node), _variation(bench, site)
    if bench.chance(0.3):
        kept, other = other, kept
    numpy = bench.target.modules.get("numpy")
    if numpy is not None and bench.chance(0.85):
        arguments = b", ".join((condition, kept.fit(Precedence.LAMBDA), other.fit(Precedence.LAMBDA)))
        return bench.replace("where", site, Fragment(numpy.encode() + b".where(" + arguments + b")", Precedence.ATOM))
    data = kept.fit(Precedence.OR) + b" if " + condition + b" else " + other.fit(Precedence.LAMBDA)
    return bench.replace("conditional", site, Fragment(data, Precedence.TERNARY))


def _condition(bench: Bench, site: Site) -> bytes:
    """Return ``x < c`` or, less often, a comparison of two terms."""
    left = _term(bench, site)
    right = number(random_constant(bench.rng)) if bench.chance(0.6) else _term(bench, site)
    token = bench.pick(_COMMON_ORDERINGS)
    return left.fit(Precedence.BIT_OR) + b" " + token + b" " + right.fit(Precedence.BIT_OR)


def _variation(bench: Bench, site: Site) -> Fragment:
    """Return something to choose instead of ``site``: the same scaled or shifted, or another term."""
    if bench.chance(0.5):
        return _term(bench, site)
    constant = number(random_constant(bench.rng))
    own = bench.fragment(site.node)
    if bench.chance(0.5):
        return Fragment(own.fit(Precedence.TERM) + b" * " + constant.fit(Precedence.UNARY), Precedence.TERM)
    token = bench.pick((b" + ", b" - "))
    return Fragment(own.fit(Precedence.ARITHMETIC) + token + constant.fit(Precedence.TERM), Precedence.ARITHMETIC)


def _growable(bench: Bench) -> Site | None:
    """Return an expression to grow; whole returned and assigned values twice as often."""
    if not bench.target.numeric:
        return None
    site = bench.pick(bench.target.numeric)
    if not site.root and bench.chance(0.3):
        roots = [other for other in bench.target.numeric if other.root]
        site = bench.pick(roots) if roots else site
    return site if site.end - site.start <= _MAX_GROWTH_BYTES else None


def _term(bench: Bench, site: Site) -> Fragment:
    """Return a name in scope, another expression of the same scope, or a constant."""
    draw = bench.rng.random()
    if draw < 0.55:
        name = _name(bench, site)
        if name is not None:
            return name
    if draw < 0.8:
        same = _peers(bench.target, site)
        if same:
            return bench.fragment(bench.pick(same).node)
    return number(random_constant(bench.rng))


def _peers(target: Analysis, site: Site) -> list[Site]:
    """Return short expressions of the same scope that end before ``site`` or lie inside it."""
    return [
        other
        for other in target.numeric
        if other.scope is site.scope and other.end <= site.end and other.end - other.start <= 60
    ]


def _name(bench: Bench, site: Site) -> Fragment | None:
    own = site.node.id if isinstance(site.node, ast.Name) else ""
    names = [name for name in site.scope.visible_values(site.start) if name != own and not name.startswith("__")]
    return Fragment(bench.pick(names).encode(), Precedence.ATOM) if names else None


# ── transplanting ─────────────────────────────────────────────────────────────────────────────
def transplant_expression(bench: Bench) -> Edit | None:
    """An expression is replaced by one of an inspiration, or of this file, whose names are bound here."""
    donors = bench.donors()
    donor = bench.pick(donors) if donors and bench.chance(0.85) else bench.target
    if not bench.target.every or not donor.every:
        return None
    site = bench.pick(bench.target.every)
    for _ in range(4):
        source = bench.pick(donor.every)
        data = donor.source(source.node)
        if len(data) <= _MAX_GROWTH_BYTES and _transplantable(site, source, bench.target, data):
            return bench.replace("transplant", site, Fragment(data, precedence(source.node)))
    return None


def _transplantable(site: Site, source: Site, target: Analysis, data: bytes) -> bool:
    if site.sizes != source.sizes or data == target.data[site.start : site.end]:
        return False
    if _is_condition(site.node) != _is_condition(source.node):
        return False
    return names_bound(source.node, site.scope, site.start)


def _is_condition(node: ast.expr) -> bool:
    return isinstance(node, ast.Compare | ast.BoolOp) or (
        isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)
    )
