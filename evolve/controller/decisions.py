"""What a run decides from: one fold over its attempts, for running, resuming and replaying alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from evolve.controller.exhibits import Exhibits, scored
from evolve.controller.memory import Memory
from evolve.controller.steering import Steering, Taken, rules_after
from evolve.domain.causes import Cause
from evolve.domain.evaluation import Evaluation, Outcome, Scored
from evolve.domain.problem import Problem, Stage
from evolve.domain.program import Program
from evolve.domain.proposal import (
    AUDIT,
    NO_USAGE,
    REPEATS,
    Attempt,
    Choice,
    Lesson,
    LessonKind,
    Placement,
    Selected,
    Usage,
)
from evolve.domain.rules import Lens, Rules
from evolve.domain.steering import INJECT
from evolve.errors import ConfigurationError
from evolve.interfaces import Arm, Context, Engage, Exhibit, Failure, LanguageModel, Operator, Search, needs_workshop
from evolve.mutation.answer import ModelOperator
from evolve.mutation.lessons import Lessons
from evolve.mutation.mix import Chooser

CHOOSING, PROPOSING = 0, 1
_DRAWN_BY: Final[Mapping[LessonKind, str]] = {LessonKind.INSIGHT: "distill", LessonKind.INSTRUCTION: "meta_prompt"}
_DRAWS_LESSONS: Final = {name: kind for kind, name in _DRAWN_BY.items()}
_DRAWS: Final = 8
_FAILED: Final = frozenset({Outcome.CRASHED, Outcome.INVALID, Outcome.TIMED_OUT})


def step_rng(seed: int, step: int, stream: int) -> np.random.Generator:
    """Return the generator of one purpose of one step: the same whenever the step is done or redone."""
    return np.random.default_rng((seed, step, stream))


@dataclass(frozen=True, slots=True)
class Ended:
    """An attempt whose work is done but that nothing was told of.

    ``program`` is None when it was rejected; then ``cause`` and ``detail`` say why. ``fatal`` means that
    no other call of a model can succeed either. ``evaluation_s`` is what all stages took.
    """

    selected: Selected
    program: Program | None = None
    evaluation: Evaluation | None = None
    cause: str = ""
    detail: str = ""
    usage: Usage = NO_USAGE
    lessons: Sequence[Lesson] = ()
    fatal: bool = False
    evaluation_s: float = 0.0

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
            attempt.usage,
            attempt.lessons,
            evaluation_s=attempt.evaluation_s,
        )


def scored_of(problem: Problem, ended: Ended) -> Scored:
    """Return what is learned of an attempt, before anybody's rules."""
    selected = ended.selected
    return scored(
        problem,
        step=selected.step,
        island=selected.choice.island,
        operator=selected.operator,
        program=ended.program,
        evaluation=ended.evaluation,
        cost_usd=ended.usage.cost_usd,
        model=selected.model,
        lessons=selected.lessons,
        rescored=selected.choice.parent if selected.operator in REPEATS else None,
    )


