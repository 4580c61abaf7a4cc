"""Messages as OpenAI-compatible servers and litellm want them."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from evolve.domain.proposal import Message, Picture


def as_sent(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Return messages as JSON-able data; pictures become data URLs."""
    return [{"role": message.role, "content": _content(message)} for message in messages]


def _content(message: Message) -> str | list[dict[str, Any]]:
    if not message.pictures:
        return message.content
    shown = [{"type": "image_url", "image_url": {"url": _data_url(picture)}} for picture in message.pictures]
    return [{"type": "text", "text": message.content}, *shown]


def _data_url(picture: Picture) -> str:
    return f"data:{picture.media_type};base64,{base64.b64encode(picture.data).decode('ascii')}"
