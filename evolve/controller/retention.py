"""What was given up of a run, and by which rule to choose what to give up."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from evolve.domain.program import SEED_STEP
from evolve.domain.proposal import Event
from evolve.interfaces import PRUNED, Prunable, Store


@dataclass(frozen=True, slots=True)
class Pruned:
    """Which steps have lost what. ``ranges`` holds the first and last steps of ranges, in order."""

    ranges: Mapping[Prunable, Sequence[tuple[int, int]]] = field(default_factory=dict)

    @classmethod
    def of(cls, events: Iterable[Event]) -> Pruned:
        """Return what the events of a run say was pruned; kinds that this version does not know are left out."""
        found: dict[Prunable, list[tuple[int, int]]] = {}
        known = {str(kind): kind for kind in Prunable}
        for event in events:
            if event.kind == PRUNED:
                data = cast(Mapping[str, Any], event.data)
                for name in data["what"]:
                    if name in known:
                        found.setdefault(known[name], []).extend((first, last) for first, last in data["steps"])
        return cls({kind: _merged(ranges) for kind, ranges in found.items()})

    def has(self, what: Prunable, step: int) -> bool:
        """Whether a step has lost it."""
        ranges = self.ranges.get(what, ())
        index = bisect_right(ranges, (step, 2**62)) - 1
        return index >= 0 and step <= ranges[index][1]


def in_words(steps: Sequence[int]) -> str:
    """Return steps for people, e.g. ``3..9, 12``."""
    ranges = _merged([(step, step) for step in steps])
    return ", ".join(str(first) if first == last else f"{first}..{last}" for first, last in ranges)


def prunable_steps(store: Store, run: str, *, keep_elites: bool, keep_last: int) -> list[int]:
    """Return the finished attempts that a rule gives up.

    Args:
        keep_elites: not those that ever had a place in the archive, nor the seed.
        keep_last: not so many that the search was told of last.
    """
    told = [
        (attempt.selected.step, bool(attempt.finished.placement) or attempt.selected.step == SEED_STEP)
        for attempt in store.history(run)
    ]
    old = told[: max(len(told) - keep_last, 0)]
    return sorted(step for step, is_elite in old if not (keep_elites and is_elite))


def _merged(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return merged
