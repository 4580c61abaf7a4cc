"""What a task of another system comes down to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

TIMEOUT_S = 300.0
"""Where a task names no limit: what OpenEvolve gives an evaluation."""


class Kind(StrEnum):
    """How the evaluator is called; ``problems/_imported/runner.py`` has a function for each."""

    OPENEVOLVE = "openevolve"
    SHINKA = "shinka"
    FILE = "file"
    COMMAND = "command"


@dataclass(frozen=True, slots=True)
class Peer:
    """A recognised task.

    Args:
        kind: how its evaluator is called.
        folder: whose files travel into the sandbox.
        programs: the files that may change, relative to ``folder``; the first leads.
        statement: the task in words, "" if it has none.
        timeout_s: of one evaluation.
        evaluator: the file that scores, relative to ``folder``; "" for a command.
        call: what else the runner must know.
    """

    kind: Kind
    folder: Path
    programs: tuple[str, ...]
    statement: str
    timeout_s: float
    evaluator: str
    call: Mapping[str, object]
