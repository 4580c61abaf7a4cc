"""What every operator that asks a model has in common: a question, and an answer that can be used."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from evolve.domain.causes import Cause
from evolve.domain.evaluation import Scored
from evolve.domain.program import Program
from evolve.domain.proposal import Completion, Message
from evolve.errors import ConfigurationError, ProposalRejected
from evolve.interfaces import Context, Draft, Tier
from evolve.mutation.fences import answer_lines, is_fence
from evolve.mutation.patch import apply, check_syntax, parse
from evolve.mutation.prompt import Prompt, PromptBuilder
from evolve.mutation.quoting import one_line
from evolve.mutation.rewriting import parse_rewrite
from evolve.mutation.sections import Style

_LONGEST_SUMMARY = 200
MOST_REPAIRS = 2
_LONGEST_ANSWER = 1_000_000
"""Characters; five times the largest file. Reading more would keep the loop from its work."""
_DETAILS: Mapping[str, str] = MappingProxyType(
    {
        Cause.TRUNCATED: "the answer was cut off after {tokens} tokens; raise llm.max_tokens.",
        Cause.ANSWER_TOO_LONG: "the answer has {characters} characters.",
        Cause.EMPTY_ANSWER: "the model said nothing (finish_reason {reason!r}).",
        Cause.REFUSED: "the model declined (finish_reason {reason!r}): {text}",
        Cause.DEGENERATE: "the answer fell into a loop: {text}",
        Cause.ECHO: "the answer repeats the prompt.",
        Cause.INTERRUPTED: "the run was cut off while an unusable answer was asked for again.",
    }
)
"""Of answers in which there is nothing to read. The model's client asks again where that may help."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What an answer says: the files of the child, and what else is worth recording."""

    files: Mapping[str, str]
    detail: Mapping[str, object] = field(default_factory=dict)


def read_diff(answer: str, context: Context) -> Reading:
    """Return the parent with the answer's SEARCH/REPLACE blocks applied. Raises ProposalRejected."""
    parent = context.parent.program.files
    patch = parse(answer, parent)
    return Reading(apply(patch, parent, context.problem.is_editable), {"blocks": len(patch.hunks)})


def read_rewrite(answer: str, context: Context) -> Reading:
    """Return the parent with the answer's programs in place of its own. Raises ProposalRejected."""
    problem = context.problem
    return Reading(parse_rewrite(answer, context.parent.program.files, problem.is_editable, problem.language))


_READERS: Mapping[str, Callable[[str, Context], Reading]] = {"diff": read_diff, "rewrite": read_rewrite}


def read(answer: str, style: Style, context: Context) -> Reading:
    """Return what an answer in the form of ``style.answer`` says; it compiles, if it is Python.

    Raises ProposalRejected; the parent is as it was in any case.
    """
    reading = _READERS[style.answer](answer, context)
    check_syntax(context.parent.program.files, reading.files)
    return reading


class Asker:
    """Asks a model for a child of the context's parent, and shows it its unusable answers.

    Args:
        prompt: builds what is asked.
        repairs: how often an answer that cannot be used may be mended, 0 to 2.

    Raises:
        ConfigurationError: ``repairs`` is out of range.
    """

    def __init__(self, prompt: PromptBuilder, repairs: int) -> None:
        if not 0 <= repairs <= MOST_REPAIRS:
            raise ConfigurationError(f"mutation.repairs: expected 0 to {MOST_REPAIRS}, found {repairs}.")
        self.prompt = prompt
        self._repairs = repairs

    async def draft(self, operator: str, style: Style, context: Context, prompt: Prompt) -> Draft:
        """Return the child. Raises ProposalRejected, ModelError, or ConfigurationError without a model."""
        for call in range(self._repairs + 1):
            completion = await ask(context, prompt.messages, call)
            try:
                reading = read(completion.text, style, context)
            except ProposalRejected as rejection:
                mended = self.prompt.mended(prompt, completion.text, rejection) if call < self._repairs else None
                if mended is None:
                    raise
                prompt = mended
            else:
                break
        detail = {
            "operator": operator,
            "model": completion.model,
            **reading.detail,
            "summary": summary(completion.text),
        }
        repaired = {"repairs": call} if call else {}
        return Draft(reading.files, {**detail, **repaired, **prompt.account()})


async def ask(context: Context, messages: Sequence[Message], call: int = 0) -> Completion:
    """Send a prompt to the context's model; ``call`` is its number within the proposal.

    Raises ModelError, ConfigurationError without a model, and ProposalRejected with the completion's
    fault as cause when there is nothing to read.
    """
    if context.model is None:
        raise ConfigurationError("This operator asks a model, and the run has none. Choose one with llm=single.")
    completion = await context.model.complete(context.model.request(messages, call))
    _check_complete(completion)
    return completion


def _check_complete(completion: Completion) -> None:
    """Raise ProposalRejected with the fault of an answer in which there is nothing to read."""
    fault = _fault(completion)
    if fault:
        facts = {
            "tokens": completion.completion_tokens,
            "characters": len(completion.text),
            "reason": completion.finish_reason,
            "text": one_line(completion.text[:_LONGEST_SUMMARY]),
        }
        raise ProposalRejected(fault, _DETAILS.get(fault, "{text}").format_map(facts))


def _fault(completion: Completion) -> str:
    if completion.fault:
        return completion.fault
    if completion.finish_reason == "length":
        return Cause.TRUNCATED
    if len(completion.text) > _LONGEST_ANSWER:
        return Cause.ANSWER_TOO_LONG
    return "" if any(line.strip() for line in answer_lines(completion.text)) else Cause.EMPTY_ANSWER


def summary(text: str) -> str:
    """Return the first line of prose of an answer, or an empty string."""
    for line in answer_lines(text):
        if is_fence(line) or line.startswith(("<<<<<<<", "File:")):
            return ""
        if line.strip():
            return one_line(line)[:_LONGEST_SUMMARY]
    return ""


class ModelOperator:
    """An operator that asks a model once, with repairs; implements Operator but for its name.

    One that ``needs_inspirations`` or ``needs_failures`` rejects every context without some.

    Args:
        prompt: builds what is asked.
        repairs: how often an answer that cannot be used may be mended, 0 to 2.
    """

    name: str
    tier: Tier
    needs_model = True
    needs_inspirations = False
    needs_failures = False

    def __init__(self, prompt: PromptBuilder, *, repairs: int = 1) -> None:
        self._asker = Asker(prompt, repairs)

    def observe(self, scored: Scored, program: Program | None) -> None:
        """Nothing is learned."""
