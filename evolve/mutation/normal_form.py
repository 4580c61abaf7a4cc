"""The normal form of a Python file: equal for texts that only look different.

Layout, comments, docstrings, quotes, the spelling of numbers (``1_000`` and ``1000``) and the names of
local variables and nested functions do not matter. Everything else does: values, operators, the order
of statements, and the names of globals, attributes, classes, imports and parameters, since others
may use them.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache

_SKIPPED = frozenset({"ctx", "type_comment", "type_ignores", "kind"})
_LOOKS_AT_NAMES = frozenset({"locals", "vars", "eval", "exec", "dir"})
_LOOKS_AT_DOCSTRINGS = ("__doc__", "getdoc")
_NOTHING = "~"

Function = ast.FunctionDef | ast.AsyncFunctionDef
Comprehension = ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp


def python_tokens(text: str) -> list[str]:
    """Return the normal form as a list of words: two texts have equal lists exactly if they are the
    same program as described above. Raises one of python_analysis.UNPARSABLE."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = ast.parse(text)
    walker = _Walker(docstrings=any(word in text for word in _LOOKS_AT_DOCSTRINGS))
    walker.node(tree)
    return walker.named()


@dataclass(slots=True, eq=False)
class _Scope:
    """A place with names of its own.

    Args:
        outer: the scope around it; None for the module.
        renamable: a function, lambda or comprehension; the names of modules and classes can be seen
            from elsewhere.
        hidden: a class, whose names scopes inside do not see.
        immediate: a comprehension; ``:=`` in it binds in the scope around.
        bound: names that are assigned in it.
        fixed: those of them that may not be renamed.
        others: names declared ``global`` or ``nonlocal`` -> whether they are global.
    """

    outer: _Scope | None
    renamable: bool = False
    hidden: bool = False
    immediate: bool = False
    bound: set[str] = field(default_factory=set)
    fixed: set[str] = field(default_factory=set)
    others: dict[str, bool] = field(default_factory=dict)

    def owner(self, name: str) -> _Scope | None:
        """Return the scope that a name is a renamable local of, None if there is none."""
        scope: _Scope | None = self
        while scope is not None:
            if not scope.hidden or scope is self:
                if scope.others.get(name):
                    return None
                if name in scope.bound and name not in scope.others:
                    return scope if scope.renamable and name not in scope.fixed else None
            scope = scope.outer
        return None


