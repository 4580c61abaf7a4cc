"""A model behind a command."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from evolve.domain.proposal import CallState, Completion, Message, Request
from evolve.domain.tokens import estimate_prompt_tokens, estimate_tokens
from evolve.errors import ModelError
from evolve.interfaces import Report, tell_nobody
from evolve.llm.answers import Answer, fault


class PluginName:
    """Runs a command for each call; implements LanguageModel.

    Args:
        command: the program and its arguments; reads the prompt, prints the answer.
        timeout_s: limit on an answer, in seconds.
    """

    name = "plugin_name"
    context_tokens: int | None = None
    sees = False

    def __init__(self, *, command: Sequence[str], timeout_s: float) -> None:
        self._command = tuple(command)
        self._timeout_s = timeout_s

    def request(self, messages: Sequence[Message], call: int = 0) -> Request:
        """Return the complete request: what is in its settings makes another request of it."""
        return Request(self.name, tuple(messages), {"command": list(self._command)}, call)

    def price_usd(self, prompt_tokens: int, answer_tokens: int) -> float:
        """Return the price of a call of this size in dollars."""
        return 0.0

    async def ready(self) -> None:
        """Nothing is needed before a call."""

    async def complete(self, request: Request, report: Report = tell_nobody) -> Completion:
        """Ask. Raises ModelError when the command fails or takes too long."""
        report(CallState.SENT, self.name, "", 0.0)
        began = time.monotonic()
        try:
            text = await self._answer("\n\n".join(message.content for message in request.messages))
        except (OSError, TimeoutError, ModelError) as error:
            report(CallState.FAILED, self.name, str(error), 0.0)
            raise ModelError(f"{self._command[0]}: {error}") from error
        tokens = (estimate_prompt_tokens(request.messages), estimate_tokens(text))
        wrong = fault(request, Answer(text, self.name, "stop", *tokens))
        report(CallState.ANSWERED, self.name, wrong or "stop", 0.0)
        report(CallState.FAILED if wrong else CallState.VALIDATED, self.name, wrong, 0.0)
        return Completion(text, self.name, "stop", *tokens, 0.0, time.monotonic() - began, fault=wrong)

    async def close(self) -> None:
        """Nothing is held."""

    async def _answer(self, prompt: str) -> str:
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(*self._command, stdin=pipe, stdout=pipe, stderr=pipe)
        try:
            async with asyncio.timeout(self._timeout_s):
                answer, complaint = await process.communicate(prompt.encode())
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode != 0:
            raise ModelError(f"ended with code {process.returncode}: {complaint.decode(errors='replace')[-500:]}")
        return answer.decode(errors="replace")
