"""How a program came about: its line back to the seed, told by the steps that changed its score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evolve.domain.difference import program_diff
from evolve.domain.evaluation import Evaluation, Outcome
from evolve.domain.problem import SEALED, Problem
from evolve.domain.program import SEED_STEP, Program
from evolve.interfaces import Store


@dataclass(frozen=True, slots=True)
class Ancestor:
    """A program of the line.

    Args:
        program, gains: what it is and what it scored when it was first judged; no gains if it was not VALID.
        skipped: programs between it and the one before it in the account that changed the score by nothing.
        diff: what it changed against the one before it.
    """

    program: Program
    gains: tuple[float, ...]
    skipped: int
    diff: str


def lineage(store: Store, run: str, problem: Problem, step: int) -> list[Ancestor]:
    """Return the line of a program, the seed first. Raises NotFound."""
    told: list[Ancestor] = []
    skipped = 0
    for program in _line(store, run, step):
        gains = _gains(problem, store.evaluations(run, program.step))
        if told and program.step != step and gains == told[-1].gains:
            skipped += 1
            continue
        before = told[-1].program.files if told else program.files
        told.append(Ancestor(program, gains, skipped, program_diff(before, program.files)))
        skipped = 0
    return told


def _line(store: Store, run: str, step: int) -> Sequence[Program]:
    line = [store.program(run, step)]
    while line[-1].parents and line[-1].step != SEED_STEP:
        line.append(store.program(run, line[-1].parents[0]))
    return line[::-1]


def _gains(problem: Problem, evaluations: Sequence[Evaluation]) -> tuple[float, ...]:
    judged = [e for e in evaluations if e.stage != SEALED]
    return problem.vector(judged[-1].metrics) if judged and judged[-1].outcome is Outcome.VALID else ()
