"""A language model whose every call is on record, and whose paid answers are never asked for again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from evolve.controller.journal import Journal
from evolve.domain.proposal import Called, CallState, Completed, Completion, Message, Prompted, Request
from evolve.errors import ModelError
from evolve.interfaces import LanguageModel, Report, tell_nobody
from evolve.llm.requests import request_hash

INTERRUPTED = "interrupted"
"""The fault of a call that was cut off after an unusable answer was paid for."""


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
        on_record: Sequence[tuple[Request, Completion | None]] = (),
    ) -> None:
        self.name = model.name
        self.cost_usd = sum(answer.cost_usd for _, answer in on_record if answer is not None)
        self._model = model
        self._journal = journal
        self._step = step
        self._on_record = {request.call: (request, answer) for request, answer in on_record}

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

    async def ready(self) -> None:
        """See LanguageModel.ready."""
        await self._model.ready()

    async def complete(self, request: Request, report: Report = tell_nobody) -> Completion:
        """Answer from the record, or ask and record. Raises ModelError."""
        request, answer = self._on_record.get(request.call, (request, None))
        if answer is not None:
            return answer
        key = request_hash(request)
        await self._journal.write(Prompted(self._step, key, request))
        story = _Story(self._journal, self._step, key, report)
        try:
            completion = await self._model.complete(request, story.told)
        except (asyncio.CancelledError, ModelError):
            if story.cost_usd > 0 and self._journal.failure is None:
                self._journal.post(self._keep(key, story.interrupted(request)))
            raise
        await self._journal.write(self._keep(key, completion))
        return completion

    async def close(self) -> None:
        """Nothing: the wrapped model is shared by all attempts, and closed with the run."""

    def _keep(self, key: str, completion: Completion) -> Completed:
        self.cost_usd += completion.cost_usd
        return Completed(self._step, key, completion)


class _Story:
    """What happens to one call, on its way to the record.

    Nobody waits for it to be durable: it is written before the answer is, and what a crash takes
    of it was worth nothing without one.
    """

    def __init__(self, journal: Journal, step: int, key: str, report: Report) -> None:
        self.cost_usd = 0.0
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