class _Walker:
    """Writes a tree down; names are filled in at the end, when it is known who binds them."""

    def __init__(self, *, docstrings: bool) -> None:
        self._docstrings = docstrings
        self._words: list[str] = []
        self._names: list[tuple[int, _Scope]] = []
        self._scope = _Scope(None)
        self._rename = True
        self._special: dict[type[ast.AST], Callable[..., None]] = {
            ast.Name: self._name,
            ast.Constant: self._constant,
            ast.FunctionDef: self._function,
            ast.AsyncFunctionDef: self._function,
            ast.Lambda: self._lambda,
            ast.ClassDef: self._class,
            ast.Module: self._module,
            ast.ListComp: self._comprehension,
            ast.SetComp: self._comprehension,
            ast.GeneratorExp: self._comprehension,
            ast.DictComp: self._comprehension,
            ast.NamedExpr: self._walrus,
            ast.Import: self._import,
            ast.ImportFrom: self._import,
            ast.Global: self._declaration,
            ast.Nonlocal: self._declaration,
            ast.ExceptHandler: self._handler,
            ast.MatchAs: self._capture,
            ast.MatchStar: self._capture,
            ast.MatchMapping: self._capture,
        }

    def named(self) -> list[str]:
        """Return the words, each renamable name replaced by its number in order of appearance."""
        words = self._words
        if self._rename:
            numbers: dict[tuple[int, str], str] = {}
            for place, scope in self._names:
                owner = scope.owner(words[place])
                if owner is not None:
                    words[place] = numbers.setdefault((id(owner), words[place]), f"${len(numbers)}")
        return words

    def node(self, node: ast.AST) -> None:
        kind = type(node)
        self._words.append(kind.__name__)
        special = self._special.get(kind)
        if special is not None:
            special(node)
        else:
            self._fields(node, _kept(kind._fields))

    def _fields(self, node: ast.AST, names: Sequence[str]) -> None:
        values = vars(node)
        for name in names:
            self._value(values[name])

    def _value(self, value: object) -> None:
        if isinstance(value, ast.AST):
            self.node(value)
        elif type(value) is list:
            self._words.append(f"[{len(value)}")
            for item in value:
                self._value(item)
        else:
            self._words.append(_NOTHING if value is None else str(value))

    # ── names ─────────────────────────────────────────────────────────────────────────────────
    def _bind(self, name: str | None, scope: _Scope | None = None) -> None:
        if name is None:
            self._words.append(_NOTHING)
            return
        scope = scope or self._scope
        scope.bound.add(name)
        self._mention(name, scope)

    def _mention(self, name: str, scope: _Scope) -> None:
        self._names.append((len(self._words), scope))
        self._words.append(name)

    def _name(self, node: ast.Name) -> None:
        if type(node.ctx) is not ast.Load:
            self._scope.bound.add(node.id)
        elif node.id in _LOOKS_AT_NAMES:
            self._rename = False
        self._mention(node.id, self._scope)

    def _walrus(self, node: ast.NamedExpr) -> None:
        scope = self._scope
        while scope.immediate and scope.outer is not None:
            scope = scope.outer
        self._bind(node.target.id, scope)
        self.node(node.value)

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        for alias in node.names:
            bound = alias.asname or alias.name.partition(".")[0]
            self._scope.bound.add(bound)
            self._scope.fixed.add(bound)
        self._fields(node, _kept(node._fields))

    def _declaration(self, node: ast.Global | ast.Nonlocal) -> None:
        is_global = isinstance(node, ast.Global)
        self._words.append(f"[{len(node.names)}")
        for name in node.names:
            self._scope.others[name] = is_global
            self._mention(name, self._scope)

    def _handler(self, node: ast.ExceptHandler) -> None:
        self._value(node.type)
        self._bind(node.name)
        self._value(node.body)

    def _capture(self, node: ast.MatchAs | ast.MatchStar | ast.MatchMapping) -> None:
        if isinstance(node, ast.MatchMapping):
            self._fields(node, ("keys", "patterns"))
            self._bind(node.rest)
            return
        if isinstance(node, ast.MatchAs):
            self._value(node.pattern)
        self._bind(node.name)

    def _constant(self, node: ast.Constant) -> None:
        self._words.append(repr(node.value))

    # ── scopes ────────────────────────────────────────────────────────────────────────────────
    def _inside(self, scope: _Scope, work: Callable[[], None]) -> None:
        before, self._scope = self._scope, scope
        work()
        self._scope = before

    def _module(self, node: ast.Module) -> None:
        self._body(node.body)

    def _function(self, node: Function) -> None:
        self._bind(node.name)
        before = [name for name in _kept(node._fields) if name not in ("name", "body")]
        self._fields(node, before)
        scope = _function_scope(self._scope, node.args)
        self._inside(scope, lambda: self._body(node.body))

    def _lambda(self, node: ast.Lambda) -> None:
        self.node(node.args)
        self._inside(_function_scope(self._scope, node.args), lambda: self.node(node.body))

    def _class(self, node: ast.ClassDef) -> None:
        self._scope.fixed.add(node.name)
        self._bind(node.name)
        self._fields(node, [name for name in _kept(node._fields) if name not in ("name", "body")])
        self._inside(_Scope(self._scope, hidden=True), lambda: self._body(node.body))

    def _comprehension(self, node: Comprehension) -> None:
        """The first iterable belongs to the scope around."""
        first = node.generators[0]
        self.node(first.iter)
        self._inside(_Scope(self._scope, renamable=True, immediate=True), lambda: self._generators(node))

    def _generators(self, node: Comprehension) -> None:
        self._words.append(f"[{len(node.generators)}")
        for generator in node.generators:
            self.node(generator.target)
            if generator is not node.generators[0]:
                self.node(generator.iter)
            self._fields(generator, ("ifs", "is_async"))
        for result in [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]:
            self._value(result)

    def _body(self, body: list[ast.stmt]) -> None:
        skipped = 1 if body and not self._docstrings and _is_docstring(body[0]) else 0
        self._value(body[skipped:])


@cache
def _kept(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in names if name not in _SKIPPED)


def _function_scope(outer: _Scope, signature: ast.arguments) -> _Scope:
    named = [*signature.posonlyargs, *signature.args, *signature.kwonlyargs, signature.vararg, signature.kwarg]
    parameters = {argument.arg for argument in named if argument is not None}
    return _Scope(outer, renamable=True, bound=parameters, fixed=set(parameters))


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
