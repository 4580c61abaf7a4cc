"""Programs on their way into prompts: files, scores and feedback by step, the recent ones in memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

from evolve.domain.evaluation import Evaluation, Outcome, Scored
from evolve.domain.problem import SEALED, Problem
from evolve.domain.program import Program
from evolve.errors import StoreError
from evolve.interfaces import Exhibit, Store

_KEPT = 4096


def scored(
    problem: Problem,
    *,
    step: int,
    island: int,
    operator: str,
    program: Program | None,
    evaluation: Evaluation | None,
    cost_usd: float = 0.0,
    model: str = "",
    lessons: tuple[int, ...] = (),
    rescored: int | None = None,
) -> Scored:
    """Return what the search learns of an attempt: REJECTED without an evaluation, numbers only when VALID."""
    outcome = evaluation.outcome if evaluation is not None else Outcome.REJECTED
    valid = evaluation is not None and outcome is Outcome.VALID
    return Scored(
        step=step,
        island=island,
        parents=program.parents if program is not None else (),
        operator=operator,
        outcome=outcome,
        gains=problem.vector(evaluation.metrics) if evaluation is not None and valid else (),
        features=tuple(evaluation.metrics[f.name] for f in problem.features)
        if evaluation is not None and valid
        else (),
        per_instance=evaluation.per_instance if evaluation is not None and valid else {},
        cost_usd=cost_usd,
        seconds=evaluation.seconds if evaluation is not None else 0.0,
        model=model,
        lessons=lessons,
        rescored=rescored,
    )


class Exhibits:
    """A bounded cache over a store.

    Args:
        reader: a store object that only this cache uses, in the loop's thread: a proposal has to
            see its parent at once, so the read may not wait behind writes.
        run: whose programs.
        problem: what they were scored on.
    """

    def __init__(self, reader: Store, run: str, problem: Problem) -> None:
        self._reader = reader
        self._run = run
        self._problem = problem
        self._kept: OrderedDict[int, Exhibit] = OrderedDict()

    def add(self, exhibit: Exhibit) -> None:
        """Keep a program that may soon be a parent."""
        self._kept[exhibit.program.step] = exhibit
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)

    def get(self, step: int, island: int) -> Exhibit:
        """Return a program with all that is known of it. ``island`` is where it is shown."""
        found = self._kept.get(step)
        if found is not None:
            self._kept.move_to_end(step)
            return found
        found = self._load(step, island)
        self.add(found)
        return found

    def files(self, step: int) -> Mapping[str, str]:
        """Return the files of a program that is on record."""
        found = self._kept.get(step)
        return found.program.files if found is not None else self._reader.program(self._run, step).files

    def _load(self, step: int, island: int) -> Exhibit:
        judged = [e for e in self._reader.evaluations(self._run, step) if e.stage != SEALED]
        if not judged:
            raise StoreError(f"Run {self._run!r}: program {step} was chosen but has no evaluation on record.")
        program = self._reader.program(self._run, step)
        known = scored(
            self._problem,
            step=step,
            island=island,
            operator=str(program.detail.get("operator", "")),
            program=program,
            evaluation=judged[-1],
        )
        return Exhibit(program, known, judged[-1])
