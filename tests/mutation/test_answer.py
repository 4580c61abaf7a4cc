"""One question, one usable answer: what makes one unusable is the cause of the rejection."""

from __future__ import annotations

import pytest

from evolve.domain.proposal import Completion, Message
from evolve.errors import ConfigurationError, ProposalRejected
from evolve.llm.scripted import ScriptedModel
from evolve.mutation.answer import ask
from tests.mutation.model_context import context

CHAT = [Message("user", "Improve this program, please. " * 10)]


async def asked(text: str, finish_reason: str = "stop") -> Completion:
    return await ask(context({"main.py": "x = 1\n"}, model=ScriptedModel([text], finish_reason=finish_reason)), CHAT)


async def test_a_usable_answer_is_given_back() -> None:
    assert (await asked("x = 1")).text == "x = 1"


@pytest.mark.parametrize(
    ("text", "finish_reason", "cause", "detail"),
    [
        ("half", "length", "truncated", "raise llm.max_tokens"),
        ("", "stop", "empty_answer", "finish_reason 'stop'"),
        ("{not} a {format", "content_filter", "refused", "{not} a {format"),
        ("and then " * 300, "stop", "degenerate", "loop: and then"),
        (CHAT[0].content, "stop", "echo", "repeats the prompt"),
    ],
)
async def test_an_unusable_answer_is_rejected_by_name(text: str, finish_reason: str, cause: str, detail: str) -> None:
    with pytest.raises(ProposalRejected) as rejected:
        await asked(text, finish_reason)
    assert rejected.value.cause == cause
    assert detail in rejected.value.detail


async def test_without_a_model_there_is_nobody_to_ask() -> None:
    with pytest.raises(ConfigurationError, match="llm=single"):
        await ask(context({"main.py": "x = 1\n"}, model=None), CHAT)
