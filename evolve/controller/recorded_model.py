"""A language model whose every call is on record, and whose paid answers are never asked for again."""

from __future__ import annotations

import asyncio
import math
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from evolve.controller.journal import Journal
from evolve.domain.proposal import Called, CallState, Completed, Completion, Message, Prompted, Request, Usage
from evolve.errors import ModelError
from evolve.interfaces import LanguageModel, Report, Store, tell_nobody
from evolve.llm.requests import request_hash

INTERRUPTED = "interrupted"
"""The fault of a call that was cut off after an unusable answer was paid for."""


@dataclass(frozen=True, slots=True)
class CallOnRecord:
    """A call that an earlier controller made. ``lost_usd`` is what it had paid for unusable answers to a
    call that it did not see through."""

    request: Request
    answer: Completion | None
    lost_usd: float = 0.0


def calls_on_record(store: Store, run: str, step: int) -> list[CallOnRecord]:
    """Return the calls of an attempt in the order sent."""
    requests = store.requests(run, step)
    paid: dict[str, list[float]] = defaultdict(list)
    if any(answer is None for _, answer in requests):
        for _, called in store.calls(run, step):
            paid[called.request_hash].append(called.cost_usd)
    return [
        CallOnRecord(request, answer, math.fsum(paid[request_hash(request)]) if answer is None else 0.0)
        for request, answer in requests
    ]


class RecordedModel:
    """Wraps a model for one attempt.

    Args:
        model: who is asked.
        journal: where the calls are recorded: before they are sent, and when they are answered.
        step: the attempt.
        on_record: calls of this attempt that an earlier controller made, with the answers it paid for.
            What was asked then stands: a call without an answer is sent again as it was.
    """

    def __init__(
        self,
        model: LanguageModel,
        journal: Journal,
        step: int,
        on_record: Sequence[CallOnRecord] = (),
    ) -> None:
        self.name = model.name
        self._model = model
        self._journal = journal
        self._step = step
        self._on_record = {call.request.call: call for call in on_record}
        self._asked = set(self._on_record)
        self._answers = [call.answer for call in on_record if call.answer is not None]

    def usage(self) -> Usage:
        """Return what the calls of the attempt used."""
        tokens = sum(answer.prompt_tokens + answer.completion_tokens for answer in self._answers)
        return Usage(len(self._asked), tokens, math.fsum(answer.cost_usd for answer in self._answers))

    @property
    def context_tokens(self) -> int | None:
        """See LanguageModel."""
        return self._model.context_tokens

    @property
    def sees(self) -> bool:
        """See LanguageModel."""
        return self._model.sees

    def request(self, messages: Sequence[Message], call: int = 0) -> Request:
        """Return the request the wrapped model would send."""
        return self._model.request(messages, call)

    def price_usd(self, prompt_tokens: int, answer_tokens: int) -> float:
        """See LanguageModel."""
        return self._model.price_usd(prompt_tokens, answer_tokens)

    async def ready(self) -> None:
        """See LanguageModel.ready."""
        await self._model.ready()

    def has_answer(self, request: Request) -> bool:
        """Whether the answer to a call of this number is on record."""
        return self._on_record.get(request.call, CallOnRecord(request, None)).answer is not None

    def has_other(self, request: Request) -> bool:
        """Whether the record has another call of this number."""
        known = self._on_record.get(request.call)
        return known is not None and request_hash(known.request) != request_hash(request)

    async def complete(self, request: Request, report: Report = tell_nobody) -> Completion:
        """Answer from the record, or ask and record. Raises ModelError."""
        before = self._on_record.get(request.call, CallOnRecord(request, None))
        if before.answer is not None:
            return before.answer
        request, key = before.request, request_hash(before.request)
        self._asked.add(request.call)
        await self._journal.write(Prompted(self._step, key, request))
        story = _Story(self._journal, self._step, key, report, before.lost_usd)
        try:
            completion = await self._model.complete(request, story.told)
        except (asyncio.CancelledError, ModelError):
            if story.cost_usd > 0 and self._journal.failure is None:
                self._journal.post(self._keep(key, story.interrupted(request)))
            raise
        completion = replace(completion, cost_usd=completion.cost_usd + before.lost_usd)
        await self._journal.write(self._keep(key, completion))
        return completion

    async def close(self) -> None:
        """Nothing: the wrapped model is shared by all attempts, and closed with the run."""

    def _keep(self, key: str, completion: Completion) -> Completed:
        self._answers.append(completion)
        return Completed(self._step, key, completion)


class _Story:
    """What happens to one call, on its way to the record.

    Nobody waits for it to be durable: it is written before the answer is, and what a crash takes
    of it was worth nothing without one.
    """

    def __init__(self, journal: Journal, step: int, key: str, report: Report, lost_usd: float) -> None:
        self.cost_usd = lost_usd
        self._journal = journal
        self._step = step
        self._key = key
        self._report = report
        self._count = 0
        self._started = time.monotonic()

    def told(self, state: CallState, model: str, detail: str, cost_usd: float) -> None:
        """Record a transition; a Report."""
        self.cost_usd += cost_usd
        if self._journal.failure is None or state is not CallState.FAILED:  # the last word after a failure is lost
            self._journal.post(Called(self._step, self._key, self._count, state, model, detail, cost_usd))
        self._count += 1
        self._report(state, model, detail, cost_usd)

    def interrupted(self, request: Request) -> Completion:
        """Return what keeps the money on record of a call that ends without an answer."""
        seconds = time.monotonic() - self._started
        return Completion("", request.model, INTERRUPTED, 0, 0, self.cost_usd, seconds, INTERRUPTED)
