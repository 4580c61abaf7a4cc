"""Sessions of coding agents: within their budget, on record, and taken from there when a run is done again.

A session is on record as a call: what was asked is written before it begins, what came of it when it is over.
Each evaluation that it had made is an event, each call of a model one more call of the attempt. A session that
a crash cut off is begun anew: what it had used by then stays used, and answers to equal calls are on record.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from evolve.controller.journal import Journal
from evolve.controller.ledger import Ledger
from evolve.controller.recorded_model import CallOnRecord, RecordedModel
from evolve.domain.difference import program_diff
from evolve.domain.evaluation import Evaluation
from evolve.domain.problem import Problem
from evolve.domain.program import fingerprint
from evolve.domain.proposal import NO_USAGE, Completed, Completion, Event, Message, Prompted, Request, Usage
from evolve.domain.tokens import estimate_prompt_tokens, shorten
from evolve.errors import ModelError, ProposalRejected, SandboxUnavailable
from evolve.evaluation.cascade import Cascade, Standard
from evolve.interfaces import Commission, Session, SessionEnd, Workshop
from evolve.llm.requests import request_hash
from evolve.mutation.patch import check, check_syntax

AGENT: Final = "coding agent"
"""Whom the record names as the model of a call that is a session."""
EVALUATED: Final = "agent_evaluated"
"""Kind of the events that tell of an evaluation that an agent had made."""
BEGUN_ANEW: Final = "agent_begun_anew"
_GIVEN_UP: Final = "given up"
_LONGEST_ANSWER_TOKENS: Final = 16_384
_ESTIMATE_MARGIN: Final = 1.25
_FEEDBACK_TOKENS: Final = 1000
_DIFF_TOKENS: Final = 4000


def evaluations_on_record(events: Iterable[Event]) -> dict[int, int]:
    """Return step -> how many evaluations its agent had made."""
    return dict(Counter(int(str(event.data["step"])) for event in events if event.kind == EVALUATED))


def is_session(request: Request) -> bool:
    """Whether a call on record is a session."""
    return request.model == AGENT


def session_request(commission: Commission) -> Request:
    """Return a commission as the call that it is on record as."""
    allowance = asdict(commission.allowance)
    mark = fingerprint(commission.files)
    settings = {"command": list(commission.command), "allowance": allowance, "files": mark}
    return Request(AGENT, (Message("user", commission.task),), settings)


def session_of(completion: Completion) -> Session:
    """Return the session that an answer on record is."""
    kept: dict[str, Any] = json.loads(completion.text)
    return Session(**{**kept, "end": SessionEnd(kept["end"]), "others": tuple(kept["others"])})


def completion_of(session: Session) -> Completion:
    """Return a session as the answer that it is on record as; its models' calls have their own."""
    return Completion(json.dumps(asdict(session)), AGENT, str(session.end), 0, 0, 0.0, session.seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """What the sessions of a run have in common."""

    workshop: Workshop
    problem: Problem
    cascade: Cascade
    journal: Journal
    ledger: Ledger


class Engagement:
    """The session of one attempt; ``engage`` is what its operator calls.

    Args:
        office: of the run.
        step: the attempt.
        model: of the attempt, or None.
        on_record: the session, if an earlier controller began it.
        evaluations: how many it had made by then.
        best: what evaluations are measured by.
    """

    def __init__(
        self,
        office: Office,
        step: int,
        *,
        model: RecordedModel | None,
        on_record: CallOnRecord | None,
        evaluations: int,
        best: Standard,
    ) -> None:
        self._office, self._step, self._model = office, step, model
        self._before, self._evaluations, self._best = on_record, evaluations, best
        self._asked = on_record is not None

    def usage(self) -> Usage:
        """Return what the session itself counts for, beside its model's calls."""
        return Usage(1) if self._asked else NO_USAGE

    async def engage(self, commission: Commission) -> Session:
        """Have the agent work, or return what came of it. An Engage."""
        before = self._before
        if before is not None and before.answer is not None:
            return session_of(before.answer)
        request = session_request(commission)
        key, journal = request_hash(request), self._office.journal
        self._asked = True
        if before is not None:
            used = {"evaluations": self._evaluations, "calls": self._used().calls}
            journal.post(Event(BEGUN_ANEW, {"step": self._step, **used}))
        await journal.write(Prompted(self._step, key, request))
        wall_s = min(commission.allowance.wall_s, self._office.ledger.wall_left_s())
        commission = replace(commission, allowance=replace(commission.allowance, wall_s=wall_s))
        desk = SessionDesk(self._office, self._step, commission, self._model, self._evaluations, self._best)
        try:
            session = await self._office.workshop.work(commission, desk)
        except SandboxUnavailable as error:
            raise ModelError(f"The coding agent's sandbox failed: {error}") from error
        completion = completion_of(session)
        await journal.write(Completed(self._step, key, completion))
        return session_of(completion)

    def _used(self) -> Usage:
        return self._model.usage() if self._model is not None else NO_USAGE


class SessionDesk:
    """Grants what one session may have, and records it; implements Desk."""

    def __init__(
        self,
        office: Office,
        step: int,
        commission: Commission,
        model: RecordedModel | None,
        evaluations: int,
        best: Standard,
    ) -> None:
        self._office, self._step, self._commission, self._model = office, step, commission, model
        self._evaluations, self._best = evaluations, best
        self._one_call = asyncio.Lock()
        self._call = 0

    def left(self) -> Mapping[str, object]:
        """See Desk.left."""
        allowance, used = self._commission.allowance, self._usage()
        left: dict[str, object] = {
            "evaluations": max(0, allowance.evaluations - self._evaluations),
            "calls": max(0, allowance.calls - used.calls),
        }
        if allowance.cost_usd is not None:
            left["cost_usd"] = max(0.0, allowance.cost_usd - used.cost_usd)
        return left

    # ── evaluations ───────────────────────────────────────────────────────────────────────────
    async def evaluate(self, files: Mapping[str, str]) -> Mapping[str, object]:
        """See Desk.evaluate. What could never be a proposal is not judged, and not counted."""
        parent, problem = self._commission.files, self._office.problem
        try:
            if files != parent:
                check(parent, files, problem.is_editable)
                check_syntax(parent, files)
        except ProposalRejected as rejection:
            return {"error": f"not judged, not counted: {rejection}", "cause": str(rejection.cause)}
        if self._evaluations >= self._commission.allowance.evaluations:
            return {"error": f"all {self._evaluations} evaluations of this session are used", "spent": True}
        refusal = self._office.ledger.begin_evaluation()
        if refusal:
            return {"error": refusal, "spent": True}
        self._evaluations += 1
        return await self._judged(self._evaluations, files)

    async def _judged(self, number: int, files: Mapping[str, str]) -> Mapping[str, object]:
        """Judge, write down, count; however it ends."""
        seconds, outcome, last = 0.0, _GIVEN_UP, None
        try:
            async for evaluation in self._office.cascade.evaluate(files, best=self._best):
                seconds, outcome, last = seconds + evaluation.seconds, str(evaluation.outcome), evaluation
        except asyncio.CancelledError:
            outcome = _GIVEN_UP
            raise
        finally:
            self._office.ledger.end_evaluation(seconds)
            if self._office.journal.failure is None:
                self._office.journal.post(self._event(number, files, outcome, last, seconds))
        await self._office.journal.write()
        assert last is not None  # a cascade has a stage
        return {**_told(last), "left": self.left()}

    def _event(
        self, number: int, files: Mapping[str, str], outcome: str, last: Evaluation | None, seconds: float
    ) -> Event:
        found = {"stage": last.stage, "metrics": dict(last.metrics)} if last is not None else {}
        changed = shorten(program_diff(self._commission.files, files), _DIFF_TOKENS)
        about = {"step": self._step, "number": number, "fingerprint": fingerprint(files), "seconds": seconds}
        return Event(EVALUATED, {**about, "outcome": outcome, **found, "diff": changed})

    # ── the model ─────────────────────────────────────────────────────────────────────────────
    async def ask(self, messages: Sequence[Message]) -> Mapping[str, object]:
        """See Desk.ask. One call at a time, so that what it may cost can be told before it is sent."""
        if self._model is None:
            return {"error": "this run has no model to ask", "spent": True}
        async with self._one_call:
            request = self._next(self._model, messages)
            refusal = self._refusal(self._model, request)
            if refusal:
                return {"error": refusal, "spent": True}
            try:
                completion = await self._model.complete(request)
            except ModelError as error:
                return {"error": f"the model did not answer: {error}"}
            finally:
                self._office.ledger.used(self._step, self._usage())
        return {
            "text": completion.text,
            "finish_reason": "stop" if completion.finish_reason != "length" else "length",
            "prompt_tokens": completion.prompt_tokens,
            "completion_tokens": completion.completion_tokens,
            "left": self.left(),
        }

    def _next(self, model: RecordedModel, messages: Sequence[Message]) -> Request:
        """Return the next call: one on record if it asks the same, else one of a number that is free."""
        self._call += 1
        while model.has_other(request := model.request(messages, self._call)):
            self._call += 1
        return request

    def _refusal(self, model: RecordedModel, request: Request) -> str:
        """Return why a call may not be made, or an empty string."""
        if model.has_answer(request):
            return ""
        allowance, used = self._commission.allowance, self._usage()
        if used.calls >= allowance.calls:
            return f"all {allowance.calls} calls of this session are used"
        most = request.settings.get("max_tokens")
        answer_tokens = most if isinstance(most, int) else _LONGEST_ANSWER_TOKENS
        prompt_tokens = round(estimate_prompt_tokens(request.messages) * _ESTIMATE_MARGIN)
        cost_usd = used.cost_usd + model.price_usd(prompt_tokens, answer_tokens)
        if allowance.cost_usd is not None and cost_usd > allowance.cost_usd:
            return f"a call may cost ${cost_usd - used.cost_usd:.4f}, more than is left of ${allowance.cost_usd:g}"
        tokens = used.tokens + prompt_tokens + answer_tokens
        return self._office.ledger.refuses_call(self._step, Usage(used.calls + 1, tokens, cost_usd))

    def _usage(self) -> Usage:
        return self._model.usage() if self._model is not None else NO_USAGE


def _told(evaluation: Evaluation) -> dict[str, object]:
    """Return what an agent learns of an evaluation: what a prompt would say of it."""
    return {
        "outcome": str(evaluation.outcome),
        "stage": evaluation.stage,
        "metrics": dict(evaluation.metrics),
        "feedback": shorten(evaluation.feedback, _FEEDBACK_TOKENS),
        "output": shorten(evaluation.artifacts.get("output", b"").decode("utf-8", "replace"), _FEEDBACK_TOKENS),
    }