class Decisions:
    """Search, operators, lessons and memory of a run. Equal folds decide equally.

    Operators, lessons and memory learn from attempts as they are; the search is told of them as the
    rules want them seen, and told all again by a fresh one when the rules change.

    Args:
        problem, seed: of the run.
        new_search: makes the search that decides which parents.
        rules: under which it is told; those of the configuration.
        operators: who proposes, and which model is asked.
        lessons: what prompts teach, or None for nothing.
        memory: what prompts tell of earlier attempts, or None in a run without a model.
        exhibits: programs with their files.
    """

    def __init__(
        self,
        *,
        problem: Problem,
        seed: int,
        new_search: Callable[[], Search],
        rules: Rules,
        operators: Chooser,
        lessons: Lessons | None,
        memory: Memory | None,
        exhibits: Exhibits,
    ) -> None:
        self.told = 0
        self.operators = operators
        self.steering = Steering()
        self._new_search = new_search
        self._champion: Scored | None
        self.begin(rules)
        self._problem, self._seed = problem, seed
        self._lessons, self._memory, self._exhibits = lessons, memory, exhibits

    # ── steering ──────────────────────────────────────────────────────────────────────────────
    def begin(self, rules: Rules) -> None:
        """Start over with a search that knows nothing, under these rules."""
        self.rules, self.lens, self.search, self._champion = rules, Lens(rules), self._new_search(), None

    def obey(self, taken: Taken, history: Iterable[Attempt]) -> Iterator[int]:
        """Follow an order. One that changes the rules has the search told everything again: then a
        number is yielded after each attempt, so that others may have a turn; nothing may be asked or
        told until it is exhausted.

        Args:
            history: the attempts that were told so far, in order.

        Raises:
            ConfigurationError: the order leaves nothing to breed from; nothing has changed then.
        """
        rules = rules_after(self.rules, taken.order, self._problem)
        if rules != self.rules:
            yield from self._told_again(rules, history)
        self.steering.take(taken)

    def _told_again(self, rules: Rules, history: Iterable[Attempt]) -> Iterator[int]:
        search, lens = self._new_search(), Lens(rules)
        for count, attempt in enumerate(history, 1):
            search.tell(lens.seen(scored_of(self._problem, Ended.on_record(attempt))))
            yield count
        if search.best() is None:
            raise ConfigurationError("It would leave no valid program to go on from.")
        self.rules, self.lens, self.search, self._champion = rules, lens, search, None

    def best(self) -> Scored | None:
        """Return the search's best program, with one gain per objective whatever the rules."""
        found = self.search.best()
        if found is None or self.rules.weights is None:
            return found
        if self._champion is None or self._champion.step != found.step:
            self._champion = self._exhibits.get(found.step, found.island).scored
        return self._champion

    # ── deciding ──────────────────────────────────────────────────────────────────────────────
    def next(self, step: int) -> Selected:
        """Decide what a step is to try."""
        if self.steering.injects(step):
            return Selected(step, self._choice_of_best(), INJECT, self.told)
        rng = step_rng(self._seed, step, CHOOSING)
        choice = self.search.ask(rng)
        if choice.wants in REPEATS:
            return Selected(step, choice, choice.wants, self.told)
        choice = self.steering.chosen(choice, rng, self.lens)
        due = self._lessons.due(step) if self._lessons is not None else None
        if due is not None:
            arm = self.operators.arm(_DRAWN_BY[due], rng)
            return Selected(step, choice, arm.operator, self.told, arm.model)
        arm = self._drawn(choice, rng)
        asks = self.operators.asks_model(arm.operator)
        shown = self._lessons.choose(rng) if self._lessons is not None and asks else ()
        hints = self.steering.hints(self.told) if asks else ()
        return Selected(step, choice, arm.operator, self.told, arm.model, (*shown, *hints))

    def _choice_of_best(self) -> Choice:
        best = self.search.best()
        assert best is not None  # orders are taken up after the seed was told
        return Choice(best.step, (), best.island)

    def _drawn(self, choice: Choice, rng: np.random.Generator) -> Arm:
        """Return whom the search asks for, else draw one that has something to work on, if one comes up soon."""
        if self._is_granted(choice):
            return self.operators.arm(choice.wants, rng)
        for _ in range(_DRAWS):
            arm = self.operators.choose(rng)
            if self._has_material(self.operators.named(arm.operator), choice):
                break
        return arm

    def _is_granted(self, choice: Choice) -> bool:
        """Whether there is the operator that a search asks for, and something for it to work on."""
        if choice.wants not in self.operators.names:
            return False
        if choice.wants in _DRAWS_LESSONS:
            return self._lessons is not None and self._lessons.is_ripe(_DRAWS_LESSONS[choice.wants])
        return self._has_material(self.operators.named(choice.wants), choice)

    def _has_material(self, operator: Operator, choice: Choice) -> bool:
        if not isinstance(operator, ModelOperator):
            return True
        if operator.needs_inspirations and not choice.inspirations:
            return False
        return not operator.needs_failures or any(f.cause in _FAILED for f in self._failures(choice.parent))

    def _failures(self, parent: int) -> Sequence[Failure]:
        return self._memory.failures(parent) if self._memory is not None else ()

    def repeat(self, selected: Selected) -> tuple[Mapping[str, str], Stage]:
        """Return the files that an attempt of REPEATS judges again, and the stage to do it on."""
        sealed = self._problem.sealed if selected.operator == AUDIT else None
        return self._exhibits.files(selected.choice.parent), sealed or self._problem.stages[-1]

    def operator(self, selected: Selected) -> Operator:
        """Return the operator of an attempt."""
        if selected.operator == INJECT:
            return self.steering.injector(INJECT, selected.step)
        return self.operators.named(selected.operator)

    def context(self, selected: Selected, model: LanguageModel | None, engage: Engage | None = None) -> Context:
        """Return what the operator of an attempt works from. Exact only before anything else is told."""
        choice, operator = selected.choice, self.operator(selected)
        context = Context(
            step=selected.step,
            problem=self._problem,
            parent=self._exhibits.get(choice.parent, choice.island),
            inspirations=[self._inspiration(other, choice.island) for other in choice.inspirations],
            rng=step_rng(self._seed, selected.step, PROPOSING),
            model=model,
            engage=engage,
        )
        if not (operator.needs_model or needs_workshop(operator)) or self._memory is None:
            return context
        failures = self._failures(choice.parent)
        if isinstance(operator, ModelOperator) and operator.needs_failures:
            failures = [self._with_files(failure) for failure in failures]
        hints = self.steering.lessons(selected.lessons)
        context = replace(context, failures=failures, lineage=self._memory.lineage(choice.parent), lessons=hints)
        if self._lessons is None:
            return context
        drawn = _DRAWS_LESSONS.get(selected.operator)
        return replace(
            context,
            lessons=[*self._lessons.get(selected.lessons), *hints],
            digest=self._memory.digest(self._lessons.standings(drawn)) if drawn is not None else None,
        )

    def _inspiration(self, step: int, island: int) -> Exhibit:
        best = self.search.best()
        found = self._exhibits.get(step, island)
        return replace(found, why="the best so far") if best is not None and best.step == step else found

    def tell(self, ended: Ended) -> tuple[Scored, Placement, str]:
        """Take in how an attempt ended; return what the search made of it."""
        selected, program = ended.selected, ended.program
        known = scored_of(self._problem, ended)
        placement, cell = self.search.tell(self.lens.seen(known))
        if self.rules.weights is not None and (best := self.search.best()) and best.step == known.step:
            self._champion = known  # its record may not be written yet
        self.steering.forget(known.step)
        self.told += 1
        if known.rescored is not None:
            return known, placement, cell  # nobody's child: there is nothing to learn from but the score
        self.operators.observe(known, program)
        if self._lessons is not None:
            self._lessons.learn(ended.lessons)
            if ended.cause != Cause.MODEL_ERROR:  # an outage says nothing of what the prompt taught
                self._lessons.observe(known)
        if self._memory is not None:
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
