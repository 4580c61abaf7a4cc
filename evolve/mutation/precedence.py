"""How tightly Python expressions bind, so that text can be spliced without changing its meaning."""

from __future__ import annotations

import ast
from enum import IntEnum


class Precedence(IntEnum):
    """Binding strength, weakest first. An expression may stand without parentheses in a slot that
    asks for at most its own strength."""

    NAMED = 0
    TUPLE = 1
    LAMBDA = 2
    TERNARY = 3
    OR = 4
    AND = 5
    NOT = 6
    COMPARE = 7
    BIT_OR = 8
    BIT_XOR = 9
    BIT_AND = 10
    SHIFT = 11
    ARITHMETIC = 12
    TERM = 13
    UNARY = 14
    POWER = 15
    AWAIT = 16
    NUMBER = 17
    """Apart from ATOM because ``1.real`` is not ``(1).real``."""
    ATOM = 18


OPERATOR_PRECEDENCE: dict[type[ast.AST], Precedence] = {
    ast.Add: Precedence.ARITHMETIC,
    ast.Sub: Precedence.ARITHMETIC,
    ast.Mult: Precedence.TERM,
    ast.Div: Precedence.TERM,
    ast.FloorDiv: Precedence.TERM,
    ast.Mod: Precedence.TERM,
    ast.MatMult: Precedence.TERM,
    ast.Pow: Precedence.POWER,
    ast.LShift: Precedence.SHIFT,
    ast.RShift: Precedence.SHIFT,
    ast.BitAnd: Precedence.BIT_AND,
    ast.BitXor: Precedence.BIT_XOR,
    ast.BitOr: Precedence.BIT_OR,
    ast.And: Precedence.AND,
    ast.Or: Precedence.OR,
}

_NODE_PRECEDENCE: dict[type[ast.AST], Precedence] = {
    ast.NamedExpr: Precedence.NAMED,
    ast.Yield: Precedence.NAMED,
    ast.YieldFrom: Precedence.NAMED,
    ast.Tuple: Precedence.TUPLE,
    ast.Lambda: Precedence.LAMBDA,
    ast.IfExp: Precedence.TERNARY,
    ast.Compare: Precedence.COMPARE,
    ast.Await: Precedence.AWAIT,
    ast.Starred: Precedence.NAMED,
}


def precedence(node: ast.expr) -> Precedence:
    """Return how tightly ``node`` binds when written without parentheses around it."""
    match node:
        case ast.BinOp(op=op) | ast.BoolOp(op=op):
            return OPERATOR_PRECEDENCE[type(op)]
        case ast.UnaryOp(op=ast.Not()):
            return Precedence.NOT
        case ast.UnaryOp():
            return Precedence.UNARY
        case ast.Constant(value=value) if type(value) in (int, float, complex):
            return Precedence.NUMBER
    return _NODE_PRECEDENCE.get(type(node), Precedence.ATOM)


def operand_slots(operator: ast.operator) -> tuple[Precedence, Precedence]:
    """Return what the left and right operand of a binary operator must at least be."""
    return _OPERAND_SLOTS[type(operator)]


_OPERAND_SLOTS: dict[type[ast.AST], tuple[Precedence, Precedence]] = {
    operator: (strength, Precedence(strength + 1)) for operator, strength in OPERATOR_PRECEDENCE.items()
} | {ast.Pow: (Precedence.AWAIT, Precedence.UNARY)}
