"""What each command takes, read from its source: importing a command takes longer than a person waits for a key."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path

_SHARED = "evolve.cli.options"


@dataclass(frozen=True, slots=True)
class CommandLine:
    """What a command takes.

    Args:
        arguments: names of what comes by its place, in order.
        options: name with its dashes -> whether a value follows.
        commands: its own commands, by name.
    """

    arguments: tuple[str, ...] = ()
    options: Mapping[str, bool] = field(default_factory=dict)
    commands: Mapping[str, CommandLine] = field(default_factory=dict)


def command_line(module: str, function: str) -> CommandLine:
    """Return what the command that a function of a module is takes."""
    tree = _tree(module)
    shared = {**_assigned(_tree(_SHARED)), **_assigned(tree)}
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    (own,) = [node for node in functions if node.name == function]
    inner = {name: _line(node, shared) for node in functions if (name := _name_in(node, function)) is not None}
    found = _line(own, shared)
    return CommandLine(found.arguments, found.options, inner | _added(tree, function))


@cache
def _tree(module: str) -> ast.Module:
    spec = find_spec(module)
    assert spec is not None and spec.origin is not None, f"{module} is a module of this package"
    return ast.parse(Path(spec.origin).read_text("utf-8"))


def _assigned(tree: ast.Module) -> dict[str, ast.expr]:
    """Return the values of a module's names: decorators that several commands share."""
    found = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            found[node.targets[0].id] = node.value
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("evolve.cli."):
            theirs = _assigned(_tree(str(node.module)))
            found.update({alias.name: theirs[alias.name] for alias in node.names if alias.name in theirs})
    return found


def _line(node: ast.FunctionDef, shared: Mapping[str, ast.expr]) -> CommandLine:
    arguments: list[str] = []
    options = {"--help": False, "-h": False}
    for decorator in node.decorator_list:
        call = shared.get(decorator.id) if isinstance(decorator, ast.Name) else decorator
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
            continue
        if call.func.attr == "argument":
            arguments.append(_text(call.args[0]))
        elif call.func.attr == "option":
            options.update(_options(call))
    return CommandLine(tuple(arguments), options)


def _options(call: ast.Call) -> Iterator[tuple[str, bool]]:
    names = [_text(argument) for argument in call.args if _text(argument).startswith("-")]
    is_flag = any(ast.unparse(keyword) == "is_flag=True" for keyword in call.keywords) or any(
        "/" in name for name in names
    )
    for name in names:
        for part in name.split("/"):
            yield part, not is_flag


def _name_in(node: ast.FunctionDef, group: str) -> str | None:
    """Return the name of a command that a function is in a group, or None."""
    for decorator in node.decorator_list:
        call = decorator if isinstance(decorator, ast.Call) else None
        if call is not None and ast.unparse(call.func) == f"{group}.command":
            return _text(call.args[0]) if call.args else node.name
    return None


def _added(tree: ast.Module, group: str) -> dict[str, CommandLine]:
    """Return the commands that other modules define for a group: ``for command in (a, b): group.add_command(...)``."""
    origin = {
        alias.name: str(node.module) for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    loops = [node for node in tree.body if isinstance(node, ast.For) and f"{group}.add_command" in ast.unparse(node)]
    functions = [name.id for loop in loops for name in ast.walk(loop.iter) if isinstance(name, ast.Name)]
    return {_own_name(origin[name], name): command_line(origin[name], name) for name in functions}


def _own_name(module: str, function: str) -> str:
    (node,) = [node for node in _tree(module).body if isinstance(node, ast.FunctionDef) and node.name == function]
    return _name_in(node, "click") or function


def _text(node: ast.expr) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
