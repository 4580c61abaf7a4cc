"""Programs on their way into prompts: files, scores and feedback by step, the recent ones in memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from evolve.domain.evaluation import Evaluation, Outcome, Scored
from evolve.domain.problem import SEALED, Problem
from evolve.domain.program import SEED_STEP, Program
from evolve.domain.proposal import Attempt
from evolve.errors import NotFound, StoreError
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
    known = partial(
        Scored,
        step=step,
        island=island,
        parents=program.parents if program is not None else (),
        operator=operator,
        outcome=outcome,
        cost_usd=cost_usd,
        seconds=evaluation.seconds if evaluation is not None else 0.0,
        model=model,
        lessons=lessons,
        rescored=rescored,
    )
    if evaluation is None or outcome is not Outcome.VALID:
        return known()
    metrics, lead = evaluation.metrics, problem.objectives[0]
    gains = problem.vector(metrics)
    return known(
        gains=gains,
        features=tuple([metrics[feature.name] for feature in problem.features]),
        per_instance={name: lead.gain(value) for name, value in evaluation.per_instance.items()},
        violation=problem.violation(metrics),
        shape=problem.shape(metrics),
        reference=problem.reference(gains) if step == SEED_STEP else (),
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

    def evaluations(self, step: int) -> Sequence[Evaluation]:
        """Return the evaluations of a program that is on record."""
        return self._reader.evaluations(self._run, step)

    def history(self) -> Iterator[Attempt]:
        """Yield the finished attempts that are on record, in the order told."""
        return self._reader.history(self._run)

    def is_valid(self, step: int) -> bool:
        """Whether a step made a program that ended VALID."""
        try:
            judged = [e for e in self._reader.evaluations(self._run, step) if e.stage != SEALED]
        except NotFound:
            return False
        return bool(judged) and judged[-1].outcome is Outcome.VALID

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
