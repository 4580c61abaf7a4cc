"""Why an attempt at a model call failed, and what would mend it."""

from __future__ import annotations

import re
import time
from email.utils import parsedate_to_datetime
from enum import Enum, auto

_PASSING_STATUS = frozenset({408, 409, 425, 429})
_BAD_REQUEST = frozenset({400, 403, 413, 422})
_OUT_OF_MONEY = re.compile(r"insufficient_quota|exceeded your current quota|credit balance is too low", re.IGNORECASE)
_PROMPT = re.compile(
    r"context.{0,20}(length|window|size)|too (many|long|large)|maximum .{0,40}tokens|content.?(filter|policy)"
    r"|moderation|flagged|safety",
    re.IGNORECASE,
)


class Remedy(Enum):
    """What may follow a failure."""

    WAIT = auto()
    """The same request may succeed later."""
    ANOTHER_REQUEST = auto()
    """This one never will: its prompt, or a setting that goes with it, is refused."""
    NONE = auto()
    """No request will: the key, the address, the name of the model or the account is wrong."""


class CallFailed(Exception):
    """One attempt at a model call failed.

    Args:
        message: what happened.
        status: HTTP status, or None when no answer came.
        retry_after_s: how long the server asked to wait.
        remedy: what may follow.
    """

    def __init__(
        self,
        message: str,
        status: int | None = None,
        retry_after_s: float | None = None,
        remedy: Remedy = Remedy.WAIT,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.retry_after_s = retry_after_s
        self.remedy = remedy

    @property
    def blames_prompt(self) -> bool:
        """Whether the server's words are about this prompt: its length, or what it is about."""
        return self.status == 413 or bool(_PROMPT.search(self.message))

    @classmethod
    def with_status(cls, status: int, message: str, retry_after: str | None = None) -> CallFailed:
        """Return the failure that an HTTP status stands for."""
        remedy = _remedy(status, message)
        return cls(f"HTTP {status}: {message[:500]}", status, retry_after_s(retry_after), remedy)


def _remedy(status: int, message: str) -> Remedy:
    if _OUT_OF_MONEY.search(message):
        return Remedy.NONE
    if status in _PASSING_STATUS or status >= 500:
        return Remedy.WAIT
    if status in _BAD_REQUEST and (status != 403 or _PROMPT.search(message)):
        return Remedy.ANOTHER_REQUEST
    return Remedy.NONE


def retry_after_s(header: str | None) -> float | None:
    """Return the seconds that a Retry-After header asks for (a number or an HTTP date), or None."""
    if not header:
        return None
    try:
        seconds = float(header)
    except ValueError:
        pass
    else:
        return max(0.0, seconds) if seconds == seconds else None  # NaN is no time
    try:
        return max(0.0, parsedate_to_datetime(header).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None
