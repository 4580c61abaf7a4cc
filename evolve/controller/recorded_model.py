"""A language model whose every call is on record, and whose paid answers are never asked for again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from evolve.controller.journal import Journal
from evolve.domain.proposal import Completed, Completion, Message, Prompted, Request
from evolve.interfaces import LanguageModel, Report, tell_nobody
from evolve.llm.requests import request_hash


class RecordedModel:
    """Wraps a model for one attempt.

    Args:
        model: who is asked.
        journal: where the calls are recorded: before they are sent, and when they are answered.
        step: the attempt.
        paid: answers of this attempt that an earlier controller already paid for, by request hash.
    """

    def __init__(self, model: LanguageModel, journal: Journal, step: int, paid: Mapping[str, Completion]) -> None:
        self.name = model.name
        self.cost_usd = sum(completion.cost_usd for completion in paid.values())
        self._model = model
        self._journal = journal
        self._step = step
        self._paid = paid

    def request(self, messages: Sequence[Message], call: int = 0) -> Request:
        """Return the request the wrapped model would send."""
        return self._model.request(messages, call)

    async def ready(self) -> None:
        """See LanguageModel.ready."""
        await self._model.ready()

    async def complete(self, request: Request, report: Report = tell_nobody) -> Completion:
        """Answer from the record, or ask and record. Raises ModelError."""
        key = request_hash(request)
        if key in self._paid:
            return self._paid[key]
        await self._journal.write(Prompted(self._step, key, request))
        completion = await self._model.complete(request)
        self.cost_usd += completion.cost_usd
        await self._journal.write(Completed(self._step, key, completion))
        return completion

    async def close(self) -> None:
        """Nothing: the wrapped model is shared by all attempts, and closed with the run."""
