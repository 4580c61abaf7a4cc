"""The numeric literals of a program's editable regions, across its files and in any language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from evolve.domain.problem import Problem
from evolve.mutation.edits import Edit, Fragment, Splice, apply
from evolve.mutation.numbers import Number, text_numbers, write_number
from evolve.mutation.precedence import Precedence, precedence
from evolve.mutation.python_analysis import AnalysisCache
from evolve.mutation.python_sites import number_value


class Literal(NamedTuple):
    """A numeric literal.

    Args:
        path: its file.
        start, end: byte range in the file's UTF-8 text.
        value: its value, a sign before it included (Python only).
        sizes: it is an index, a length or a shape.
        slot: what a text must at least be to stand here without parentheses; None where a negative
            number cannot be written.
    """

    path: str
    start: int
    end: int
    value: Number
    sizes: bool
    slot: Precedence | None

    def splice(self, value: Number) -> Splice:
        """Return the splice that writes ``value`` in its place."""
        if self.slot is None:
            return Splice(self.start, self.end, write_number(abs(value)).encode())
        text = write_number(value)
        strength = Precedence.UNARY if text.startswith("-") else Precedence.NUMBER
        return Splice(self.start, self.end, Fragment(text.encode(), strength).fit(self.slot))


def literals(problem: Problem, files: Mapping[str, str], cache: AnalysisCache) -> list[Literal]:
    """Return the literals by path and place. Python files that do not parse have none."""
    found: list[Literal] = []
    for path in sorted(files):
        if problem.is_editable(path):
            if problem.language != "python":
                found += _in_text(path, files[path])
            elif path.endswith(".py"):
                found += _in_python(path, files[path], cache)
    return found


def _in_python(path: str, text: str, cache: AnalysisCache) -> list[Literal]:
    analysis = cache.get(text)
    if analysis is None:
        return []
    return [
        Literal(path, site.start, site.end, number_value(site.node), site.sizes, min(site.slot, precedence(site.node)))
        for site in sorted(analysis.numbers, key=lambda site: site.start)
    ]


def _in_text(path: str, text: str) -> list[Literal]:
    found = []
    for item in text_numbers(text):
        start = len(text[: item.start].encode("utf-8", "surrogatepass"))
        found.append(Literal(path, start, start + item.end - item.start, item.value, False, None))
    return found


def rewritten(files: Mapping[str, str], chosen: Sequence[Literal], values: Sequence[Number]) -> dict[str, str]:
    """Return the files with ``values`` written in the places of ``chosen``."""
    splices: dict[str, list[Splice]] = {}
    for literal, value in zip(chosen, values, strict=True):
        splices.setdefault(literal.path, []).append(literal.splice(value))
    changed = dict(files)
    for path, made in splices.items():
        data = files[path].encode("utf-8", "surrogatepass")
        changed[path] = apply(data, [Edit(tuple(made), "")]).decode("utf-8", "surrogatepass")
    return changed
