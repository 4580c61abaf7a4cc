"""The estimate of tokens is near enough to plan with, and shortening keeps its promise."""

from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.domain.proposal import Message, Picture
from evolve.domain.tokens import estimate_prompt_tokens, estimate_tokens, shorten

ROOT = Path(__file__).resolve().parents[2]
FILES = ("evolve/domain/blocks.py", "problems/bin_packing/problem.yaml", "DECISIONS.md", "infra/seccomp.json")


@pytest.mark.parametrize("name", FILES)
def test_the_estimate_is_near_what_a_tokenizer_counts(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    litellm = find_spec("litellm")  # it carries the vocabulary
    assert litellm is not None and litellm.origin is not None
    folder = Path(litellm.origin).parent / "litellm_core_utils" / "tokenizers"
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(folder))
    tiktoken = pytest.importorskip("tiktoken")
    text = (ROOT / name).read_text()[:8000]
    counted = len(tiktoken.get_encoding("cl100k_base").encode(text, disallowed_special=()))
    assert estimate_tokens(text) == pytest.approx(counted, rel=0.2)


def test_nothing_costs_nothing_and_anything_costs_something() -> None:
    assert estimate_tokens("") == 0
    assert estimate_tokens(" ") == 1


def test_of_a_long_text_pieces_are_enough() -> None:
    text = (ROOT / "evolve/domain/blocks.py").read_text()
    assert estimate_tokens(text * 100) == pytest.approx(100 * estimate_tokens(text), rel=0.1)


@given(st.text(max_size=300), st.text(max_size=300))
def test_two_texts_cost_about_what_they_cost_together(left: str, right: str) -> None:
    apart = estimate_tokens(left) + estimate_tokens(right)
    assert abs(estimate_tokens(left + right) - apart) <= 4 + 0.2 * apart


@given(st.text(st.sampled_from("ab 1.\n\u0301\u200dé🙂"), max_size=400), st.integers(-1, 120))
def test_what_is_shortened_fits_and_says_so(text: str, tokens: int) -> None:
    shown = shorten(text, tokens)
    if tokens > 0 and estimate_tokens(text) <= tokens:
        assert shown == text
    else:
        assert estimate_tokens(shown) <= max(0, tokens)
        assert not shown or "characters left out]" in shown


def test_beginning_and_end_are_kept_and_whole_lines_where_possible() -> None:
    lines = [f"line {number} says something" for number in range(200)]
    shown = shorten("\n".join(lines), 100).split("\n")
    assert shown[0] == lines[0]
    assert shown[-1] == lines[-1]
    assert set(shown) - set(lines) == {line for line in shown if "left out" in line}
    missing = next(line for line in shown if "left out" in line)
    kept = sum(len(line) + 1 for line in shown if line != missing) - 1
    assert missing == f"[{len(chr(10).join(lines)) - kept} characters left out]"


def test_a_letter_keeps_its_accent() -> None:
    text = "e\u0301" * 2000
    for tokens in range(20, 40):
        head, _, tail = shorten(text, tokens).split("\n")
        assert head == "e\u0301" * (len(head) // 2)
        assert tail == "e\u0301" * (len(tail) // 2)


def test_a_prompt_is_its_messages_and_pictures() -> None:
    plain = [Message("system", "a few words"), Message("user", "and some more")]
    words = sum(estimate_tokens(message.content) for message in plain)
    assert estimate_prompt_tokens(plain) == words + 2 * 4
    seen = [Message("user", "", (Picture("image/png", b"x"),))]
    assert estimate_prompt_tokens(seen) == 1004
