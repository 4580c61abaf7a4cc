"""What a run decides from: one fold over its attempts, for running, resuming and replaying alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from evolve.controller.exhibits import Exhibits, scored
from evolve.controller.memory import Memory
from evolve.domain.evaluation import Evaluation, Outcome, Scored
from evolve.domain.problem import Problem, Stage
from evolve.domain.program import Program
from evolve.domain.proposal import AUDIT, REPEATS, Attempt, Choice, Lesson, LessonKind, Placement, Selected
from evolve.interfaces import Arm, Context, Failure, LanguageModel, Operator, Search
from evolve.mutation.answer import ModelOperator
from evolve.mutation.lessons import Lessons
from evolve.mutation.mix import Chooser

CHOOSING, PROPOSING = 0, 1
_DRAWN_BY: Final[Mapping[LessonKind, str]] = {LessonKind.INSIGHT: "distill", LessonKind.INSTRUCTION: "meta_prompt"}
_DRAWS: Final = 8
_FAILED: Final = frozenset({Outcome.CRASHED, Outcome.INVALID, Outcome.TIMED_OUT})


def step_rng(seed: int, step: int, stream: int) -> np.random.Generator:
    """Return the generator of one purpose of one step: the same whenever the step is done or redone."""
    return np.random.default_rng((seed, step, stream))


@dataclass(frozen=True, slots=True)
class Ended:
    """An attempt whose work is done but that nothing was told of.

    ``program`` is None when it was rejected; then ``cause`` and ``detail`` say why. ``fatal`` means that
    no other call of a model can succeed either.
    """

    selected: Selected
    program: Program | None = None
    evaluation: Evaluation | None = None
    cause: str = ""
    detail: str = ""
    cost_usd: float = 0.0
    lessons: Sequence[Lesson] = ()
    fatal: bool = False

    @staticmethod
    def on_record(attempt: Attempt) -> Ended:
        """Return a finished attempt of the store."""
        finished = attempt.finished
        return Ended(
            attempt.selected,
            attempt.program,
            attempt.evaluation,
            finished.cause,
            finished.detail,
            attempt.cost_usd,
            attempt.lessons,
        )


def scored_attempt(problem: Problem, ended: Ended) -> Scored:
    """Return what the search is told of an attempt."""
    selected = ended.selected
    return scored(
        problem,
        step=selected.step,
        island=selected.choice.island,
        operator=selected.operator,
        program=ended.program,
        evaluation=ended.evaluation,
        cost_usd=ended.cost_usd,
        model=selected.model,
        lessons=selected.lessons,
        rescored=selected.choice.parent if selected.operator in REPEATS else None,
    )


class Decisions:
    """Search, operators, lessons and memory of a run. Equal folds decide equally.

    Args:
        problem, seed: of the run.
        search: which parents.
        operators: who proposes, and which model is asked.
        lessons: what prompts teach, or None in a run without a model.
        memory: what prompts tell of earlier attempts.
        exhibits: programs with their files.
    """

    def __init__(
        self,
        *,
        problem: Problem,
        seed: int,
        search: Search,
        operators: Chooser,
        lessons: Lessons | None,
        memory: Memory,
        exhibits: Exhibits,
    ) -> None:
        self.told = 0
        self.search = search
        self.operators = operators
        self._problem, self._seed = problem, seed
        self._lessons, self._memory, self._exhibits = lessons, memory, exhibits

    def next(self, step: int) -> Selected:
        """Decide what a step is to try."""
        rng = step_rng(self._seed, step, CHOOSING)
        choice = self.search.ask(rng)
        if choice.wants in REPEATS:
            return Selected(step, choice, choice.wants, self.told)
        due = self._lessons.due(step) if self._lessons is not None else None
        if due is not None:
            arm = self.operators.arm(_DRAWN_BY[due], rng)
            return Selected(step, choice, arm.operator, self.told, arm.model)
        arm = self._drawn(choice, rng)
        asks = self._lessons is not None and self.operators.asks_model(arm.operator)
        shown = self._lessons.choose(rng) if self._lessons is not None and asks else ()
        return Selected(step, choice, arm.operator, self.told, arm.model, shown)

    def _drawn(self, choice: Choice, rng: np.random.Generator) -> Arm:
        """Return whom the search asks for, else draw one that has something to work on, if one comes up soon."""
        if choice.wants in self.operators.names and self._has_material(self.operators.named(choice.wants), choice):
            return self.operators.arm(choice.wants, rng)
        for _ in range(_DRAWS):
            arm = self.operators.choose(rng)
            if self._has_material(self.operators.named(arm.operator), choice):
                break
        return arm

    def _has_material(self, operator: Operator, choice: Choice) -> bool:
        if not isinstance(operator, ModelOperator):
            return True
        if operator.needs_inspirations and not choice.inspirations:
            return False
        return not operator.needs_failures or any(f.cause in _FAILED for f in self._memory.failures(choice.parent))

    def repeat(self, selected: Selected) -> tuple[Mapping[str, str], Stage]:
        """Return the files that an attempt of REPEATS judges again, and the stage to do it on."""
        sealed = self._problem.sealed if selected.operator == AUDIT else None
        return self._exhibits.files(selected.choice.parent), sealed or self._problem.stages[-1]

    def operator(self, selected: Selected) -> Operator:
        """Return the operator of an attempt."""
        return self.operators.named(selected.operator)

    def context(self, selected: Selected, model: LanguageModel | None) -> Context:
        """Return what the operator of an attempt works from. Exact only before anything else is told."""
        choice, operator = selected.choice, self.operator(selected)
        context = Context(
            step=selected.step,
            problem=self._problem,
            parent=self._exhibits.get(choice.parent, choice.island),
            inspirations=[self._exhibits.get(other, choice.island) for other in choice.inspirations],
            rng=step_rng(self._seed, selected.step, PROPOSING),
            model=model,
        )
        if not operator.needs_model or self._lessons is None:
            return context
        failures = self._memory.failures(choice.parent)
        if isinstance(operator, ModelOperator) and operator.needs_failures:
            failures = [self._with_files(failure) for failure in failures]
        drawn = {name: kind for kind, name in _DRAWN_BY.items()}.get(selected.operator)
        return replace(
            context,
            failures=failures,
            lineage=self._memory.lineage(choice.parent),
            lessons=self._lessons.get(selected.lessons),
            digest=self._memory.digest(self._lessons.standings(drawn)) if drawn is not None else None,
        )

    def tell(self, ended: Ended) -> tuple[Scored, Placement, str]:
        """Take in how an attempt ended; return what the search made of it."""
        selected, program = ended.selected, ended.program
        known = scored_attempt(self._problem, ended)
        placement, cell = self.search.tell(known)
        self.told += 1
        if known.rescored is not None:
            return known, placement, cell  # nobody's child: there is nothing to learn from but the score
        self.operators.observe(known, program)
        if self._lessons is not None:
            self._lessons.learn(ended.lessons)
            self._lessons.observe(known)
            self._memory.observe(
                known,
                parent=selected.choice.parent,
                program=program,
                evaluation=ended.evaluation,
                cause=ended.cause,
                detail=ended.detail,
            )
        return known, placement, cell

    def _with_files(self, failure: Failure) -> Failure:
        """Add the files of a program that was judged and failed, for an operator that mends it."""
        if failure.cause not in _FAILED:
            return failure
        return replace(failure, files=self._exhibits.files(failure.step))
