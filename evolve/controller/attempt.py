"""One attempt: from a choice to a verdict."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from evolve.controller.decisions import Decisions, Ended
from evolve.controller.journal import Journal
from evolve.controller.recorded_model import CallOnRecord, RecordedModel
from evolve.controller.sessions import Engagement, Office, is_session
from evolve.controller.standards import Standards
from evolve.domain.causes import Cause
from evolve.domain.evaluation import Evaluation, Outcome
from evolve.domain.problem import SEALED
from evolve.domain.program import Program, fingerprint
from evolve.domain.proposal import NO_USAGE, REPEATS, Applied, Evaluated, Learned, Lesson, Selected, Unfinished, Usage
from evolve.errors import EvolveError, ModelError, ProposalRejected
from evolve.evaluation.cascade import Cascade, Standard
from evolve.interfaces import Draft, Engage, LanguageModel, needs_workshop
from evolve.llm.ensemble import Ensemble
from evolve.mutation.novelty import Mark, Novelty

MARK: Final = "mark"
"""Where a program's detail keeps what its like is recognised by."""
MODEL_ERROR = Cause.MODEL_ERROR
OnRecord = Sequence[CallOnRecord]
"""The model calls that an attempt made before it was cut off."""

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


def asked_model(model: LanguageModel | None, selected: Selected) -> LanguageModel | None:
    """Return who is asked in an attempt: the member that was chosen, or the run's only model."""
    return model.member(selected.model) if isinstance(model, Ensemble) and selected.model else model


