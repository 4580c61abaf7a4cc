"""Doing a recorded run again, offline, to prove that the record explains it.

Selections, prompts, programs and placements are computed anew from the run's seed and the recorded
answers of models and judges; the first that differs from the record is reported.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evolve.controller.attempt import CHOOSING, context_for, step_rng
from evolve.controller.exhibits import Exhibits, scored
from evolve.domain.problem import Problem
from evolve.domain.program import SEED_STEP, fingerprint
from evolve.domain.proposal import Attempt, Completion, Message, Request
from evolve.errors import ModelError, ProposalRejected
from evolve.interfaces import LanguageModel, Report, Search, Store, tell_nobody
from evolve.llm.requests import request_hash
from evolve.mutation.mix import OperatorMix


@dataclass(frozen=True, slots=True)
class Difference:
    """The first place where doing it again gave something else."""

    step: int
    what: str
    recorded: str
    replayed: str


class _OnRecord:
    """A model that answers from the record and from nothing else."""

    def __init__(self, model: LanguageModel, paid: Mapping[str, Completion]) -> None:
        self.name = model.name
        self.context_tokens = model.context_tokens
        self.sees = model.sees
        self._model = model
        self._paid = paid

    def request(self, messages: Sequence[Message], call: int = 0) -> Request:
        """Return the request the run's model would have sent."""
        return self._model.request(messages, call)

    async def ready(self) -> None:
        """The record can always be read."""

    async def complete(self, request: Request, report: Report = tell_nobody) -> Completion:
        """Return the recorded answer. Raises ModelError when this was never answered."""
        key = request_hash(request)
        if key not in self._paid:
            raise ModelError("no recorded answer to this prompt")
        return self._paid[key]

    async def close(self) -> None:
        """Nothing is held."""


class Replay:
    """One replay of one run.

    Args:
        store, run: the record.
        problem, seed, search, operators, model: freshly built from the run's configuration.
    """

    def __init__(
        self,
        *,
        store: Store,
        run: str,
        problem: Problem,
        seed: int,
        search: Search,
        operators: OperatorMix,
        model: LanguageModel | None,
    ) -> None:
        self._store = store
        self._run = run
        self._problem = problem
        self._seed = seed
        self._search = search
        self._operators = operators
        self._model = model
        self._exhibits = Exhibits(store, run, problem)
        self._told = 0

    async def first_difference(self) -> Difference | None:
        """Do it all again; return the first difference, or None when the history is identical."""
        told = list(self._store.history(self._run))
        fingerprints = {attempt.fingerprint for attempt in told if attempt.fingerprint}
        for attempt in sorted(told, key=lambda a: a.selected.step):
            difference = self._tell_until(told, attempt.selected.finished_before)
            if difference is None and attempt.selected.step != SEED_STEP:
                difference = self._ask(attempt) or await self._propose(attempt, fingerprints)
            if difference is not None:
                return difference
        return self._tell_until(told, len(told))

    def _tell_until(self, told: Sequence[Attempt], count: int) -> Difference | None:
        while self._told < count:
            attempt = told[self._told]
            self._told += 1
            selected, finished = attempt.selected, attempt.finished
            known = scored(
                self._problem,
                step=selected.step,
                island=selected.choice.island,
                operator=selected.operator,
                program=attempt.program,
                evaluation=attempt.evaluation,
                cost_usd=attempt.cost_usd,
            )
            placement, cell = self._search.tell(known)
            self._operators.observe(known, attempt.program)
            if (placement, cell) != (finished.placement, finished.cell):
                recorded = f"{finished.placement.name} {finished.cell}"
                return Difference(selected.step, "placement", recorded, f"{placement.name} {cell}")
        return None

    def _ask(self, attempt: Attempt) -> Difference | None:
        rng = step_rng(self._seed, attempt.selected.step, CHOOSING)
        choice = self._search.ask(rng)
        operator = self._operators.choose(rng).operator
        recorded = (attempt.selected.choice, attempt.selected.operator)
        if (choice, operator) != recorded:
            return Difference(attempt.selected.step, "selection", str(recorded), str((choice, operator)))
        return None

    async def _propose(self, attempt: Attempt, fingerprints: set[str]) -> Difference | None:
        selected, finished = attempt.selected, attempt.finished
        calls = self._store.requests(self._run, selected.step)
        paid = {request_hash(request): answer for request, answer in calls if answer is not None}
        model = _OnRecord(self._model, paid) if self._model is not None else None
        context = context_for(self._problem, self._seed, selected, self._exhibits, model)
        try:
            draft = await self._operators.named(selected.operator).propose(context)
        except (ProposalRejected, ModelError) as refusal:
            cause = refusal.cause if isinstance(refusal, ProposalRejected) else "model_error"
            if cause == finished.cause:
                return None
            return Difference(selected.step, "rejection", finished.cause or "a program", f"{cause}: {refusal}")
        mark = fingerprint(draft.files)
        if attempt.program is None:
            if finished.cause == "duplicate" and mark in fingerprints:
                return None
            return Difference(selected.step, "program", f"none ({finished.cause})", mark)
        if mark != attempt.fingerprint:
            return Difference(selected.step, "program", attempt.fingerprint, mark)
        return None
