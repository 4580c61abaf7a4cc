"""Estimates of length that are good enough to warn by."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from evolve.domain.proposal import Message, Picture
from evolve.domain.tokens import estimate_prompt_tokens, estimate_tokens


def test_known_texts_come_close() -> None:
    # token counts by cl100k_base
    assert 0.7 < estimate_tokens("def area(radius):\n    return 3.14159 * radius**2\n" * 10) / 160 < 1.4
    assert 0.7 < estimate_tokens("今日は天気がいいですね。散歩に行きましょう。" * 20) / 500 < 1.4


@given(st.text(), st.text())
def test_longer_texts_are_longer_and_only_nothing_is_nothing(text: str, more: str) -> None:
    assert estimate_tokens(text + more) >= estimate_tokens(text) >= 0
    assert (estimate_tokens(text) == 0) is (text == "")
    assert estimate_tokens(text + more) <= estimate_tokens(text) + estimate_tokens(more)


def test_a_prompt_is_its_messages_and_pictures() -> None:
    plain = [Message("system", "a" * 35), Message("user", "b" * 70)]
    assert estimate_prompt_tokens(plain) == 10 + 20 + 2 * 4
    seen = [Message("user", "", (Picture("image/png", b"x"),))]
    assert estimate_prompt_tokens(seen) == 1004
