"""A model with answers from a script: for tests, demonstrations and dry runs."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

from evolve.domain.proposal import CallState, Completion, Message, Request
from evolve.domain.tokens import estimate_prompt_tokens, estimate_tokens
from evolve.errors import ConfigurationError
from evolve.interfaces import Report, tell_nobody
from evolve.llm.answers import Answer, fault


class ScriptedModel:
    """Answers with given texts; implements LanguageModel.

    Args:
        answers: texts given in turn, starting over after the last; or a function of the request,
            for answers that do not depend on the order of calls.
        name: name of the model in records.
        cost_usd: what each answer costs.
        finish_reason: ``stop``, or ``length`` for answers that were cut off.
    """

    def __init__(
        self,
        answers: Sequence[str] | Callable[[Request], str],
        *,
        name: str = "scripted",
        cost_usd: float = 0.0,
        finish_reason: str = "stop",
    ) -> None:
        if not callable(answers) and not answers:
            raise ConfigurationError("ScriptedModel: expected at least one answer, found none.")
        self.name = name
        self._answer = answers if callable(answers) else _in_turn(answers)
        self._cost_usd = cost_usd
        self._finish_reason = finish_reason
        self.context_tokens: int | None = None
        self.sees = False

    def request(self, messages: Sequence[Message], call: int = 0) -> Request:
        """Return the request for messages; a script has no settings."""
        return Request(self.name, tuple(messages), {}, call)

    def price_usd(self, prompt_tokens: int, answer_tokens: int) -> float:
        """Return the price of an answer."""
        return self._cost_usd

    async def ready(self) -> None:
        """A script can always be read."""

    async def complete(self, request: Request, report: Report = tell_nobody) -> Completion:
        """Return the next answer."""
        report(CallState.SENT, self.name, "", 0.0)
        text = self._answer(request)
        tokens = (estimate_prompt_tokens(request.messages), estimate_tokens(text))
        answer = Answer(text, self.name, self._finish_reason, *tokens)
        wrong = fault(request, answer)
        report(CallState.ANSWERED, self.name, wrong or self._finish_reason, self._cost_usd)
        report(CallState.FAILED if wrong else CallState.VALIDATED, self.name, wrong, 0.0)
        return Completion(text, self.name, self._finish_reason, *tokens, self._cost_usd, seconds=0.0, fault=wrong)

    async def close(self) -> None:
        """Nothing is held."""


def _in_turn(answers: Sequence[str]) -> Callable[[Request], str]:
    texts = itertools.cycle(answers)
    return lambda _request: next(texts)
