"""A program of which one block may change and the rest may not, to see what changing it as a whole is worth."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence

from evolve.domain.blocks import END, START, Region, editable_regions, has_markers, is_marker, line_ending, split_lines
from evolve.errors import ProblemError


def one_block(files: Mapping[str, str], editable: Sequence[str]) -> tuple[str, str]:
    """Return the file that holds the one block, and its text with markers around that block alone.

    It is the first of several blocks, in the order of the ``editable`` files; if there is only one, the
    largest of the Python functions in it.

    Raises:
        ProblemError: there is only one block, and not several functions in it.
    """
    blocks = [(path, region) for path in editable for region in editable_regions(files[path], path)]
    path, region = blocks[0]
    if len(blocks) > 1:
        return path, _only_region(files[path], region)
    functions = _functions(files[path], region) if path.endswith(".py") else []
    if len(functions) < 2:
        raise ProblemError(
            f"{path} has one block with nothing in it to leave out: expected several blocks or functions."
        )
    largest = max(functions, key=lambda function: function.stop - function.first)
    return path, _marked(files[path], largest)


def _only_region(text: str, kept: Region) -> str:
    if not has_markers(text):
        return text
    own = (kept.first - 1, kept.stop)
    lines = enumerate(split_lines(text))
    return "".join(line for index, line in lines if index in own or not is_marker(line))


def _functions(text: str, region: Region) -> list[Region]:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return []
    found = [_lines(node) for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return [function for function in found if region.holds(function.first, function.stop)]


def _lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Region:
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    return Region(first - 1, node.end_lineno or node.lineno)


def _marked(text: str, kept: Region) -> str:
    lines = split_lines(text)
    ending = line_ending(lines)
    inside = "".join(lines[kept.first : kept.stop])
    if not inside.endswith(("\n", "\r")):
        inside += ending
    before, after = (
        "".join(line for line in part if not is_marker(line)) for part in (lines[: kept.first], lines[kept.stop :])
    )
    return f"{before}# {START}{ending}{inside}# {END}{ending}{after}"
