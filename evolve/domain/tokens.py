"""How many tokens a text is, near enough to plan with; and shortening a text to so many.

The estimate counts what byte-pair tokenizers make pieces of (words, groups of three digits, runs of
punctuation, line breaks), with weights fitted to cl100k by least squares. On 2,076 pieces of 2,000
characters of Python, C, Perl, JavaScript, YAML and Markdown 90 % of the estimates lie within 12 % of
cl100k, 98 % within 24 %, all within 46 %. Text in other alphabets is overestimated, by up to 90 %.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from evolve.domain.proposal import Message

_WORD = re.compile(r"[A-Za-z]+")
_DIGITS = re.compile(r"\d{1,3}")
_PUNCTUATION = re.compile(r"[!-/:-@\[-^`{-~]+")
_LINE_BREAK = re.compile(r"\n\s*")
_ASCII_BYTES = bytes(range(128))
_MOST_CHARS_PER_TOKEN = 50
TOKENS_PER_PICTURE = 1000
"""Providers charge 85 to 1600."""
TOKENS_PER_MESSAGE = 4
_PIECES, _PIECE = 4, 8000
_JOINERS = "\u200d\ufe0f"
_NEAR = 0.15
"""How much more than necessary may be cut off so that the cut falls between lines."""


def estimate_tokens(text: str) -> int:
    """Return about how many tokens a language model reads the text as; 0 for no text only.

    Of a text of more than 32,000 characters four pieces are looked at.
    """
    if len(text) > _PIECES * _PIECE:
        starts = [number * (len(text) - _PIECE) // (_PIECES - 1) for number in range(_PIECES)]
        looked_at = sum(_estimate(text[start : start + _PIECE]) for start in starts)
        return round(looked_at * len(text) / (_PIECES * _PIECE))
    return _estimate(text) if text else 0


def _estimate(text: str) -> int:
    words = _WORD.findall(text)
    letters = sum(map(len, words))
    long = sum(len(word) - 5 for word in words if len(word) > 5)
    marks = _PUNCTUATION.findall(text)
    beyond_ascii = 0 if text.isascii() else len(text.encode("utf-8", "replace").translate(None, _ASCII_BYTES))
    estimate = (
        0.95 * len(words)
        + 0.06 * long
        + 1.05 * len(_DIGITS.findall(text))
        + 0.84 * len(marks)
        + 0.13 * (sum(map(len, marks)) - len(marks))
        + 0.53 * text.count("_")
        + 1.5 * len(_LINE_BREAK.findall(text))
        + 0.45 * beyond_ascii
    )
    return max(1, round(estimate), letters // 8, len(text) // _MOST_CHARS_PER_TOKEN)


def estimate_prompt_tokens(messages: Sequence[Message]) -> int:
    """Return about how many tokens a prompt is, pictures included."""
    return sum(
        TOKENS_PER_MESSAGE + estimate_tokens(message.content) + TOKENS_PER_PICTURE * len(message.pictures)
        for message in messages
    )


def shorten(text: str, tokens: int) -> str:
    """Return the text if it has at most about so many tokens, else its beginning and end with a note between
    them of how many characters are missing. Nothing is left of it for less than a token.

    Cuts fall between lines where that costs little, and never between a letter and its accents.
    """
    if tokens <= 0:
        return ""
    if len(text) > tokens * _MOST_CHARS_PER_TOKEN:  # not worth counting
        kept = 4 * tokens
    elif (size := estimate_tokens(text)) > tokens:
        kept = int(len(text) * tokens / size)
    else:
        return text
    while kept > 0:
        shown = head_and_tail(text, kept)
        if estimate_tokens(shown) <= tokens:
            return shown
        kept = kept * 7 // 8
    return ""


def head_and_tail(text: str, kept: int) -> str:
    """Return the first and last characters, about ``kept`` in all, and a note of how many are missing."""
    slack = int(kept * _NEAR)
    head = _snap(text, (kept + 1) // 2, -slack)
    tail = _snap(text, len(text) - kept // 2, slack)
    note = f"[{tail - head} characters left out]"
    return "\n".join(part for part in (text[:head].removesuffix("\n"), note, text[tail:]) if part)


def _snap(text: str, at: int, slack: int) -> int:
    """Move a cut to the nearest line break within ``slack`` (negative: backwards), or off a combining character."""
    found = 1 + (text.rfind("\n", max(0, at + slack), at) if slack < 0 else text.find("\n", at, at + slack))
    if found:
        return found
    while 0 < at < len(text) and (unicodedata.combining(text[at]) or text[at] in _JOINERS or text[at - 1] in _JOINERS):
        at += 1 if slack >= 0 else -1
    return at
