"""A file of JSON lines for each run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import IO
from urllib.parse import quote

from evolve.interfaces import RunInfo, Told


class PluginName:
    """Writes a line for each attempt; implements Tracker.

    Args:
        folder: where the files are.
    """

    afterwards = True

    def __init__(self, *, folder: str) -> None:
        self._folder = Path(folder)
        self._file: IO[str] | None = None

    def begin(self, run: RunInfo, already: int) -> int:
        """Go on behind the lines that are there."""
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{quote(run.id, safe='')}.jsonl"
        written = len(path.read_bytes().splitlines()) if path.exists() else 0
        self._file = path.open("a", encoding="utf-8")
        return written

    def tell(self, told: Sequence[Told]) -> None:
        """Write them."""
        if self._file is None:
            raise RuntimeError("begin comes first")
        for item in told:
            row = item.row
            line = {"sequence": row.sequence, "step": row.step, "operator": row.operator, "outcome": str(row.outcome)}
            self._file.write(json.dumps(line) + "\n")
        self._file.flush()

    def end(self, run: RunInfo) -> None:
        """Nothing is left to be written."""

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None
