"""Seeded syntax edits: the operator for runs without a language model."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from evolve.errors import ProposalRejected
from evolve.interfaces import Context, Draft
from evolve.mutation import expression_edits as expressions
from evolve.mutation import statement_edits as statements
from evolve.mutation.edits import Bench, Edit, apply, overlaps
from evolve.mutation.numbers import TextNumber, perturbed, text_numbers, write_number
from evolve.mutation.python_analysis import UNPARSABLE, AnalysisCache
from evolve.mutation.python_sites import Analysis

Kind = Callable[[Bench], Edit | None]


class Weighted(NamedTuple):
    """A kind of edit and how often it is tried, relative to the others."""

    kind: Kind
    weight: float


KINDS: tuple[Weighted, ...] = (
    Weighted(expressions.change_constant, 20.0),
    Weighted(expressions.constant_to_name, 2.0),
    Weighted(expressions.name_to_name, 4.0),
    Weighted(expressions.change_arithmetic, 6.0),
    Weighted(expressions.change_comparison, 3.0),
    Weighted(expressions.change_boolean, 2.0),
    Weighted(expressions.negate, 3.0),
    Weighted(expressions.change_augmented, 2.0),
    Weighted(expressions.swap_operands, 3.0),
    Weighted(expressions.replace_by_part, 8.0),
    Weighted(expressions.simplify_to_constant, 2.0),
    Weighted(expressions.wrap_in_function, 8.0),
    Weighted(expressions.power, 3.0),
    Weighted(expressions.combine, 14.0),
    Weighted(expressions.branch, 10.0),
    Weighted(expressions.transplant_expression, 8.0),
    Weighted(statements.delete_statement, 2.0),
    Weighted(statements.duplicate_statement, 1.0),
    Weighted(statements.move_statement, 1.0),
    Weighted(statements.transplant_statement, 3.0),
)


@dataclass(frozen=True, slots=True)
class _File:
    path: str
    analysis: Analysis


class Syntax:
    """Makes a child by a few small random edits of the parent's syntax.

    Python files are edited through their syntax tree, with text taken from inspirations now and
    then; files of other languages only in their numbers. Whatever lies outside the editable
    regions, comments and layout stay as they are. A Python child always compiles; nothing says
    that it runs.

    Args:
        mean_edits: mean number of edits per proposal; the number is geometric, at least one.
        max_tries: how many children are made before the proposal is given up.
        max_bytes: a file longer than this does not grow further.
        analyses: remembers analysed files; one of its own if None.
        kinds: the kinds of edit with their weights.
    """

    name = "syntax"
    needs_model = False

    def __init__(
        self,
        *,
        mean_edits: float = 1.6,
        max_tries: int = 20,
        max_bytes: int = 30_000,
        analyses: AnalysisCache | None = None,
        kinds: Sequence[Weighted] = KINDS,
    ) -> None:
        self._stop_probability = 1.0 / max(mean_edits, 1.0)
        self._max_tries = max_tries
        self._max_bytes = max_bytes
        self._cache = analyses or AnalysisCache()
        self._kinds = tuple(entry.kind for entry in kinds)
        weights = np.cumsum([entry.weight for entry in kinds])
        self._bounds = weights / weights[-1]

    async def propose(self, context: Context) -> Draft:
        """Return an edited program.

        Raises ProposalRejected: ``no_sites`` when there is nothing to edit, ``unparsable`` when no
        editable file is Python, ``no_valid_edit`` when every try failed.
        """
        if context.problem.language != "python":
            return self._text_draft(context)
        files = self._python_files(context)
        for _ in range(self._max_tries):
            file = files[int(context.rng.integers(len(files)))]
            edits = self._edits(Bench(file.analysis, lambda: self._donors(context), context.rng))
            data = apply(file.analysis.data, edits)
            if len(data) > max(self._max_bytes, len(file.analysis.data)):
                continue
            child = data.decode("utf-8")
            if edits and _differs(child, context.parent.program.files[file.path]) and compiles(child):
                return _draft(context, file.path, child, [edit.note for edit in edits])
        raise ProposalRejected("no_valid_edit", f"none of {self._max_tries} tries gave a new program that compiles")

    def observe(self, scored: object, program: object) -> None:
        """Nothing is learnt from results."""

    def _python_files(self, context: Context) -> list[_File]:
        editable = _editable_paths(context)
        known = [(path, self._cache.get(text)) for path, text in editable if path.endswith(".py")]
        parsed = [_File(path, analysis) for path, analysis in known if analysis is not None]
        if known and not parsed:
            raise ProposalRejected("unparsable", f"{known[0][0]} is not Python")
        files = [file for file in parsed if file.analysis.every or file.analysis.lines]
        if not files:
            raise ProposalRejected("no_sites", "nothing in the editable regions can be edited")
        return files

    def _donors(self, context: Context) -> list[Analysis]:
        analyses = [
            self._cache.get(text)
            for exhibit in context.inspirations
            for path, text in exhibit.program.files.items()
            if path.endswith(".py") and context.problem.is_editable(path)
        ]
        return [analysis for analysis in analyses if analysis is not None]

    def _edits(self, bench: Bench) -> list[Edit]:
        wanted = int(bench.rng.geometric(self._stop_probability))
        edits: list[Edit] = []
        for _ in range(6 * wanted):
            edit = self._kind(bench.rng)(bench)
            if edit is not None and not overlaps(edit, edits):
                edits.append(edit)
            if len(edits) == wanted:
                break
        return edits

    def _kind(self, rng: np.random.Generator) -> Kind:
        place = int(self._bounds.searchsorted(rng.random(), side="right"))
        return self._kinds[min(place, len(self._kinds) - 1)]

    def _text_draft(self, context: Context) -> Draft:
        """Change numbers of a program in any language."""
        found = [(path, text, text_numbers(text)) for path, text in _editable_paths(context)]
        found = [entry for entry in found if entry[2]]
        if not found:
            raise ProposalRejected("no_sites", "no numbers in the editable regions")
        for _ in range(self._max_tries):
            path, text, numbers = found[int(context.rng.integers(len(found)))]
            wanted = min(int(context.rng.geometric(self._stop_probability)), len(numbers))
            places = context.rng.choice(len(numbers), size=wanted, replace=False)
            child, notes = _with_numbers(text, sorted(numbers[int(place)] for place in places), context.rng)
            if child != text:
                return _draft(context, path, child, notes)
        raise ProposalRejected("no_valid_edit", f"none of {self._max_tries} tries changed a number")


def compiles(text: str) -> bool:
    """Whether ``text`` is a Python program. Nothing of it runs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compile(text, "<program>", "exec", dont_inherit=True)
        except UNPARSABLE:
            return False
    return True


def _editable_paths(context: Context) -> list[tuple[str, str]]:
    files = context.parent.program.files
    return [(path, files[path]) for path in sorted(files) if context.problem.is_editable(path)]


def _differs(child: str, parent: str) -> bool:
    return child.split() != parent.split() and "".join(child.split()) != "".join(parent.split())


def _draft(context: Context, path: str, child: str, notes: list[str]) -> Draft:
    files = {**context.parent.program.files, path: child}
    return Draft(files, {"operator": Syntax.name, "edits": notes})


def _with_numbers(text: str, chosen: Sequence[TextNumber], rng: np.random.Generator) -> tuple[str, list[str]]:
    """Write other numbers for ``chosen``, which is in order; return the text and the notes."""
    parts, notes, place = [], [], 0
    for item in chosen:
        new = abs(perturbed(item.value, rng, whole=isinstance(item.value, int)))
        literal = write_number(new)
        parts += [text[place : item.start], literal]
        notes.append(f"constant {text[item.start : item.end]} -> {literal} (line {item.line})")
        place = item.end
    return "".join([*parts, text[place:]]), notes
