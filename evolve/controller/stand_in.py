"""Whoever answers in a model's place, and never sends anything."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from evolve.domain.proposal import Completion, Message, Request
from evolve.interfaces import LanguageModel, Report, tell_nobody


class StandIn(ABC):
    """A LanguageModel with the name, requests and prices of another."""

    def __init__(self, model: LanguageModel) -> None:
        self.name = model.name
        self.context_tokens = model.context_tokens
        self.sees = model.sees
        self._model = model

    def request(self, messages: Sequence[Message], call: int = 0) -> Request:
        """Return the request the model would have sent."""
        return self._model.request(messages, call)

    def price_usd(self, prompt_tokens: int, answer_tokens: int) -> float:
        """See LanguageModel."""
        return self._model.price_usd(prompt_tokens, answer_tokens)

    async def ready(self) -> None:  # noqa: B027 - doing nothing is the behaviour
        """Nothing is sent, so nothing has to be there."""

    @abstractmethod
    async def complete(self, request: Request, report: Report = tell_nobody) -> Completion:
        """Answer. Raises ModelError."""

    async def close(self) -> None:  # noqa: B027 - doing nothing is the behaviour
        """Nothing is held."""
