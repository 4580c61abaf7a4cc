"""Answers, and what may be wrong with one that arrived: HTTP 200 is not success."""

from __future__ import annotations

import re
from dataclasses import dataclass

from evolve.domain.proposal import Request

TRUNCATED = "truncated"
"""It reached the longest length allowed."""
REFUSED = "refused"
"""The model, or the provider's filter, declined."""
EMPTY = "empty_answer"
DEGENERATE = "degenerate"
"""It fell into a loop and ended in it."""
ECHO = "echo"
"""It is the prompt given back."""

MAY_PASS = frozenset({EMPTY, DEGENERATE, ECHO})
"""What another draw may mend. A refusal is a decision, and a limit stays where it is."""

_LENGTHS = frozenset({"length", "max_tokens", "model_length", "max_output_tokens"})
_FILTERS = frozenset({"content_filter", "refusal", "safety", "recitation"})
_THOUGHT = re.compile(r"\s*<think>.*?(</think>|\Z)", re.DOTALL)

_PROBE_CHARS = 64
_LONGEST_UNIT_CHARS = 2000
_LEAST_LOOP_CHARS = 1000
_LEAST_REPEATS = 10
_LEAST_ECHO_CHARS = 200


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said.

    Args:
        text: the answer; the words of the refusal where there is one and nothing else.
        model: who answered, as the server calls it.
        finish_reason: as the server calls it.
        prompt_tokens, completion_tokens: as counted by the server, or estimated.
        usd: the price it is known to have charged, or None.
        refused: whether the server marked the text as a refusal.
    """

    text: str
    model: str
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int
    usd: float | None = None
    refused: bool = False


def fault(request: Request, answer: Answer) -> str:
    """Return what makes an answer unusable, or an empty string.

    Only what needs no knowledge of the wanted format; that is for the operator to judge. Order
    matters: an answer that was cut off is ``truncated`` even if it was a loop, since the remedy is
    the same, and a filtered one is ``refused`` even if nothing is left of it.
    """
    reason = answer.finish_reason.lower()
    if reason in _LENGTHS:
        return TRUNCATED
    if answer.refused or reason in _FILTERS:
        return REFUSED
    text = _THOUGHT.sub("", answer.text, count=1).strip() if "<think>" in answer.text[:100] else answer.text.strip()
    if not text:
        return EMPTY
    if ends_in_a_loop(text):
        return DEGENERATE
    return ECHO if _is_echo(request, text) else ""


def ends_in_a_loop(text: str) -> bool:
    """Whether the end of a text is one unit again and again, for half of it or more.

    At least 10 times and 1000 characters of exact repetition that the text never leaves. Honest
    answers may hold long tables of equal rows, but close them: a bracket, a fence or a marker
    follows. A unit is at most 2000 characters; longer ones cost little and say something.
    """
    if len(text) < _LEAST_LOOP_CHARS:
        return False
    before = text.rfind(text[-_PROBE_CHARS:], 0, len(text) - 1)
    unit = len(text) - _PROBE_CHARS - before
    if before < 0 or unit > _LONGEST_UNIT_CHARS:
        return False
    start = len(text) - max(_LEAST_LOOP_CHARS, _LEAST_REPEATS * unit, len(text) // 2)
    return start >= 0 and text[start + unit :] == text[start : len(text) - unit]


def _is_echo(request: Request, text: str) -> bool:
    """Whether a whole message of the prompt is in the text, or the text is how one begins.

    Short messages are left out: an answer may well quote a sentence. So are earlier answers: one that
    repeats itself is not an echo, and what is wrong with it is known. An answer that is the program
    of the prompt is not an echo: prompts say more than that.
    """
    for message in request.messages:
        asked = message.content.strip()
        told = message.role != "assistant" and len(asked) >= _LEAST_ECHO_CHARS
        if told and (asked in text or (len(text) * 2 >= len(asked) and asked.startswith(text))):
            return True
    return False
