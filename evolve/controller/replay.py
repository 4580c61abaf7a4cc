"""Doing a recorded run again, offline, to prove that the record explains it.

Selections, prompts, programs and placements are computed anew from the run's seed and the recorded
answers of models and judges; the first that differs from the record is reported.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from evolve.controller.attempt import MARK, MODEL_ERROR, asked_model
from evolve.controller.decisions import Decisions, Ended
from evolve.controller.fork import forked_attempts
from evolve.controller.orders import follow_again
from evolve.controller.retention import Pruned
from evolve.controller.sessions import session_of, session_request
from evolve.controller.stand_in import StandIn
from evolve.controller.steering import Taken, taken_orders
from evolve.domain.causes import Cause
from evolve.domain.program import SEED_STEP, fingerprint
from evolve.domain.proposal import REPEATS, Attempt, Completion, Request, Selected
from evolve.errors import ModelError, ProposalRejected
from evolve.interfaces import (
    Commission,
    Draft,
    Engage,
    LanguageModel,
    Prunable,
    Report,
    Session,
    Store,
    needs_workshop,
    tell_nobody,
)
from evolve.llm.requests import request_hash
from evolve.mutation.novelty import Mark, Novelty


@dataclass(frozen=True, slots=True)
class Difference:
    """The first place where doing it again gave something else."""

    step: int
    what: str
    recorded: str
    replayed: str


class _OnRecord(StandIn):
    """Answers from the record and from nothing else."""

    def __init__(self, model: LanguageModel, find: Callable[[str], Completion | None]) -> None:
        super().__init__(model)
        self._find = find

    async def complete(self, request: Request, report: Report = tell_nobody) -> Completion:
        """Return the recorded answer. Raises ModelError when this was never answered."""
        answer = self._find(request_hash(request))
        if answer is None:
            raise ModelError("no recorded answer to this prompt")
        return answer


class Replay:
    """One replay of one run.

    Args:
        store, run: the record.
        decisions: freshly built from the run's configuration.
        model: the same; never asked.
        novelty: the same.

    Attributes:
        untold: attempts whose proposals were taken from the record, as what they were made from was pruned.
    """

    def __init__(
        self, *, store: Store, run: str, decisions: Decisions, model: LanguageModel | None, novelty: Novelty | None
    ) -> None:
        self._store, self._run = store, run
        self._decisions = decisions
        self._model = model
        self._novelty = novelty
        self._fingerprints: set[str] = set()
        self._orders: deque[Taken] = deque()
        self._pruned = Pruned()
        self.untold: dict[Prunable, list[int]] = {}

    async def first_difference(self) -> Difference | None:
        """Do it all again; return the first difference, or None when the history is identical."""
        told = list(self._store.history(self._run))
        taken_over = forked_attempts(self._store, self._run)
        events = [event for _, event in self._store.events(self._run)]
        self._pruned = Pruned.of(events)
        orders = taken_orders(events)
        self._orders = deque(item for item in orders if not item.refused)
        self._remember(told)
        for attempt in sorted(told, key=lambda a: a.selected.step):
            given = attempt.selected.step == SEED_STEP or attempt.finished.sequence < taken_over
            if given:
                continue
            difference = self._tell_until(told, attempt.selected.finished_before, attempt.selected.step)
            if difference is None:
                difference = self._ask(attempt) or await self._proposed(attempt)
            if difference is not None:
                return difference
        return self._tell_until(told, len(told), len(told))

    def _remember(self, told: Sequence[Attempt]) -> None:
        for attempt in told:
            if attempt.program is not None:
                self._fingerprints.add(attempt.fingerprint)
                mark = Mark.decoded(attempt.program.detail.get(MARK))
                if mark is not None and self._novelty is not None:
                    self._novelty.add(attempt.selected.step, mark)

    def _tell_until(self, told: Sequence[Attempt], count: int, step: int) -> Difference | None:
        """Tell as much as had been told when ``step`` was chosen, and follow the orders taken up before it."""
        while True:
            self._obey_before(step, told)
            if self._decisions.told >= count:
                return None
            attempt = told[self._decisions.told]
            placement, cell = self._decisions.tell(Ended.on_record(attempt))[1:]
            finished = attempt.finished
            if (placement, cell) != (finished.placement, finished.cell):
                recorded = f"{finished.placement.name} {finished.cell}"
                return Difference(attempt.selected.step, "placement", recorded, f"{placement.name} {cell}")

    def _obey_before(self, step: int, told: Sequence[Attempt]) -> None:
        now = self._decisions.told
        while self._orders and self._orders[0].told <= now and self._orders[0].step <= step:
            follow_again(self._decisions, self._orders.popleft(), told)

    def _ask(self, attempt: Attempt) -> Difference | None:
        selected = self._decisions.next(attempt.selected.step)
        if selected != attempt.selected:
            return Difference(selected.step, "selection", str(attempt.selected), str(selected))
        return None

    async def _proposed(self, attempt: Attempt) -> Difference | None:
        """Propose again, as far as the record still holds what that takes."""
        step = attempt.selected.step
        if attempt.usage.calls and self._pruned.has(Prunable.ANSWERS, step):
            self._note_untold(Prunable.ANSWERS, step)
            return None
        difference = await self._propose(attempt)
        choice = attempt.selected.choice
        shown = (choice.parent, *choice.inspirations)
        lost = any(self._pruned.has(Prunable.ARTIFACTS, program) for program in shown)
        if difference is not None and attempt.usage.calls and lost:
            self._note_untold(Prunable.ARTIFACTS, step)
            return None
        return difference

    def _note_untold(self, what: Prunable, step: int) -> None:
        self.untold.setdefault(what, []).append(step)

    async def _propose(self, attempt: Attempt) -> Difference | None:
        selected, finished = attempt.selected, attempt.finished
        if selected.operator in REPEATS:
            return None  # a judge's verdict is taken from the record
        operator = self._decisions.operator(selected)
        engage = self._session_on_record(selected) if needs_workshop(operator) else None
        context = self._decisions.context(selected, self._on_record(selected), engage)
        try:
            draft = await operator.propose(context)
        except (ProposalRejected, ModelError) as refusal:
            cause = refusal.cause if isinstance(refusal, ProposalRejected) else MODEL_ERROR
            if cause == finished.cause:
                return None
            return Difference(selected.step, "rejection", finished.cause or "a program", f"{cause}: {refusal}")
        return self._compare(attempt, draft)

    def _compare(self, attempt: Attempt, draft: Draft) -> Difference | None:
        selected, finished = attempt.selected, attempt.finished
        if draft.lessons and not draft.files:
            same = tuple(draft.lessons) == tuple(attempt.lessons)
            return None if same else Difference(selected.step, "lessons", str(attempt.lessons), str(draft.lessons))
        mark = fingerprint(draft.files)
        if attempt.program is None:
            if finished.cause == Cause.DUPLICATE and self._is_known(draft.files, selected.operator):
                return None
            return Difference(selected.step, "program", f"none ({finished.cause})", mark)
        if mark != attempt.fingerprint:
            return Difference(selected.step, "program", attempt.fingerprint, mark)
        return None

    def _on_record(self, selected: Selected) -> LanguageModel | None:
        model = asked_model(self._model, selected)
        if model is None:
            return None
        return _OnRecord(model, lambda key: self._store.completion(self._run, selected.step, key))

    def _session_on_record(self, selected: Selected) -> Engage:
        """Return what gives a coding agent's session from the record, and runs none."""

        async def engage(commission: Commission) -> Session:
            key = request_hash(session_request(commission))
            answer = self._store.completion(self._run, selected.step, key)
            if answer is None:
                raise ModelError("no session on record of this commission")
            return session_of(answer)

        return engage

    def _is_known(self, files: Mapping[str, str], operator: str) -> bool:
        if fingerprint(files) in self._fingerprints:
            return True
        novelty = self._novelty
        return novelty is not None and novelty.check(novelty.mark(files), operator) is not None
