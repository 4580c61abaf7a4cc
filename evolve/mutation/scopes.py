"""Which names a piece of Python may use where it stands."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator
from dataclasses import dataclass, field

BUILTINS = frozenset(dir(builtins))
_ALL = 1 << 60
_NEVER = _ALL + 1


@dataclass(slots=True)
class Scope:
    """A module, class, function, lambda or comprehension while its names are gathered.

    Args:
        outer: the scope around it, None for the module.
        hidden: a class body, whose names nested functions do not see.
        immediate: it runs where it stands (comprehension, class body), so what the scopes around
            bind further down is not bound yet.
        values: names of data -> byte offset from which they are bound, in source order.
        others: modules, functions and classes -> byte offset from which they are bound.
    """

    outer: Scope | None = None
    hidden: bool = False
    immediate: bool = False
    values: dict[str, int] = field(default_factory=dict)
    others: dict[str, int] = field(default_factory=dict)

    def bind_value(self, name: str, offset: int) -> None:
        """Note that data is bound to ``name`` from ``offset`` on; the first binding counts."""
        self.values.setdefault(name, offset)

    def bind_other(self, name: str, offset: int) -> None:
        """Note that a module, function or class is bound to ``name``."""
        self.others.setdefault(name, offset)

    def visible_values(self, offset: int) -> list[str]:
        """Return the names of data bound at ``offset``, innermost scope first."""
        names: list[str] = []
        for scope, limit in self._reach(offset):
            names.extend(name for name, since in scope.values.items() if since <= limit and name not in names)
        return names

    def binds(self, name: str, offset: int) -> bool:
        """Whether ``name`` means something at ``offset``."""
        for scope, limit in self._reach(offset):
            if scope.values.get(name, _NEVER) <= limit or scope.others.get(name, _NEVER) <= limit:
                return True
        return name in BUILTINS

    def _reach(self, offset: int) -> Iterator[tuple[Scope, int]]:
        """Yield the scopes that code at ``offset`` sees, each with the offset up to which it has run."""
        scope: Scope | None = self
        limit = offset
        while scope is not None:
            if scope is self or not scope.hidden:
                yield scope, limit
            limit = limit if scope.immediate else _ALL
            scope = scope.outer

    def is_value(self, name: str) -> bool:
        """Whether ``name`` is known as data here or in a scope around."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.values:
                return True
            scope = scope.outer
        return False


def free_names(node: ast.AST) -> list[str]:
    """Return the names that ``node`` reads and does not bind itself, in a stable order."""
    read: list[str] = []
    bound: list[str] = []
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name):
            (read if isinstance(inner.ctx, ast.Load) else bound).append(inner.id)
        elif isinstance(inner, ast.arg):
            bound.append(inner.arg)
    return [name for name in dict.fromkeys(read) if name not in bound]


def names_bound(node: ast.AST, scope: Scope, offset: int) -> bool:
    """Whether everything ``node`` reads is bound at ``offset`` of ``scope``."""
    return all(scope.binds(name, offset) for name in free_names(node))
