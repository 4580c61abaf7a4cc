"""One attempt: from a choice to a verdict."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from evolve.controller.exhibits import Exhibits
from evolve.controller.journal import Journal
from evolve.controller.recorded_model import RecordedModel
from evolve.domain.evaluation import Evaluation, Outcome
from evolve.domain.problem import Problem
from evolve.domain.program import Program, fingerprint
from evolve.domain.proposal import Applied, Completion, Evaluated, Selected, Unfinished
from evolve.errors import EvolveError, ModelError, ProposalRejected
from evolve.evaluation.cascade import Cascade
from evolve.interfaces import Context, Draft, LanguageModel, Operator
from evolve.mutation.mix import OperatorMix

CHOOSING, PROPOSING = 0, 1
MODEL_ERROR = "model_error"


def step_rng(seed: int, step: int, stream: int) -> np.random.Generator:
    """Return the generator of one purpose of one step: the same whenever the step is done or redone."""
    return np.random.default_rng((seed, step, stream))


@dataclass(frozen=True, slots=True)
class Ended:
    """An attempt whose work is done but that the search has not been told of.

    ``program`` is None when it was rejected; then ``cause`` and ``detail`` say why.
    """

    selected: Selected
    program: Program | None = None
    evaluation: Evaluation | None = None
    cause: str = ""
    detail: str = ""
    cost_usd: float = 0.0


Prepared = Draft | ProposalRejected | Callable[[], Coroutine[Any, Any, Draft]]
"""A proposal that is made or refused already, or the work of making it with a model."""


def finish_without_waiting(work: Coroutine[Any, Any, Draft]) -> Draft:
    """Run a coroutine that never waits. Operators without a model must see exactly the state that
    the choice was made from, so nothing else may happen in between."""
    try:
        work.send(None)
    except StopIteration as stop:
        draft: Draft = stop.value
        return draft
    work.close()
    raise EvolveError("An operator with needs_model=False waited for something; only operators with a model may.")


def context_for(
    problem: Problem, seed: int, selected: Selected, exhibits: Exhibits, model: LanguageModel | None
) -> Context:
    """Return what the operator of an attempt works from: a function of the record and the run's seed."""
    choice = selected.choice
    return Context(
        step=selected.step,
        problem=problem,
        parent=exhibits.get(choice.parent, choice.island),
        inspirations=[exhibits.get(other, choice.island) for other in choice.inspirations],
        rng=step_rng(seed, selected.step, PROPOSING),
        model=model,
    )


class Attempts:
    """Turns choices into verdicts, several at a time.

    Args:
        problem, seed: of the run.
        operators: to redo an attempt with the operator on record.
        model: who is asked, or None.
        cascade: who judges.
        journal: where each durable state is written before the next begins.
        exhibits: parents and inspirations.
        propose_width: model proposals in the making at once.
        resolved: called whenever a proposal of a model is made or refused.
    """

    def __init__(
        self,
        *,
        problem: Problem,
        seed: int,
        operators: OperatorMix,
        model: LanguageModel | None,
        cascade: Cascade,
        journal: Journal,
        exhibits: Exhibits,
        propose_width: int,
        resolved: Callable[[], None],
    ) -> None:
        self.proposing: set[int] = set()
        self.known: dict[str, int] = {}
        self._problem = problem
        self._seed = seed
        self._operators = operators
        self._model = model
        self._cascade = cascade
        self._journal = journal
        self._exhibits = exhibits
        self._slots = asyncio.Semaphore(propose_width)
        self._resolved = resolved
        self._models: dict[int, RecordedModel] = {}

    def start(self, selected: Selected, operator: Operator) -> Coroutine[Any, Any, Ended]:
        """Return the work of a new attempt. What needs no model is proposed before this returns."""
        return self._work(selected, self._prepare(selected, operator, {}))

    def resume(self, item: Unfinished, paid: Mapping[str, Completion]) -> Coroutine[Any, Any, Ended]:
        """Return the rest of an attempt that was cut off; ``paid`` holds the answers it already has."""
        selected = item.selected
        if item.program is None:
            return self._work(selected, self._prepare(selected, self._operators.named(selected.operator), paid))
        self.known[item.program.fingerprint] = selected.step
        if self._model is not None:
            self._models[selected.step] = RecordedModel(self._model, self._journal, selected.step, paid)
        return self._judge(selected, item.program, item.evaluations)

    def _prepare(self, selected: Selected, operator: Operator, paid: Mapping[str, Completion]) -> Prepared:
        step = selected.step
        model = RecordedModel(self._model, self._journal, step, paid) if self._model is not None else None
        context = context_for(self._problem, self._seed, selected, self._exhibits, model)
        if operator.needs_model and model is not None:
            self._models[step] = model
            self.proposing.add(step)
            return lambda: operator.propose(context)
        try:
            return finish_without_waiting(operator.propose(context))
        except ProposalRejected as rejection:
            return rejection

    async def _work(self, selected: Selected, prepared: Prepared) -> Ended:
        try:
            draft = await self._made(selected.step, prepared)
        except ProposalRejected as rejection:
            return self._ended(selected, cause=rejection.cause, detail=rejection.detail)
        except ModelError as error:
            return self._ended(selected, cause=MODEL_ERROR, detail=str(error))
        mark = fingerprint(draft.files)
        if mark in self.known:
            return self._ended(selected, cause="duplicate", detail=f"the same files as program {self.known[mark]}")
        self.known[mark] = selected.step
        parents = tuple(dict.fromkeys((selected.choice.parent, *selected.choice.inspirations)))
        program = Program(selected.step, draft.files, parents, {"operator": selected.operator, **draft.detail})
        await self._journal.write(Applied(program))
        return await self._judge(selected, program, ())

    async def _made(self, step: int, prepared: Prepared) -> Draft:
        if isinstance(prepared, Draft):
            return prepared
        if isinstance(prepared, ProposalRejected):
            raise prepared
        try:
            async with self._slots:
                return await prepared()
        finally:
            self.proposing.discard(step)
            self._resolved()

    async def _judge(self, selected: Selected, program: Program, done: Sequence[Evaluation]) -> Ended:
        last = done[-1] if done else None
        final_stage = self._problem.stages[-1].name
        async for evaluation in self._cascade.evaluate(program.files, done):
            last = evaluation
            record = Evaluated(program.step, evaluation)
            if evaluation.stage == final_stage or evaluation.outcome is not Outcome.VALID:
                self._journal.post(record)
            else:
                await self._journal.write(record)
        return self._ended(selected, program, last)

    def _ended(
        self,
        selected: Selected,
        program: Program | None = None,
        evaluation: Evaluation | None = None,
        cause: str = "",
        detail: str = "",
    ) -> Ended:
        model = self._models.pop(selected.step, None)
        cost_usd = model.cost_usd if model is not None else 0.0
        return Ended(selected, program, evaluation, cause, detail, cost_usd)
