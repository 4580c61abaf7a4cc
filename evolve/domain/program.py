"""A program: a set of text files that the search may change."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from evolve.domain.shape import SHAPE_NAMES, shape

SEED_STEP = 0
AUTOMATIC: tuple[str, ...] = tuple(f"program_{name}" for name in SHAPE_NAMES)
"""Names of the metrics that every program has, in the order of SHAPE_NAMES."""


def fingerprint(files: Mapping[str, str]) -> str:
    """Return a hash of paths and texts: equal exactly when the programs are the same files."""
    digest = hashlib.sha256()
    for path in sorted(files):
        for part in (path, files[path]):
            raw = part.encode("utf-8", "surrogatepass")
            digest.update(len(raw).to_bytes(8, "big"))
            digest.update(raw)
    return digest.hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Program:
    """A candidate program, named within its run by the step that made it (the seed is step 0).

    Args:
        step: number of the proposal that made it.
        files: path relative to the program's folder (``/`` separators) -> text.
        parents: steps of the programs it was made from; the first is the one it was edited from.
        detail: what the operator did, as JSON-able data (``{"operator": "tune", "x": [...]}``).
    """

    step: int
    files: Mapping[str, str]
    parents: tuple[int, ...]
    detail: Mapping[str, object]

    @property
    def fingerprint(self) -> str:
        """Hash of the files alone: equal for equal programs whatever their history."""
        return fingerprint(self.files)


def automatic_features(files: Mapping[str, str], language: str = "") -> dict[str, float]:
    """Return the features every program has: ``program_lines``, ``program_bytes`` and the rest of its shape."""
    return dict(zip(AUTOMATIC, shape(files, language), strict=True))
