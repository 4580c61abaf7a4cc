"""The champion of a run on record, and what was measured of it."""

from __future__ import annotations

from dataclasses import dataclass

from evolve import wiring
from evolve.account.orders import rules_in_force, selectable
from evolve.controller.announcement import last_in_search
from evolve.controller.measurements import best_on_record
from evolve.domain.evaluation import Evaluation
from evolve.domain.problem import Problem
from evolve.domain.rules import Rules
from evolve.errors import StoreError
from evolve.interfaces import RunInfo, Store


@dataclass(frozen=True, slots=True)
class Champion:
    """A run's best program: its step, and its own verdict in the search."""

    step: int
    evaluation: Evaluation


def champion(store: Store, info: RunInfo, problem: Problem) -> Champion:
    """Return the champion as the run's search has it under the rules that orders made.

    Of a run that took every score as it came: the best gains in order of objectives, the earliest of equals.
    Raises StoreError without a valid program.
    """
    rules = rules_in_force(store, info, problem)
    found = (
        _by_search(store, info, problem, rules) if "noise" in info.config else _by_gains(store, info, problem, rules)
    )
    if found is None:
        raise StoreError(f"Run {info.id!r} has no valid program on record.")
    return Champion(found, last_in_search(store, info.id, found))


def _by_search(store: Store, info: RunInfo, problem: Problem, rules: Rules) -> int | None:
    return best_on_record(problem, wiring.build_search(info.config, problem), store.history(info.id), rules)


def _by_gains(store: Store, info: RunInfo, problem: Problem, rules: Rules) -> int | None:
    seen = ((program.gains, -program.step) for program in selectable(store, info, problem, rules))
    leader = max(seen, default=None)
    return None if leader is None else -leader[1]
