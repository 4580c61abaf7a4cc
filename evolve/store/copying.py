"""Runs on their way from one store to another, whichever kinds those are."""

from __future__ import annotations

import math
from dataclasses import replace
from enum import Enum
from itertools import zip_longest

from evolve.errors import StoreError, StoreLocked
from evolve.interfaces import RunInfo, Store


class Copied(Enum):
    """What became of a run that was to be copied."""

    NEW = "copied"
    THERE = "there already, and equal"


def copy_run(source: Store, target: Store, run: str) -> Copied:
    """Copy a run in one transaction of ``target``, and compare it then, attempt by attempt.

    An interrupted copy leaves nothing behind and can be made again. Raises StoreLocked while somebody
    works on the run, NotFound, and StoreError if ``target`` has another run of that name.
    """
    holder = source.holder(run)
    if holder is not None:
        raise StoreLocked(f"Run {run!r} is worked on by {holder}: pause it (`evolve pause {run}`), then copy it.")
    if any(known.id == run for known in target.runs()):
        if difference(source, target, run):
            raise StoreError(f"There is another run {run!r} in the target, which is left as it is: name a new store.")
        return Copied.THERE
    target.take_in(source.run(run), source.entries(run))
    found = difference(source, target, run)
    if found:
        raise StoreError(f"Run {run!r} was copied, but {found}. Do not use the copy; keep the source.")
    return Copied.NEW


def difference(source: Store, target: Store, run: str) -> str:
    """Return in words where a run differs between two stores; an empty string if it does not."""
    one, other = (_comparable(store.run(run)) for store in (source, target))
    if one != other or not _equal_sums(source.run(run), target.run(run)):
        return "its totals or settings differ"
    for number, (left, right) in enumerate(zip_longest(source.entries(run), target.entries(run))):
        if left != right:
            return f"entry {number} of the record differs: {left!r:.200} beside {right!r:.200}"
    return ""


def _comparable(info: RunInfo) -> RunInfo:
    """Return a run without what depends on the store: sums of fractions, and the numbering of orders."""
    return replace(info, usage=replace(info.usage, cost_usd=0.0), evaluation_s=0.0, last_order=0)


def _equal_sums(one: RunInfo, other: RunInfo) -> bool:
    pairs = ((one.usage.cost_usd, other.usage.cost_usd), (one.evaluation_s, other.evaluation_s))
    return all(math.isclose(left, right, rel_tol=1e-9, abs_tol=1e-12) for left, right in pairs)
