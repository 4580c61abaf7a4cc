"""The commands and snippets of the READMEs, as they stand there.

A fenced block in `sh` or `python` is run as it is. A comment above it may say that only its form is checked, and why::

    <!-- not run by the tests: needs a cluster -->
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_FENCE = re.compile(
    r"(?:^<!-- not run by the tests: (?P<why>[^>]+?) -->\n)?^```(?P<language>\w+)[^\n]*\n(?P<text>.*?)^```$", re.M | re.S
)
_OPTIONAL = re.compile(r"\[[^][]*\]")


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block.

    Args:
        page: path of its README, below the repository.
        line: where it begins, counted from 1.
        why_not: why it cannot be run in a test; empty where it is run.
    """

    page: str
    line: int
    language: str
    text: str
    why_not: str = ""

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    def commands(self) -> Iterator[list[str]]:
        """Yield the words of each command line of the block, comments apart."""
        for line in self.text.replace("\\\n", " ").splitlines():
            for part in re.split(r"&&|;|\|", line):
                words = shlex.split(part, comments=True)
                if words:
                    yield words


def pages() -> Sequence[str]:
    """Return the READMEs and pages of the repository, its own ones."""
    kept = (path.relative_to(ROOT) for path in ROOT.rglob("*.md"))
    return sorted(str(path) for path in kept if not any(part.startswith(".") or part == "_bundled" for part in path.parts))


def blocks(*languages: str) -> Sequence[Block]:
    """Return the blocks of some languages in all pages."""
    return [block for page in pages() for block in of_page(page) if block.language in languages]


def of_page(page: str) -> Iterator[Block]:
    """Yield the blocks of a page that name their language."""
    text = (ROOT / page).read_text(encoding="utf-8")
    for found in _FENCE.finditer(text):
        line = text.count("\n", 0, found.start("language")) + 1
        yield Block(page, line, found["language"], found["text"], (found["why"] or "").strip())
