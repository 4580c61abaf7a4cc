"""All that was measured of a program: its own verdict and those of the attempts that judged it again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from evolve.controller.decisions import Ended, scored_of
from evolve.domain.evaluation import Evaluation, Outcome
from evolve.domain.problem import SEALED, Problem
from evolve.domain.proposal import REPEATS, Attempt
from evolve.domain.rules import Lens, Rules
from evolve.domain.spread import Spread
from evolve.interfaces import Search, Store


@dataclass(frozen=True, slots=True)
class Measurements:
    """``own`` is the verdict that a program was first told by, ``repeats`` those after it on the same stage.

    Where there are repeats they alone are summarised: a score that won a place was the highest of many.
    """

    own: Evaluation | None
    repeats: tuple[Evaluation, ...] = field(default=())

    def spreads(self, problem: Problem) -> Mapping[str, Spread]:
        """Return mean and interval of each objective, where there is more than one number."""
        found = {}
        for objective in problem.objectives:
            values = [e.metrics[objective.name] for e in self.repeats if objective.name in e.metrics]
            if values:
                found[objective.name] = Spread.of(values)
        return found


def measurements(store: Store, run: str, step: int) -> Measurements:
    """Return what was measured of a program. Raises NotFound."""
    own = [e for e in store.evaluations(run, step) if e.stage != SEALED]
    repeats = [
        attempt.evaluation
        for attempt in store.history(run)
        if attempt.selected.operator in REPEATS and attempt.selected.choice.parent == step and attempt.evaluation
    ]
    valid = (e for e in repeats if e.outcome is Outcome.VALID and e.stage != SEALED)
    return Measurements(own[-1] if own else None, tuple(valid))


def best_on_record(problem: Problem, search: Search, history: Iterable[Attempt], rules: Rules) -> int | None:
    """Return the step of the champion of a stored run, None without a VALID program.

    ``search`` is a fresh one of the configuration; it is told the history as the rules want it seen.
    """
    lens = Lens(rules)
    for attempt in history:
        search.tell(lens.seen(scored_of(problem, Ended.on_record(attempt))))
    best = search.best()
    return best.step if best is not None else None
