"""What every LanguageModel promises."""

import asyncio
import math

import pytest

from evolve.domain.proposal import CallState, Message
from evolve.interfaces import LanguageModel
from evolve.llm.requests import request_hash

CHAT = [Message("system", "Answer."), Message("user", "```python\nx = 1\n```")]


class LanguageModelSuite:
    """What every LanguageModel promises. A class of yours says how one is made."""

    @pytest.fixture
    def model(self) -> LanguageModel:
        """Return a model that answers anything; nothing of it costs more than its answer says."""
        raise NotImplementedError("Override the fixture model in your class.")

    def test_a_request_is_complete_and_reproducible(self, model: LanguageModel) -> None:
        request = model.request(CHAT)
        assert request.model == model.name
        assert list(request.messages) == CHAT
        assert request_hash(request) == request_hash(model.request(CHAT))

    def test_a_second_call_of_a_proposal_is_another_request(self, model: LanguageModel) -> None:
        assert request_hash(model.request(CHAT, call=1)) != request_hash(model.request(CHAT))

    @pytest.mark.asyncio
    async def test_an_answer_comes_with_its_account(self, model: LanguageModel) -> None:
        answer = await model.complete(model.request(CHAT))
        assert answer.text
        assert answer.finish_reason == "stop"
        assert answer.prompt_tokens > 0
        assert answer.completion_tokens > 0
        assert answer.cost_usd >= 0
        assert math.isfinite(answer.cost_usd)
        assert answer.seconds >= 0

    @pytest.mark.asyncio
    async def test_calls_may_overlap(self, model: LanguageModel) -> None:
        answers = await asyncio.gather(*(model.complete(model.request(CHAT, call=call)) for call in range(8)))
        assert all(answer.text for answer in answers)

    @pytest.mark.asyncio
    async def test_a_model_may_be_closed_twice_and_used_again(self, model: LanguageModel) -> None:
        await model.close()
        await model.close()
        assert (await model.complete(model.request(CHAT))).text

    @pytest.mark.asyncio
    async def test_the_transitions_of_a_call_are_told_with_its_cost(self, model: LanguageModel) -> None:
        told: list[tuple[CallState, str, float]] = []

        def report(state: CallState, model: str, _detail: str, cost_usd: float) -> None:
            told.append((state, model, cost_usd))

        answer = await model.complete(model.request(CHAT), report)
        assert [state for state, *_ in told] == [CallState.SENT, CallState.ANSWERED, CallState.VALIDATED]
        assert {who for _, who, _ in told} == {model.name}
        assert sum(cost for *_, cost in told) == answer.cost_usd
        assert answer.fault == ""

    @pytest.mark.asyncio
    async def test_it_is_ready_before_anything_is_sent_and_knows_what_it_can_be_shown(
        self, model: LanguageModel
    ) -> None:
        await model.ready()
        assert model.context_tokens is None or model.context_tokens > 0
        assert model.sees in (True, False)
