"""The text of a function, for a file of its own: nothing outside it may be needed."""

from __future__ import annotations

import ast
import builtins
import inspect
import symtable
import textwrap
from collections.abc import Callable, Iterator
from types import FunctionType, ModuleType
from typing import Any

from evolve.errors import ProblemError

_ALWAYS = frozenset(dir(builtins)) | {"__name__", "__file__"}


def text_of(function: Callable[..., Any], what: str, given: frozenset[str] = frozenset()) -> str:
    """Return the lines of a function, comments included, without its decorators.

    ``given`` are names that the file will have. Raises ProblemError, which says what to do, for what is no plain
    function, has no source, or needs a name from outside.
    """
    if not isinstance(function, FunctionType) or function.__name__ == "<lambda>":
        raise ProblemError(f"{what}: expected a function made with def, found {function!r:.80}.")
    lines = textwrap.dedent("".join(_lines(function, what))).splitlines(keepends=True)
    node = ast.parse("".join(lines)).body[0]
    if not isinstance(node, ast.FunctionDef):
        raise ProblemError(f"{what}: expected a function made with def, found {type(node).__name__}.")
    text = "".join(lines[node.lineno - 1 :])
    outside = sorted(_names(node) - _ALWAYS - given - {node.name})
    if outside:
        told = "\n".join(f"  {name}: {_advice(function, name)}" for name in outside)
        raise ProblemError(
            f"{what}: {function.__name__} is written to a file of its own, and needs what is outside it:\n{told}"
        )
    return text if text.endswith("\n") else text + "\n"


def _lines(function: FunctionType, what: str) -> list[str]:
    try:
        return inspect.getsourcelines(function)[0]
    except (OSError, TypeError) as error:
        raise ProblemError(
            f"{what}: the source of {function.__name__} cannot be read ({error}). Functions of files and of notebook "
            "cells (Jupyter, IPython) have one; one typed at the plain Python prompt or made by exec has none: put it "
            "into a file, or write a problem folder with `evolve new NAME`."
        ) from error


def _names(node: ast.FunctionDef) -> set[str]:
    """Return the names that a function takes from outside; annotations are not needed when it runs."""
    node.decorator_list = []
    for part in ast.walk(node):
        if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef):
            part.returns = None
        elif isinstance(part, ast.arg):
            part.annotation = None
    return set(_globals(symtable.symtable(ast.unparse(node), "function", "exec")))


def _globals(table: symtable.SymbolTable) -> Iterator[str]:
    for symbol in table.get_symbols():
        at_top = table.get_type() == "module" and symbol.is_referenced() and not symbol.is_assigned()
        if symbol.is_referenced() and (symbol.is_global() or at_top):
            yield symbol.get_name()
    for inner in table.get_children():
        yield from _globals(inner)


def _advice(function: FunctionType, name: str) -> str:
    found = _value(function, name)
    if isinstance(found, ModuleType):
        line = f"import {found.__name__}" + ("" if found.__name__ == name else f" as {name}")
        return f"write `{line}` inside the function"
    if callable(found):
        module = getattr(found, "__module__", None)
        if module not in (None, "__main__", function.__module__) and getattr(found, "__name__", "") == name:
            return f"write `from {module} import {name}` inside the function"
        return "define it inside the function"
    if found is None:
        return "it is not known here either"
    return "set it inside the function, or pass it as a parameter (params=...)"


def _value(function: FunctionType, name: str) -> object:
    closed = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=False))
    if name in closed:
        try:
            return closed[name].cell_contents
        except ValueError:  # not bound yet
            return None
    return function.__globals__.get(name)
