"""An attempt in numbers, under names that every tracker takes."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping

from evolve.interfaces import Told


def scalars(told: Told) -> dict[str, float]:
    """Return name -> number: ``score/OBJECTIVE`` of a valid program, ``best/OBJECTIVE`` so far, and the totals."""
    totals = told.totals
    return {
        **{f"score/{plain(name)}": value for name, value in told.row.values.items()},
        **{f"best/{plain(name)}": value for name, value in totals.best.items()},
        "attempts": totals.attempts,
        "evaluations": totals.evaluations,
        "calls": totals.calls,
        "tokens": totals.tokens,
        "cost_usd": totals.cost_usd,
        "evaluation_s": totals.evaluation_s,
    }


def plain(name: str) -> str:
    """Return a name without characters that trackers refuse."""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", name)


def place_of(run: str) -> str:
    """Return a name of a run for files and addresses: its own where that is plain, else one that no other run has."""
    name = plain(run)
    if name == run and not run.startswith("."):
        return run
    return f"{name.strip('.')[:80]}-{hashlib.sha256(run.encode()).hexdigest()[:8]}"


def flat(settings: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    """Yield the settings of a run as ``group.key`` and value."""
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
