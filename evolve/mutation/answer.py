"""What every operator that asks a model has in common: one question, one usable answer."""

from __future__ import annotations

from collections.abc import Sequence

from evolve.domain.proposal import Completion, Message
from evolve.errors import ConfigurationError, ProposalRejected
from evolve.interfaces import Context
from evolve.mutation.fences import answer_lines, is_fence

_LONGEST_SUMMARY = 200


async def ask(context: Context, messages: Sequence[Message]) -> Completion:
    """Send a prompt to the context's model.

    Raises ModelError, ConfigurationError without a model, and ProposalRejected with truncated or
    empty_answer when there is nothing to read.
    """
    if context.model is None:
        raise ConfigurationError("This operator asks a model, and the run has none. Choose one with llm=single.")
    completion = await context.model.complete(context.model.request(messages))
    if completion.finish_reason == "length":
        spent = completion.completion_tokens
        raise ProposalRejected("truncated", f"the answer was cut off after {spent} tokens; raise llm.max_tokens.")
    if not any(line.strip() for line in answer_lines(completion.text)):
        reason = completion.finish_reason
        raise ProposalRejected("empty_answer", f"the model said nothing (finish_reason {reason!r}).")
    return completion


def summary(text: str) -> str:
    """Return the first line of prose of an answer, or an empty string."""
    for line in answer_lines(text):
        if is_fence(line) or line.startswith(("<<<<<<<", "File:")):
            return ""
        if line.strip():
            return line.strip()[:_LONGEST_SUMMARY]
    return ""
