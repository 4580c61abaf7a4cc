"""Prompts as servers want them."""

from __future__ import annotations

import base64

from evolve.domain.proposal import Message, Picture
from evolve.llm.messages import as_sent
from evolve.llm.windows import Window, listed_window


def test_a_message_without_pictures_is_sent_as_text() -> None:
    assert as_sent([Message("user", "hello")]) == [{"role": "user", "content": "hello"}]


def test_pictures_follow_the_text_as_data_urls() -> None:
    raw = b"\x89PNG\x00\xff"
    (sent,) = as_sent([Message("user", "look", (Picture("image/png", raw), Picture("image/jpeg", b"")))])
    text, first, second = sent["content"]
    assert text == {"type": "text", "text": "look"}
    kind, _, data = first["image_url"]["url"].partition(";base64,")
    assert (kind, base64.b64decode(data)) == ("data:image/png", raw)
    assert second["image_url"]["url"] == "data:image/jpeg;base64,"


def test_windows_are_known_for_listed_models_only() -> None:
    known = listed_window("gpt-4o-mini")
    assert known == listed_window("openai/gpt-4o-mini") == Window(128000, True)
    assert listed_window("openai/never-heard-of") == Window(None, False)
