"""What a user wants models to know: papers, notes, tables; as pages that fit into a prompt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from evolve.domain.tokens import estimate_tokens
from evolve.errors import ConfigurationError
from evolve.mutation.quoting import notes

_SMALLEST_PAGE = 150
"""Tokens; less is not worth reading."""
_AROUND_A_PAGE = 30
"""Tokens of a heading and fences."""


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a file: ``number`` of ``count``."""

    name: str
    number: int
    count: int
    text: str


def check_context_files(paths: Sequence[str], folder: Path) -> None:
    """Raise ConfigurationError unless every path, from ``folder`` or absolute, is a file of UTF-8 text."""
    for path in paths:
        _read(path, folder)


class ContextFiles:
    """The files of a run, read once.

    Args:
        paths: of text files; relative ones start from the problem's folder.
    """

    def __init__(self, paths: Sequence[str]) -> None:
        self._paths = tuple(paths)
        self._texts: dict[Path, list[tuple[str, str]]] = {}
        self._pages: dict[tuple[Path, int, int], tuple[str, ...]] = {}

    def pages(self, folder: Path, tokens: int | None, rng: np.random.Generator) -> list[Page]:
        """Return all files if they fit into so many tokens, else one page each of as many as fit, drawn.

        Draws only if something has to be left out. Raises ConfigurationError.
        """
        texts = self._read(folder)
        whole = [Page(name, 1, 1, text) for name, text in texts]
        if tokens is None or sum(estimate_tokens(page.text) + _AROUND_A_PAGE for page in whole) <= tokens:
            return whole
        size = max(_SMALLEST_PAGE, tokens // len(texts))
        shown = sorted(int(index) for index in rng.permutation(len(texts))[: max(1, tokens // size)])
        return [_drawn(texts[index][0], self._cut(folder, index, size - _AROUND_A_PAGE), rng) for index in shown]

    def _read(self, folder: Path) -> list[tuple[str, str]]:
        if folder not in self._texts:
            self._texts[folder] = [(Path(path).name, _read(path, folder)) for path in self._paths]
        return self._texts[folder]

    def _cut(self, folder: Path, index: int, size: int) -> tuple[str, ...]:
        key = (folder, index, size)
        if key not in self._pages:
            self._pages[key] = tuple(_cut(self._read(folder)[index][1], size))
        return self._pages[key]


def _drawn(name: str, pages: Sequence[str], rng: np.random.Generator) -> Page:
    number = int(rng.integers(len(pages))) if len(pages) > 1 else 0
    return Page(name, number + 1, len(pages), pages[number])


def _read(path: str, folder: Path) -> str:
    try:
        return notes((folder / path).read_bytes().decode("utf-8"))
    except OSError as error:
        raise ConfigurationError(f"context_files: {folder / path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"context_files: {folder / path} is not UTF-8 text. Convert it first.") from error


def _cut(text: str, size: int) -> list[str]:
    """Cut at the ends of lines into pages of about ``size`` tokens; a longer line is a page of its own."""
    pages: list[list[str]] = [[]]
    filled = 0
    for line in text.split("\n"):
        cost = estimate_tokens(line) + 2  # the line break
        if pages[-1] and filled + cost > size:
            pages.append([])
            filled = 0
        pages[-1].append(line)
        filled += cost
    return [page for lines in pages if (page := "\n".join(lines).strip())] or [""]
