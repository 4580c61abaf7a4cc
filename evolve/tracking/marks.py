"""How far a tracker that cannot be asked has got with a run."""

from __future__ import annotations

import json
from pathlib import Path

from evolve.errors import StoreError


class Mark:
    """A small file beside what a tracker wrote.

    Args:
        path: of the file.
        run: the run it is about. Raises StoreError where it is about another.
    """

    def __init__(self, path: Path, run: str) -> None:
        self._path = path
        self._run = run

    def told(self) -> int:
        """Return how many attempts were written; 0 before there is a mark."""
        try:
            found = json.loads(self._path.read_text("utf-8"))
            run, told = str(found["run"]), int(found["told"])
        except FileNotFoundError:
            return 0
        except (ValueError, KeyError, TypeError) as error:
            raise StoreError(
                f"{self._path} is not what a tracker wrote ({error}). Remove it to send the run again."
            ) from error
        if run != self._run:
            raise StoreError(f"{self._path} is of run {run!r}, not {self._run!r}. Choose another folder.")
        return told

    def set(self, told: int) -> None:
        """Note how many attempts were written."""
        beside = self._path.with_suffix(".new")
        beside.write_text(json.dumps({"run": self._run, "told": told}), "utf-8")
        beside.replace(self._path)
