"""A script answers the same way every time."""

import pytest

from evolve.domain.proposal import Message
from evolve.errors import ConfigurationError
from evolve.llm.scripted import ScriptedModel


async def test_answers_come_in_turn_and_start_over() -> None:
    model = ScriptedModel(["a", "b"], cost_usd=0.25)
    answers = [await model.complete(model.request([Message("user", "hello")])) for _ in range(3)]
    assert [answer.text for answer in answers] == ["a", "b", "a"]
    assert sum(answer.cost_usd for answer in answers) == 0.75


async def test_a_function_sees_the_request() -> None:
    model = ScriptedModel(lambda request: request.messages[-1].content.upper())
    assert (await model.complete(model.request([Message("user", "hello")]))).text == "HELLO"


def test_a_script_without_answers_is_refused() -> None:
    with pytest.raises(ConfigurationError):
        ScriptedModel([])
