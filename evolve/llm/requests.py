"""The identity of a model call: what a record is found by when a run is resumed or replayed."""

from __future__ import annotations

import hashlib
import json

from evolve.domain.proposal import Message, Request


def request_hash(request: Request) -> str:
    """Return a hash of everything sent and of the call number; equal for equal requests, on every machine.

    Raises TypeError if a setting is not JSON-able.
    """
    content = {
        "model": request.model,
        "messages": [_told(message) for message in request.messages],
        "settings": dict(request.settings),
        "call": request.call,
    }
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:32]


def _told(message: Message) -> tuple[object, ...]:
    if not message.pictures:
        return (message.role, message.content)
    shown = [(picture.media_type, hashlib.sha256(picture.data).hexdigest()) for picture in message.pictures]
    return (message.role, message.content, shown)
