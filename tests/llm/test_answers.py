"""What is wrong with an answer that arrived, and that nothing is wrong with honest ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.bench.personas import PERSONAS, read_prompt
from evolve.domain.proposal import Message, Request
from evolve.llm.answers import DEGENERATE, ECHO, EMPTY, REFUSED, TRUNCATED, Answer, ends_in_a_loop, fault
from evolve.paths import bundled

RULES = (
    "You improve programs. Answer with SEARCH/REPLACE blocks.\n<<<<<<< SEARCH\nold\n=======\nnew\n>>>>>>> REPLACE\n" * 3
)
PROGRAMS = sorted(path for path in bundled("problems").glob("*/seed/*") if path.is_file())


def asked(program: str, rules: str = RULES) -> Request:
    task = f"Pack circles into a square; the score is the sum of the radii, higher is better. {'Details. ' * 30}"
    user = f"{task}\n\n# Current program\n```python\n{program}\n```\nWhat would you change?"
    return Request("m", (Message("system", rules), Message("user", user)), {})


def said(text: str, finish_reason: str = "stop", refused: bool = False) -> Answer:
    return Answer(text, "m", finish_reason, 1, 1, refused=refused)


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: f"{path.parent.parent.name}/{path.name}")
@pytest.mark.parametrize("rules", [RULES, "Answer with the whole program."])
@pytest.mark.parametrize("persona", ["mutator", "unchanged", "markers", "wrong_file", "unicode"])
def test_answers_that_only_the_operator_can_judge_pass(path: object, rules: str, persona: str) -> None:
    program = path.read_text(encoding="utf-8")  # type: ignore[attr-defined]
    request = asked(program, rules)
    prompt = read_prompt([{"content": message.content} for message in request.messages], 0)
    for seed in range(5):
        reply = PERSONAS[persona](prompt, np.random.default_rng(seed))
        assert fault(request, said(reply.text, reply.finish_reason)) == ""


ROW = "    [0, 0, 0, 0, 0, 0, 0, 0],\n"
HONEST = [
    "x = 1",
    "```python\n" + "x = 1\n" * 5000 + "```\n",
    "```python\nTABLE = [\n" + ROW * 3000 + "]\n```",
    "TABLE = [\n" + ROW * 3000 + "]",
    "<<<<<<< SEARCH\nx\n=======\n" + "    total += 0\n" * 900 + ">>>>>>> REPLACE",
    "A heading\n" + "=" * 900,
    "```\n" + "\n".join(f"case {i}: return {i % 3};" for i in range(4000)) + "\n```",
    "print('" + "ab" * 4000 + "')",
    "<think>hm, hm, " + "hm, " * 2000 + "</think>\n```python\nx = 2\n```",
    "DATA = (" + ", ".join(["0.1"] * 2000) + ")",
    "Changed.\n\n" + "\n".join(f"{i:4d} {i * 7919 % 1009}" for i in range(3000)),
]


@pytest.mark.parametrize("text", HONEST, ids=range(len(HONEST)))
def test_repetitive_but_finished_answers_pass(text: str) -> None:
    assert fault(asked("x = 1"), said(text)) == ""


@pytest.mark.parametrize(
    "text",
    [
        "Let me think.\n" + "and then we go on, " * 200,
        "a" * 5000,
        "\n\n" + "The answer is 42. " * 100 + "The answ",
        "x = 1\n" * 3000,
        "Start.\n" + ("".join(f"line {i}\n" for i in range(100))) * 40,
        "```python\n" + "    return 0\n" * 400,
    ],
    ids=range(6),
)
def test_an_answer_that_never_leaves_its_loop_is_degenerate(text: str) -> None:
    assert fault(asked("y"), said(text)) == DEGENERATE


@settings(max_examples=60, deadline=None)
@given(unit=st.text(min_size=1, max_size=80), start=st.text(max_size=200), cut=st.integers(0, 79))
def test_any_unit_repeated_to_the_end_is_a_loop_and_closing_it_ends_it(unit: str, start: str, cut: int) -> None:
    text = (start + unit * (1200 // len(unit) + 12) + unit[: cut % len(unit)]).strip()
    if len(text) >= 1200 + len(start):
        assert ends_in_a_loop(text)
        assert not ends_in_a_loop(text + "\n" + "".join(map(chr, range(0x4E00, 0x4E00 + 80))))


@settings(max_examples=60, deadline=None)
@given(lines=st.lists(st.text(st.characters(codec="utf-8"), max_size=60), max_size=40, unique=True))
def test_lines_that_differ_are_never_a_loop_or_an_echo(lines: list[str]) -> None:
    text = "\n".join(f"{number}: {line}" for number, line in enumerate(lines)) + "\n."
    assert fault(asked("x = 1"), said(text)) == ""


@pytest.mark.parametrize(
    "text", ["", " \n\t\n", "<think>\nwhat now?\n</think>\n \n", "<think>no end", "\ufeff ".strip("\ufeff")]
)
def test_nothing_to_read_is_empty(text: str) -> None:
    assert fault(asked("x"), said(text)) == EMPTY


@pytest.mark.parametrize("reason", ["length", "max_tokens", "MAX_TOKENS"])
@pytest.mark.parametrize("text", ["", "half an answ", "loop " * 500])
def test_an_answer_that_reached_its_limit_is_truncated_whatever_it_says(reason: str, text: str) -> None:
    assert fault(asked("x"), said(text, reason)) == TRUNCATED


@pytest.mark.parametrize(
    "answer", [said("", "content_filter"), said("SAFETY", "safety"), said("I can't.", refused=True)]
)
def test_a_refusal_is_what_the_server_marks_as_one(answer: Answer) -> None:
    assert fault(asked("x"), answer) == REFUSED


def test_a_refusal_in_prose_is_for_the_operator_to_judge() -> None:
    assert fault(asked("x"), said("I'm sorry, but I can't help with that.")) == ""


def test_the_prompt_given_back_is_an_echo() -> None:
    request = asked("x = 1\n" * 30)
    system, user = (message.content for message in request.messages)
    for text in (system, user, f"{system}\n{user}", user + "\nSure!", user[: len(user) * 3 // 4], "Here:\n" + user):
        assert fault(request, said(text)) == ECHO
    assert fault(request, said(user[:100])) == ""
    assert fault(Request("m", (Message("user", "x = 1"),), {}), said("x = 1")) == ""


def test_an_answer_that_repeats_an_earlier_one_is_no_echo() -> None:
    first = asked("x = 1\n")
    answer = "Change this.\n```python\n" + "".join(f"value_{number} = {number}\n" for number in range(40)) + "```\n"
    again = Request("m", (*first.messages, Message("assistant", answer), Message("user", "Answer again.")), {}, 1)
    assert fault(again, said(answer)) == ""
    assert fault(again, said(first.messages[1].content)) == ECHO


@settings(max_examples=150, deadline=None)
@given(text=st.text(), reason=st.text(max_size=12), prompt=st.lists(st.text(), max_size=3), refused=st.booleans())
def test_any_answer_gets_a_verdict(text: str, reason: str, prompt: list[str], refused: bool) -> None:
    request = Request("m", tuple(Message("user", content) for content in prompt), {})
    assert fault(request, said(text, reason, refused)) in ("", TRUNCATED, REFUSED, EMPTY, DEGENERATE, ECHO)
