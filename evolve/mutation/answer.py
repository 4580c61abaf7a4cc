"""What every operator that asks a model has in common: one question, one usable answer."""

from __future__ import annotations

from collections.abc import Sequence

from evolve.domain.proposal import Completion, Message
from evolve.errors import ConfigurationError, ProposalRejected
from evolve.interfaces import Context
from evolve.mutation.fences import answer_lines, is_fence

_LONGEST_SUMMARY = 200
_DETAILS = {
    "truncated": "the answer was cut off after {tokens} tokens; raise llm.max_tokens.",
    "empty_answer": "the model said nothing (finish_reason {reason!r}).",
    "refused": "the model declined (finish_reason {reason!r}): {text}",
    "degenerate": "the answer fell into a loop: {text}",
    "echo": "the answer repeats the prompt.",
    "interrupted": "the run was cut off while an unusable answer was asked for again.",
}


async def ask(context: Context, messages: Sequence[Message]) -> Completion:
    """Send a prompt to the context's model.

    Raises ModelError, ConfigurationError without a model, and ProposalRejected with the completion's
    fault as cause when there is nothing to read.
    """
    if context.model is None:
        raise ConfigurationError("This operator asks a model, and the run has none. Choose one with llm=single.")
    completion = await context.model.complete(context.model.request(messages))
    fault = _fault(completion)
    if fault:
        raise ProposalRejected(fault, _DETAILS.get(fault, "{text}").format_map(_facts(completion)))
    return completion


def _fault(completion: Completion) -> str:
    if completion.fault:
        return completion.fault
    if completion.finish_reason == "length":
        return "truncated"
    return "" if any(line.strip() for line in answer_lines(completion.text)) else "empty_answer"


def _facts(completion: Completion) -> dict[str, object]:
    return {
        "tokens": completion.completion_tokens,
        "reason": completion.finish_reason,
        "text": completion.text[:_LONGEST_SUMMARY],
    }


def summary(text: str) -> str:
    """Return the first line of prose of an answer, or an empty string."""
    for line in answer_lines(text):
        if is_fence(line) or line.startswith(("<<<<<<<", "File:")):
            return ""
        if line.strip():
            return line.strip()[:_LONGEST_SUMMARY]
    return ""
