"""What a judge takes from ``evaluators``: the library code that its scores depend on beside its own folder.

The harness (how a program is run and a verdict travels) is left out: it says nothing about what a score is. Of the
rest counts what ``evaluate.py`` and the modules beside it import, and what that uses in turn. Of a module from
which names are taken, only their definitions count, so that a new function for one problem does not make all other
problems' scores incomparable; of a package such as ``evaluators.kernels``, all files.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

_PACKAGE = "evaluators"
_HARNESS_ROOTS = ("__init__", "slot", "judge", "supervisor", "guest")
_LEFT_OUT = frozenset({".pyc", ".md"})
_EVERYTHING = "*"


def judge_library(modules: Iterable[Path], library: Path) -> list[tuple[str, str]]:
    """Return what judge modules take from the ``evaluators`` package in folder ``library``: (place, source), in order.

    Empty for judges that use nothing but the harness. Files that do not parse import nothing here.
    """
    taken: dict[str, set[str]] = {}
    for path in modules:
        for module, names in _imports(_tree(path)):
            _take(library, module, names, taken)
    return sorted(piece for module, names in taken.items() for piece in _pieces(library, module, names))


def _take(library: Path, module: str, names: Iterable[str], taken: dict[str, set[str]]) -> None:
    """Add names of a module, and what their definitions need."""
    if not module:
        # from evaluators import timing: a module of the package, or a name of the harness
        for name in names:
            if (library / f"{name}.py").is_file() or (library / name).is_dir():
                _take(library, name, [_EVERYTHING], taken)
        return
    module = _known(library, module)
    names = [_EVERYTHING] if (library / module).is_dir() else names
    known = taken.setdefault(module, set())
    if not module or module in _harness(library) or known.issuperset(names):
        if not known:
            del taken[module]
        return
    known.update(names)
    for path in _files(library, module):
        for other, others in _needs(path, known):
            _take(library, other, others, taken)


def _known(library: Path, module: str) -> str:
    """Return the module that holds what is imported: a package for all that is in it; empty where there is none."""
    first = module.split(".")[0]
    return first if (library / first).is_dir() or (library / f"{first}.py").is_file() else ""


def _files(library: Path, module: str) -> Sequence[Path]:
    """Return the files of a module; of a package all of them."""
    package = library / module
    if not package.is_dir():
        return [library / f"{module}.py"]
    found = (path for path in sorted(package.rglob("*")) if path.is_file() and "__pycache__" not in path.parts)
    return [path for path in found if path.suffix not in _LEFT_OUT]


def _pieces(library: Path, module: str, names: set[str]) -> Iterator[tuple[str, str]]:
    for path in _files(library, module):
        place = path.relative_to(library).as_posix()
        definitions = _definitions(path)
        if path.parent != library or _EVERYTHING in names or not definitions:
            yield place, path.read_bytes().decode("utf-8", "surrogateescape")
            continue
        for name in sorted(_closure(definitions, names)):
            yield f"{place}:{name}", "".join(definitions[name])


def _needs(path: Path, names: set[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield what some definitions of a file import of the package: of what is imported at its top, what they use."""
    tree, definitions = _tree(path), _definitions(path)
    if _EVERYTHING in names or not definitions:
        yield from _imports(tree)
        return
    used = _words(definitions, _closure(definitions, names))
    for module, imported in _imports(tree):
        wanted = [name for name in imported if name in used or name == _EVERYTHING]
        if wanted:
            yield module, wanted


# ── definitions ───────────────────────────────────────────────────────────────────────────────
def _definitions(path: Path) -> Mapping[str, Sequence[str]]:
    """Return the statements at the top of a Python file by the names that they bind, as they are written."""
    found: dict[str, list[str]] = {}
    if path.suffix != ".py":
        return found
    lines = path.read_text("utf-8").splitlines(keepends=True)
    for node in _tree(path).body:
        decorators = getattr(node, "decorator_list", [])
        first = min([node.lineno, *(decorator.lineno for decorator in decorators)])
        for name in _bound(node):
            found.setdefault(name, []).append("".join(lines[first - 1 : node.end_lineno]))
    return found


def _bound(node: ast.stmt) -> set[str]:
    """Return the names that a statement binds; imports are followed, not copied."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    if isinstance(node, ast.Import | ast.ImportFrom):
        return set()
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}


def _closure(definitions: Mapping[str, Sequence[str]], names: Iterable[str]) -> set[str]:
    """Return the names with those that their definitions use."""
    found: set[str] = set()
    waiting = [name for name in names if name in definitions]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += [word for word in _words(definitions, [name]) if word in definitions]
    return found


def _words(definitions: Mapping[str, Sequence[str]], names: Iterable[str]) -> set[str]:
    """Return all identifiers in some definitions."""
    trees = (ast.parse(source) for name in names for source in definitions[name])
    return {node.id for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Name)}


# ── imports ───────────────────────────────────────────────────────────────────────────────────
def _tree(path: Path) -> ast.Module:
    try:
        return ast.parse(path.read_bytes()) if path.suffix == ".py" else ast.Module([], [])
    except (SyntaxError, ValueError):
        return ast.Module([], [])


def _imports(tree: ast.AST) -> Iterator[tuple[str, list[str]]]:
    """Yield the modules of the package that are imported, without its name, with the names that are taken of them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            package, _, module = node.module.partition(".")
            if package == _PACKAGE:
                yield module, [alias.name for alias in node.names]
        elif isinstance(node, ast.Import):
            for alias in node.names:
                package, _, module = alias.name.partition(".")
                if package == _PACKAGE and module:
                    yield module, [_EVERYTHING]


@cache
def _harness(library: Path) -> frozenset[str]:
    """Return the modules that run programs and carry verdicts, whoever the judge is."""
    found: set[str] = set()
    waiting = list(_HARNESS_ROOTS)
    while waiting:
        module = waiting.pop()
        if module in found or not (library / f"{module}.py").is_file():
            continue
        found.add(module)
        for other, names in _imports(_tree(library / f"{module}.py")):
            waiting += [other.split(".")[0]] if other else names
    return frozenset(found)
