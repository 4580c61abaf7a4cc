"""Seeded syntax edits: the operator for runs without a language model."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from evolve.errors import ProposalRejected
from evolve.interfaces import Context, Draft
from evolve.mutation import expression_edits as expressions
from evolve.mutation import statement_edits as statements
from evolve.mutation.editable_files import EditableFile, text_files
from evolve.mutation.edits import Bench, Edit, apply, overlaps
from evolve.mutation.kinds import Kinds, Weighted
from evolve.mutation.plain_text import ENCODING_ERRORS
from evolve.mutation.python_analysis import UNPARSABLE, AnalysisCache
from evolve.mutation.python_sites import Analysis

Kind = Callable[[Bench], Edit | None]

KINDS: tuple[Weighted[Bench], ...] = (
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
class PythonFile:
    """A Python file on which edits are made; implements EditableFile."""

    path: str
    analysis: Analysis
    donors: Callable[[], Sequence[Analysis]]
    kinds: Kinds[Bench]

    @property
    def data(self) -> bytes:
        """What the splices of edits are for."""
        return self.analysis.data

    def edit(self, rng: np.random.Generator) -> Edit | None:
        """Return an edit of a kind drawn, or None where it finds no place."""
        return self.kinds.draw(rng)(Bench(self.analysis, self.donors, rng))

    def accepts(self, child: bytes) -> bool:
        """Whether a child compiles."""
        return compiles(child.decode("utf-8"))


class Syntax:
    """Makes a child by a few small random edits of the parent's syntax.

    Python files are edited through their syntax tree; programs in languages whose tokens are known (STYLES) by
    tokens, operands and statements; texts for readers by words and sentences; all others by lines and numbers.
    Text is taken from inspirations now and then. Whatever lies outside the editable regions stays as it
    is. A Python child always compiles; nothing says that it runs, and nothing at all is known of others.

    Args:
        mean_edits: mean number of edits per proposal; the number is geometric, at least one.
        max_tries: how many children are made before the proposal is given up.
        max_bytes: a file longer than this does not grow further.
        analyses: remembers analysed files; one of its own if None.
        kinds: the kinds of edit of Python files with their weights.
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
        kinds: Sequence[Weighted[Bench]] = KINDS,
    ) -> None:
        self._stop_probability = 1.0 / max(mean_edits, 1.0)
        self._max_tries = max_tries
        self._max_bytes = max_bytes
        self._cache = analyses or AnalysisCache()
        self._kinds = Kinds(kinds)

    async def propose(self, context: Context) -> Draft:
        """Return an edited program.

        Raises ProposalRejected: ``no_sites`` when there is nothing to edit, ``unparsable`` when no
        editable file is Python though one should be, ``no_valid_edit`` when every try failed.
        """
        files = self._files(context)
        for _ in range(self._max_tries):
            file = files[int(context.rng.integers(len(files)))]
            edits = self._edits(file, context.rng)
            data = apply(file.data, edits)
            if len(data) > max(self._max_bytes, len(file.data)):
                continue
            if edits and _differs(data, file.data) and file.accepts(data):
                return _draft(context, file.path, data.decode("utf-8", ENCODING_ERRORS), [edit.note for edit in edits])
        raise ProposalRejected(
            "no_valid_edit", f"none of {self._max_tries} tries gave a new program that may be judged"
        )

    def observe(self, scored: object, program: object) -> None:
        """Nothing is learnt from results."""

    def _files(self, context: Context) -> Sequence[EditableFile]:
        found: list[EditableFile] = [*self._python_files(context), *text_files(context)]
        if not found:
            raise ProposalRejected("no_sites", "nothing in the editable regions can be edited")
        return found

    def _python_files(self, context: Context) -> list[PythonFile]:
        files = context.parent.program.files
        editable = [path for path in sorted(files) if path.endswith(".py") and context.problem.is_editable(path)]
        known = [(path, self._cache.get(files[path])) for path in editable]
        parsed = [(path, analysis) for path, analysis in known if analysis is not None]
        if known and not parsed:
            raise ProposalRejected("unparsable", f"{known[0][0]} is not Python")
        return [
            PythonFile(path, analysis, lambda: self._donors(context), self._kinds)
            for path, analysis in parsed
            if analysis.every or analysis.lines
        ]

    def _donors(self, context: Context) -> list[Analysis]:
        analyses = [
            self._cache.get(text)
            for exhibit in context.inspirations
            for path, text in exhibit.program.files.items()
            if path.endswith(".py") and context.problem.is_editable(path)
        ]
        return [analysis for analysis in analyses if analysis is not None]

    def _edits(self, file: EditableFile, rng: np.random.Generator) -> list[Edit]:
        wanted = int(rng.geometric(self._stop_probability))
        edits: list[Edit] = []
        for _ in range(6 * wanted):
            edit = file.edit(rng)
            if edit is not None and not overlaps(edit, edits):
                edits.append(edit)
            if len(edits) == wanted:
                break
        return edits


def compiles(text: str) -> bool:
    """Whether ``text`` is a Python program. Nothing of it runs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compile(text, "<program>", "exec", dont_inherit=True)
        except UNPARSABLE:
            return False
    return True


def _differs(child: bytes, parent: bytes) -> bool:
    """Whether more than blanks and line breaks differ."""
    return b"".join(child.split()) != b"".join(parent.split())


def _draft(context: Context, path: str, child: str, notes: list[str]) -> Draft:
    files = {**context.parent.program.files, path: child}
    return Draft(files, {"operator": Syntax.name, "edits": notes})