class Attempts:
    """Turns choices into verdicts, several at a time.

    Args:
        decisions: what operators work from.
        model: who is asked, or None.
        cascade: who judges.
        standards: what the best program so far scored.
        journal: where each durable state is written before the next begins.
        novelty: recognises programs that there were already under other names; None for equal texts only.
        propose_width: model proposals in the making at once.
        resolved: called whenever a proposal of a model is made or refused.
        office: where coding agents work, or None.
    """

    def __init__(
        self,
        *,
        decisions: Decisions,
        model: LanguageModel | None,
        cascade: Cascade,
        standards: Standards,
        journal: Journal,
        novelty: Novelty | None,
        final_stage: str,
        propose_width: int,
        resolved: Callable[[], None],
        office: Office | None = None,
    ) -> None:
        self.proposing: set[int] = set()
        self._known: dict[str, int] = {}
        self._decisions = decisions
        self._model = model
        self._cascade = cascade
        self._standards = standards
        self._journal = journal
        self._novelty = novelty
        self._final_stage = final_stage
        self._slots, self._propose_width = asyncio.Semaphore(propose_width), propose_width
        self._resolved = resolved
        self._models: dict[int, RecordedModel] = {}
        self._office = office
        self._engagements: dict[int, Engagement] = {}
        self._evaluations: Mapping[int, int] = {}

    def remember(self, evaluations: Mapping[int, int]) -> None:
        """Take note of how many evaluations the sessions on record had made, by step."""
        self._evaluations = dict(evaluations)

    def widen(self, propose_width: int) -> None:
        """Allow more proposals in the making at once; fewer are up to whoever begins attempts."""
        for _ in range(self._propose_width, propose_width):
            self._slots.release()
        self._propose_width = max(self._propose_width, propose_width)

    def know(self, step: int, fingerprint: str, detail: Mapping[str, object]) -> None:
        """Remember a program that is on record, with its mark if its detail has one."""
        self._known[fingerprint] = step
        remembered = Mark.decoded(detail.get(MARK)) if self._novelty is not None else None
        if remembered is not None and self._novelty is not None:
            self._novelty.add(step, remembered)

    def start(self, selected: Selected) -> Coroutine[Any, Any, Ended]:
        """Return the work of a new attempt. What needs no model is proposed before this returns.

        May be called again if the store was away: whatever is read is read before anything changes.
        """
        if selected.operator in REPEATS:
            return self._repeat(selected, ())
        best = self._best()
        return self._work(selected, self._prepare(selected, ()), best)

    def resume(self, item: Unfinished, on_record: OnRecord) -> Coroutine[Any, Any, Ended]:
        """Return the rest of an attempt that was cut off. To be called when as much was told as when it was chosen."""
        selected = item.selected
        if selected.operator in REPEATS:
            return self._repeat(selected, item.evaluations)
        if item.program is None:
            return self._work(selected, self._prepare(selected, on_record), self._best())
        self.know(selected.step, item.program.fingerprint, item.program.detail)
        self._recorded(selected, on_record)
        return self._judge(selected, item.program, self._best(), item.evaluations)

    def _best(self) -> Standard:
        """Return what an attempt that is chosen now will be measured by, whenever it is judged."""
        return self._standards.of(self._decisions.search.best())

    async def _repeat(self, selected: Selected, done: Sequence[Evaluation]) -> Ended:
        """Judge a program that is on record once more; the verdict is recorded under this attempt."""
        if done:
            return self._ended(selected, judged=done)
        files, stage = await self._journal.read(lambda: self._decisions.repeat(selected))
        evaluation = await self._cascade.judge(files, stage)
        self._journal.post(Evaluated(selected.step, evaluation))
        return self._ended(selected, judged=[evaluation])

    def _prepare(self, selected: Selected, on_record: OnRecord) -> Prepared:
        operator = self._decisions.operator(selected)
        if operator.needs_model or needs_workshop(operator):
            model = self._recorded(selected, on_record)
            engage = self._engage(selected, model, on_record) if needs_workshop(operator) else None
            context = self._decisions.context(selected, model, engage)
            if model is not None or engage is not None:
                self.proposing.add(selected.step)
                return lambda: operator.propose(context)
        else:
            context = self._decisions.context(selected, None)
        try:
            return finish_without_waiting(operator.propose(context))
        except ProposalRejected as rejection:
            return rejection

    def _recorded(self, selected: Selected, on_record: OnRecord) -> RecordedModel | None:
        """Return the model of an attempt, whose calls are recorded and counted."""
        model = asked_model(self._model, selected)
        if model is None:
            return None
        calls = [call for call in on_record if not is_session(call.request)]
        recorded = RecordedModel(model, self._journal, selected.step, calls)
        self._models[selected.step] = recorded
        return recorded

    def _engage(self, selected: Selected, model: RecordedModel | None, on_record: OnRecord) -> Engage | None:
        """Return how the operator of an attempt has a coding agent work, under what is on record of that."""
        if self._office is None:
            return None
        step = selected.step
        engagement = Engagement(
            self._office,
            step,
            model=model,
            on_record=next((call for call in on_record if is_session(call.request)), None),
            evaluations=self._evaluations.get(step, 0),
            best=self._best(),
        )
        self._engagements[step] = engagement
        return engagement.engage

    async def _work(self, selected: Selected, prepared: Prepared, best: Standard) -> Ended:
        try:
            draft = await self._made(selected.step, prepared)
        except ProposalRejected as rejection:
            return self._ended(selected, cause=rejection.cause, detail=rejection.detail)
        except ModelError as error:
            return self._ended(selected, cause=MODEL_ERROR, detail=str(error), fatal=error.fatal)
        if draft.lessons and not draft.files:
            await self._journal.write(Learned(selected.step, draft.lessons))
            return self._ended(selected, cause=Cause.LESSON, lessons=draft.lessons)
        mark = self._novelty.mark(draft.files) if self._novelty is not None else None
        repeated = self._repeated(selected, draft.files, mark)
        if repeated:
            return self._ended(selected, cause=Cause.DUPLICATE, detail=repeated)
        parents = tuple(dict.fromkeys((selected.choice.parent, *selected.choice.inspirations)))
        marked = {MARK: mark.encoded()} if mark is not None else {}
        detail = {"operator": selected.operator, **draft.detail, **marked}
        program = Program(selected.step, draft.files, parents, detail)
        self.know(selected.step, program.fingerprint, detail)
        await self._journal.write(Applied(program))
        return await self._judge(selected, program, best)

    def _repeated(self, selected: Selected, files: Mapping[str, str], mark: Mark | None) -> str:
        """Return which program this one repeats, in words, or an empty string."""
        same = self._known.get(fingerprint(files))
        if same is not None:
            return f"the same files as program {same}"
        if self._novelty is None or mark is None:
            return ""
        duplicate = self._novelty.check(mark, selected.operator)
        if duplicate is None:
            return ""
        if duplicate.similarity < 1:
            return f"{duplicate.similarity:.0%} of the words of program {duplicate.step}"
        return f"the same program as {duplicate.step}, but for names, comments and layout"

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

    async def _judge(
        self, selected: Selected, program: Program, best: Standard, done: Sequence[Evaluation] = ()
    ) -> Ended:
        judged = list(done)
        async for evaluation in self._cascade.evaluate(program.files, done, best):
            judged.append(evaluation)
            record = Evaluated(program.step, evaluation)
            if evaluation.stage == self._final_stage or evaluation.outcome is not Outcome.VALID:
                self._journal.post(record)
            else:
                await self._journal.write(record)
        self._standards.note(program.step, judged)
        return self._ended(selected, program, judged)

    def _ended(
        self,
        selected: Selected,
        program: Program | None = None,
        judged: Sequence[Evaluation] = (),
        cause: str = "",
        detail: str = "",
        lessons: Sequence[Lesson] = (),
        fatal: bool = False,
    ) -> Ended:
        return Ended(
            selected,
            program,
            judged[-1] if judged else None,
            cause,
            detail,
            self._used(selected.step),
            lessons,
            fatal,
            evaluation_s=math.fsum(evaluation.seconds for evaluation in judged if evaluation.stage != SEALED),
        )

    def _used(self, step: int) -> Usage:
        """Return what the calls of an attempt used."""
        model, engagement = self._models.pop(step, None), self._engagements.pop(step, None)
        usage = model.usage() if model is not None else NO_USAGE
        return usage if engagement is None else replace(usage, calls=usage.calls + engagement.usage().calls)
