"""The champion of a run on record, and what was measured of it."""

from __future__ import annotations

from dataclasses import dataclass

from evolve import wiring
from evolve.account.orders import rules_in_force, selectable
from evolve.bundles.trust import is_foreign, settings_of
from evolve.controller.announcement import last_in_search
from evolve.controller.measurements import best_on_record
from evolve.domain.evaluation import Evaluation
from evolve.domain.problem import Problem
from evolve.domain.rules import Rules
from evolve.errors import ConfigurationError, StoreError
from evolve.interfaces import RunInfo, Search, Store


@dataclass(frozen=True, slots=True)
class Champion:
    """A run's best program: its step, and its own verdict in the search."""

    step: int
    evaluation: Evaluation


def champion(store: Store, info: RunInfo, problem: Problem) -> Champion:
    """Return the champion as the run's search has it under the rules that orders made.

    Of a run that took every score as it came, or whose search cannot be made here: the best gains in order of
    objectives, the earliest of equals.
    Raises StoreError without a valid program.
    """
    rules = rules_in_force(store, info, problem)
    search = _search(info, problem)
    if search is not None:
        found = best_on_record(problem, search, store.history(info.id), rules)
    else:
        found = _by_gains(store, info, problem, rules)
    if found is None:
        raise StoreError(f"Run {info.id!r} has no valid program on record.")
    return Champion(found, last_in_search(store, info.id, found))


def _search(info: RunInfo, problem: Problem) -> Search | None:
    """Return the run's search; None if it took every score as it came, or came from others and cannot be made here."""
    if "noise" not in info.config:
        return None
    try:
        return wiring.build_search(settings_of(info), problem)
    except ConfigurationError:
        if is_foreign(info):
            return None
        raise


def _by_gains(store: Store, info: RunInfo, problem: Problem, rules: Rules) -> int | None:
    seen = ((program.gains, -program.step) for program in selectable(store, info, problem, rules))
    leader = max(seen, default=None)
    return None if leader is None else -leader[1]
