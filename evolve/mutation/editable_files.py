"""The files of a program that can be edited without a model, each by what is known of its language."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import partial
from typing import Protocol, TypeVar

import numpy as np

from evolve.domain.blocks import only_blocks_changed
from evolve.interfaces import Context
from evolve.mutation.code_edits import CODE_KINDS
from evolve.mutation.code_text import CodeText, readable
from evolve.mutation.edits import Edit
from evolve.mutation.kinds import Kinds
from evolve.mutation.line_edits import LINE_KINDS
from evolve.mutation.plain_text import ENCODING_ERRORS, PlainText, TextBench
from evolve.mutation.plain_tokens import LONGEST_LINE, STYLES
from evolve.mutation.prose import PROSE_LANGUAGES, PROSE_SUFFIXES, Prose
from evolve.mutation.prose_edits import PROSE_KINDS

T = TypeVar("T", bound=PlainText)

_ANYTHING = frozenset({"*", "**"})
_code: Kinds[TextBench[CodeText]] = Kinds(CODE_KINDS)
_prose: Kinds[TextBench[Prose]] = Kinds(PROSE_KINDS)
_lines: Kinds[TextBench[PlainText]] = Kinds(LINE_KINDS)


class EditableFile(Protocol):
    """A file of the parent on which edits are made."""

    @property
    def path(self) -> str: ...

    @property
    def data(self) -> bytes:
        """What the splices of edits are for."""

    def edit(self, rng: np.random.Generator) -> Edit | None:
        """Return an edit of a kind drawn, or None where it finds no place."""

    def accepts(self, child: bytes) -> bool:
        """Whether a child is worth judging as far as can be told."""


@dataclass(frozen=True, slots=True)
class TextFile:
    """A file in any language but Python. ``draw`` makes an edit of it."""

    path: str
    text: PlainText
    draw: Callable[[np.random.Generator], Edit | None]

    @property
    def data(self) -> bytes:
        """What the splices of edits are for."""
        return self.text.data

    def edit(self, rng: np.random.Generator) -> Edit | None:
        """Return an edit of a kind drawn, or None where it finds no place."""
        return self.draw(rng)

    def accepts(self, child: bytes) -> bool:
        """Whether a child keeps what may not change: a text moved about may hold a marker of a block."""
        return not only_blocks_changed(self.text.text, child.decode("utf-8", ENCODING_ERRORS))


def text_files(context: Context) -> list[TextFile]:
    """Return the files that may change and are not Python, except in a Python problem those that hold data."""
    files = context.parent.program.files
    paths = [path for path in sorted(files) if context.problem.is_editable(path) and not path.endswith(".py")]
    made = (_text_file(context, path, files[path]) for path in paths)
    return [file for file in made if file is not None and file.text.lines]


def _text_file(context: Context, path: str, text: str) -> TextFile | None:
    language = _language(context, path)
    if language in STYLES and readable(text, language):
        kind = partial(CodeText, language=language)
        return _of_kind(context, path, kind, kind(text), _code)
    if language in PROSE_LANGUAGES:
        return _of_kind(context, path, Prose, Prose(text), _prose)
    if context.problem.language == "python":
        return None
    return _of_kind(context, path, PlainText, PlainText(text), _lines)


def _language(context: Context, path: str) -> str:
    """Return what a file is written in: its suffix if that says so, else the problem's language.

    Prose beside code (a README of the seed) is edited only where the problem names it as editable.
    """
    problem = context.problem
    suffix = path.rpartition(".")[2].lower()
    named = problem.language in PROSE_LANGUAGES or any(
        fnmatch(path, pattern) for pattern in problem.editable if pattern not in _ANYTHING
    )
    if suffix in STYLES or (suffix in PROSE_SUFFIXES and named):
        return suffix
    return problem.language


def _of_kind(context: Context, path: str, kind: Callable[[str], T], target: T, kinds: Kinds[TextBench[T]]) -> TextFile:
    donors = partial(_donors, context, path, kind)
    sayings = partial(_sayings, context)

    def draw(rng: np.random.Generator) -> Edit | None:
        return kinds.draw(rng)(TextBench(target, donors, sayings, rng))

    return TextFile(path, target, draw)


def _donors(context: Context, path: str, kind: Callable[[str], T]) -> Sequence[T]:
    """Return the same file of the inspirations. Its language is the same, so what reads the one reads the other."""
    texts = [exhibit.program.files.get(path, "") for exhibit in context.inspirations]
    return [kind(text) for text in texts if text and _is_short(text)]


def _sayings(context: Context) -> Sequence[str]:
    return list(_said(context))


def _said(context: Context) -> Iterator[str]:
    evaluation = context.parent.evaluation
    yield context.problem.statement
    yield evaluation.feedback
    for name in sorted(evaluation.artifacts):
        content = evaluation.artifacts[name]
        if b"\0" not in content:
            yield content.decode("utf-8", "ignore")


def _is_short(text: str) -> bool:
    """Whether no line is longer than what the lexer takes."""
    return max(map(len, text.splitlines())) <= LONGEST_LINE
