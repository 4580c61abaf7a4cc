"""A model with answers from a script: for tests, demonstrations and dry runs."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

from evolve.domain.proposal import CallState, Completion, Message, Request
from evolve.errors import ConfigurationError
from evolve.interfaces import Report, tell_nobody

_CHARS_PER_TOKEN = 4


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

    def request(self, messages: Sequence[Message], call: int = 0) -> Request:
        """Return the request for messages; a script has no settings."""
        return Request(self.name, tuple(messages), {}, call)

    async def ready(self) -> None:
        """A script can always be read."""

    async def complete(self, request: Request, report: Report = tell_nobody) -> Completion:
        """Return the next answer."""
        report(CallState.SENT, self.name, "", 0.0)
        text = self._answer(request)
        report(CallState.ANSWERED, self.name, self._finish_reason, self._cost_usd)
        asked = sum(len(message.content) for message in request.messages)
        return Completion(
            text=text,
            model=self.name,
            finish_reason=self._finish_reason,
            prompt_tokens=-(-asked // _CHARS_PER_TOKEN),
            completion_tokens=-(-len(text) // _CHARS_PER_TOKEN),
            cost_usd=self._cost_usd,
            seconds=0.0,
        )

    async def close(self) -> None:
        """Nothing is held."""


def _in_turn(answers: Sequence[str]) -> Callable[[Request], str]:
    texts = itertools.cycle(answers)
    return lambda _request: next(texts)
