"""Walks the syntax tree of a Python file once and files every place that can be edited."""

from __future__ import annotations

import ast
import warnings
from collections import OrderedDict
from collections.abc import Callable, Sequence

from evolve.domain.blocks import editable_regions, split_lines
from evolve.mutation.precedence import OPERATOR_PRECEDENCE, Precedence, operand_slots
from evolve.mutation.python_sites import Analysis, Augmented, Line, Operand, Site, is_number, number_value
from evolve.mutation.scopes import BUILTINS, Scope

UNPARSABLE = (SyntaxError, ValueError, RecursionError, MemoryError)
"""What parsing or compiling a text that is not a program may raise."""

LARGEST = 1e15
"""Numbers beyond this are bit masks and sentinels, not something to tune."""

_SIZE_CALLS = frozenset({"range", "zeros", "ones", "empty", "full", "reshape", "arange", "linspace", "eye", "islice"})
_SIZE_KEYWORDS = frozenset({"axis", "shape", "size", "ndmin", "ndigits"})
_ORDERINGS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq)
_FIXED_STATEMENTS = (
    ast.Import,
    ast.ImportFrom,
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
    ast.Global,
    ast.Nonlocal,
    ast.Pass,
)


def analyse(text: str) -> Analysis:
    """Find every place of ``text`` that may be edited.

    Raises one of UNPARSABLE when the text is not Python.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = ast.parse(text)
    data = text.encode("utf-8")
    lines = split_lines(text)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + (len(line) if line.isascii() else len(line.encode("utf-8"))))
    newline = b"\r\n" if lines and lines[0].endswith("\r\n") else b"\n"
    analysis = Analysis(data, starts, newline=newline)
    regions = [(starts[region.first], starts[region.stop]) for region in editable_regions(text)]
    _Walker(analysis, regions).module(tree)
    return analysis


class AnalysisCache:
    """Remembers the analyses of the files used last; None for a text that is not Python."""

    def __init__(self, capacity: int = 128) -> None:
        self._capacity = capacity
        self._known: OrderedDict[str, Analysis | None] = OrderedDict()

    def get(self, text: str) -> Analysis | None:
        """Return the analysis of ``text``."""
        if text in self._known:
            self._known.move_to_end(text)
            return self._known[text]
        analysis = _analysis_or_none(text)
        self._known[text] = analysis
        if len(self._known) > self._capacity:
            self._known.popitem(last=False)
        return analysis


def _analysis_or_none(text: str) -> Analysis | None:
    try:
        return analyse(text)
    except UNPARSABLE:
        return None


class _Walker:
    """Walks a tree once and files what it finds in the analysis."""

    def __init__(self, analysis: Analysis, regions: Sequence[tuple[int, int]]) -> None:
        self._found = analysis
        self._regions = regions
        self._starts = analysis.starts
        self._blocks = 0
        self._scope = Scope()
        self._names: list[Site] = []
        self._expressions: dict[type[ast.AST], Callable[..., None]] = {
            ast.BinOp: self._binary,
            ast.BoolOp: self._boolean,
            ast.UnaryOp: self._unary,
            ast.Compare: self._compare,
            ast.Call: self._call,
            ast.IfExp: self._conditional,
            ast.Subscript: self._subscript,
            ast.Attribute: self._attribute,
            ast.Tuple: self._elements,
            ast.List: self._elements,
            ast.Set: self._elements,
            ast.Dict: self._dict,
            ast.Lambda: self._lambda,
            ast.ListComp: self._comprehension,
            ast.SetComp: self._comprehension,
            ast.GeneratorExp: self._comprehension,
            ast.DictComp: self._comprehension,
            ast.NamedExpr: self._walrus,
            ast.Starred: self._starred,
            ast.Await: self._await,
            ast.Yield: self._yield,
            ast.YieldFrom: self._yield,
        }
        self._statements: dict[type[ast.AST], Callable[..., None]] = {
            ast.FunctionDef: self._function,
            ast.AsyncFunctionDef: self._function,
            ast.ClassDef: self._class,
            ast.Import: self._import,
            ast.ImportFrom: self._import,
            ast.Assign: self._assign,
            ast.AnnAssign: self._annotated,
            ast.AugAssign: self._augmented,
            ast.For: self._for,
            ast.AsyncFor: self._for,
            ast.While: self._test,
            ast.If: self._test,
            ast.Assert: self._test,
            ast.With: self._with,
            ast.AsyncWith: self._with,
            ast.Return: self._value,
            ast.Expr: self._value,
            ast.Try: self._try,
            ast.Match: self._match,
        }
        if "TryStar" in vars(ast):
            self._statements[ast.TryStar] = self._try

    def module(self, tree: ast.Module) -> None:
        self._body(tree.body)
        known = [site for site in self._names if self._is_data(site)]
        self._found.every.extend(known)
        self._found.numeric.extend(known)

    @staticmethod
    def _is_data(site: Site) -> bool:
        assert isinstance(site.node, ast.Name)
        name = site.node.id
        return site.scope.is_value(name) or not (name in BUILTINS or site.scope.binds(name, site.start))

    # ── statements ────────────────────────────────────────────────────────────────────────────
    def _body(self, body: Sequence[ast.stmt]) -> None:
        block = self._blocks
        self._blocks += 1
        for place, node in enumerate(body):
            if not (place == 0 and _is_docstring(node)):
                self._line(node, block, place, alone=len(body) == 1)
                visit = self._statements.get(type(node))
                if visit is not None:
                    visit(node)

    def _line(self, node: ast.stmt, block: int, place: int, *, alone: bool) -> None:
        if isinstance(node, _FIXED_STATEMENTS):
            return
        start, end = self._found.span(node)
        first = self._starts[node.lineno - 1]
        stop = self._starts[node.end_lineno or node.lineno]
        data = self._found.data
        tail = data[end:stop].lstrip()
        if data[first:start].strip() or (tail and not tail.startswith(b"#")) or not self._editable(first, stop):
            return
        self._found.lines.append(Line(node, start, end, first, stop, block, place, alone, self._scope))

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._scope.bind_other(node.name, self._found.span(node)[0])
        self._enter(Scope(self._scope), node.args, lambda: self._body(node.body))

    def _class(self, node: ast.ClassDef) -> None:
        self._scope.bind_other(node.name, self._found.span(node)[0])
        self._enter(Scope(self._scope, hidden=True, immediate=True), None, lambda: self._body(node.body))

    def _enter(self, scope: Scope, signature: ast.arguments | None, visit: Callable[[], None]) -> None:
        for argument in _arguments(signature):
            scope.bind_value(argument, 0)
        before, self._scope = self._scope, scope
        visit()
        self._scope = before

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        end = self._found.span(node)[1]
        for alias in node.names:
            bound = alias.asname or alias.name.partition(".")[0]
            self._scope.bind_other(bound, end)
            if isinstance(node, ast.Import) and self._scope.outer is None and (alias.asname or "." not in alias.name):
                self._found.modules.setdefault(alias.name, bound)

    def _assign(self, node: ast.Assign) -> None:
        self._expression(node.value, Precedence.TUPLE, root=True)
        end = self._found.span(node)[1]
        for target in node.targets:
            self._target(target, end)

    def _annotated(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self._expression(node.value, Precedence.TUPLE, root=True)
            self._target(node.target, self._found.span(node)[1])

    def _augmented(self, node: ast.AugAssign) -> None:
        start, end = self._found.span(node)
        if self._editable(start, end):
            self._found.augmented.append(Augmented(node, start, end))
        self._expression(node.value, Precedence.TUPLE, root=True)
        self._target(node.target, end)

    def _for(self, node: ast.For | ast.AsyncFor) -> None:
        self._expression(node.iter, Precedence.TUPLE)
        self._target(node.target, self._found.span(node.iter)[1])
        self._body(node.body)
        self._body(node.orelse)

    def _test(self, node: ast.If | ast.While | ast.Assert) -> None:
        self._expression(node.test, Precedence.LAMBDA)
        if not isinstance(node, ast.Assert):
            self._body(node.body)
            self._orelse(node.orelse)

    def _orelse(self, body: Sequence[ast.stmt]) -> None:
        if len(body) == 1 and isinstance(body[0], ast.If) and self._is_elif(body[0]):
            self._test(body[0])
        else:
            self._body(body)

    def _is_elif(self, node: ast.If) -> bool:
        start = self._found.span(node)[0]
        return self._found.data.startswith(b"elif", start)

    def _with(self, node: ast.With | ast.AsyncWith) -> None:
        for item in node.items:
            if item.optional_vars is not None:
                self._target(item.optional_vars, self._found.span(item.context_expr)[1])
        self._body(node.body)

    def _value(self, node: ast.Return | ast.Expr) -> None:
        if node.value is not None:
            self._expression(node.value, Precedence.TUPLE, root=isinstance(node, ast.Return))

    def _try(self, node: ast.Try | ast.TryStar) -> None:
        self._body(node.body)
        for handler in node.handlers:
            if handler.name is not None and handler.body:
                self._scope.bind_value(handler.name, self._found.span(handler.body[0])[0])
            self._body(handler.body)
        self._body(node.orelse)
        self._body(node.finalbody)

    def _match(self, node: ast.Match) -> None:
        self._expression(node.subject, Precedence.LAMBDA)
        for case in node.cases:
            for pattern in ast.walk(case.pattern):
                if isinstance(pattern, ast.MatchAs | ast.MatchStar) and pattern.name is not None:
                    self._scope.bind_value(pattern.name, self._starts[pattern.lineno - 1] + pattern.col_offset)
            if case.guard is not None:
                self._expression(case.guard, Precedence.LAMBDA)
            self._body(case.body)

    def _target(self, node: ast.expr, bound_from: int) -> None:
        """Bind what an assignment binds; the indices inside of targets are ordinary expressions."""
        if isinstance(node, ast.Name):
            self._scope.bind_value(node.id, bound_from)
        elif isinstance(node, ast.Tuple | ast.List):
            for element in node.elts:
                self._target(element, bound_from)
        elif isinstance(node, ast.Starred):
            self._target(node.value, bound_from)
        elif isinstance(node, ast.Subscript):
            self._slice(node.slice)

    # ── expressions ───────────────────────────────────────────────────────────────────────────
    def _editable(self, start: int, end: int) -> bool:
        for first, stop in self._regions:  # noqa: SIM110 - asked for every node, and any() costs twice as much
            if first <= start and end <= stop:
                return True
        return False

    def _expression(self, node: ast.expr, slot: Precedence, *, sizes: bool = False, root: bool = False) -> None:
        start, end = self._found.span(node)
        site = Site(node, start, end, slot, self._scope, sizes, root)
        editable = self._editable(start, end)
        kind = type(node)
        if kind is ast.Name:
            if editable and not sizes:
                self._names.append(site)
        elif is_number(node):
            if editable:
                self._number(site)
        elif kind in self._expressions:
            self._expressions[kind](node, site, editable)

    def _number(self, site: Site) -> None:
        value = number_value(site.node)
        if not abs(value) <= LARGEST:
            return
        if site.sizes and isinstance(value, float):
            site = site._replace(sizes=False)
        self._found.numbers.append(site)
        self._found.every.append(site)
        if not site.sizes:
            self._found.numeric.append(site)

    def _note(self, site: Site, *, numeric: bool) -> None:
        self._found.every.append(site)
        self._found.composite.append(site)
        if numeric and not site.sizes:
            self._found.numeric.append(site)

    def _binary(self, node: ast.BinOp, site: Site, editable: bool) -> None:
        if editable:
            self._note(site, numeric=True)
            self._found.arithmetic.append(Operand(site, node.op, node.left, node.right))
        left, right = operand_slots(node.op)
        self._expression(node.left, left, sizes=site.sizes)
        self._expression(node.right, right, sizes=site.sizes)

    def _boolean(self, node: ast.BoolOp, site: Site, editable: bool) -> None:
        if editable:
            self._note(site, numeric=False)
            self._found.conditions.append(site)
            self._found.booleans.append(Operand(site, node.op, node.values[0], node.values[1]))
        slot = Precedence(OPERATOR_PRECEDENCE[type(node.op)] + 1)
        for value in node.values:
            self._expression(value, slot, sizes=site.sizes)

    def _unary(self, node: ast.UnaryOp, site: Site, editable: bool) -> None:
        negation = isinstance(node.op, ast.Not)
        if editable:
            self._note(site, numeric=not negation)
            self._found.negations.append(site)
            if negation:
                self._found.conditions.append(site)
        self._expression(node.operand, Precedence.NOT if negation else Precedence.UNARY, sizes=site.sizes)

    def _compare(self, node: ast.Compare, site: Site, editable: bool) -> None:
        operands = [node.left, *node.comparators]
        if editable:
            self._note(site, numeric=False)
            self._found.conditions.append(site)
            for left, operator, right in zip(operands, node.ops, operands[1:], strict=False):
                if isinstance(operator, _ORDERINGS):
                    self._found.orderings.append(Operand(site, operator, left, right))
        for operand in operands:
            self._expression(operand, Precedence.BIT_OR, sizes=site.sizes)

    def _call(self, node: ast.Call, site: Site, editable: bool) -> None:
        if editable:
            self._note(site, numeric=True)
        sizes = site.sizes or _called_name(node.func) in _SIZE_CALLS
        if isinstance(node.func, ast.Attribute):
            self._attribute(node.func, site, False)
        elif not isinstance(node.func, ast.Name):
            self._expression(node.func, Precedence.ATOM)
        for argument in node.args:
            self._expression(argument, Precedence.LAMBDA, sizes=sizes)
        for keyword in node.keywords:
            self._expression(keyword.value, Precedence.LAMBDA, sizes=sizes or keyword.arg in _SIZE_KEYWORDS)

    def _conditional(self, node: ast.IfExp, site: Site, editable: bool) -> None:
        if editable:
            self._note(site, numeric=True)
        self._expression(node.body, Precedence.OR, sizes=site.sizes)
        self._expression(node.test, Precedence.OR)
        self._expression(node.orelse, Precedence.LAMBDA, sizes=site.sizes)

    def _subscript(self, node: ast.Subscript, site: Site, editable: bool) -> None:
        if editable:
            self._note(site, numeric=True)
        if not isinstance(node.value, ast.Name):
            self._expression(node.value, Precedence.ATOM, sizes=site.sizes)
        self._slice(node.slice)

    def _slice(self, node: ast.expr) -> None:
        parts = node.elts if isinstance(node, ast.Tuple) else [node]
        for part in parts:
            if isinstance(part, ast.Slice):
                for bound in (part.lower, part.upper, part.step):
                    if bound is not None:
                        self._expression(bound, Precedence.LAMBDA, sizes=True)
            else:
                self._expression(part, Precedence.LAMBDA, sizes=True)

    def _attribute(self, node: ast.Attribute, site: Site, editable: bool) -> None:
        if editable:
            self._found.every.append(site)
            if not site.sizes:
                self._found.numeric.append(site)
        if not isinstance(node.value, ast.Name | ast.Attribute):
            self._expression(node.value, Precedence.ATOM)

    def _elements(self, node: ast.Tuple | ast.List | ast.Set, site: Site, _editable: bool) -> None:
        for element in node.elts:
            self._expression(element, Precedence.LAMBDA, sizes=site.sizes)

    def _dict(self, node: ast.Dict, _site: Site, _editable: bool) -> None:
        for value in node.values:
            self._expression(value, Precedence.BIT_OR)

    def _lambda(self, node: ast.Lambda, _site: Site, _editable: bool) -> None:
        self._enter(Scope(self._scope), node.args, lambda: self._expression(node.body, Precedence.LAMBDA))

    def _comprehension(self, node: _Comprehension, site: Site, editable: bool) -> None:
        if editable and not isinstance(node, ast.GeneratorExp):
            self._found.every.append(site)
        before, self._scope = self._scope, Scope(self._scope, immediate=True)
        for generator in node.generators:
            self._expression(generator.iter, Precedence.OR)
            self._target(generator.target, 0)
            for condition in generator.ifs:
                self._expression(condition, Precedence.OR)
        for result in [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]:
            self._expression(result, Precedence.LAMBDA)
        self._scope = before

    def _walrus(self, node: ast.NamedExpr, _site: Site, _editable: bool) -> None:
        self._expression(node.value, Precedence.LAMBDA)
        self._target(node.target, self._found.span(node)[1])

    def _starred(self, node: ast.Starred, _site: Site, _editable: bool) -> None:
        self._expression(node.value, Precedence.BIT_OR)

    def _await(self, node: ast.Await, _site: Site, _editable: bool) -> None:
        self._expression(node.value, Precedence.ATOM)

    def _yield(self, node: ast.Yield | ast.YieldFrom, _site: Site, _editable: bool) -> None:
        if node.value is not None:
            self._expression(node.value, Precedence.LAMBDA)


_Comprehension = ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _arguments(signature: ast.arguments | None) -> list[str]:
    if signature is None:
        return []
    named = [*signature.posonlyargs, *signature.args, *signature.kwonlyargs]
    extra = [argument for argument in (signature.vararg, signature.kwarg) if argument is not None]
    return [argument.arg for argument in (*named, *extra)]


def _called_name(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""
