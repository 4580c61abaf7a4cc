"""What attempts with a model will cost, before the first is paid for."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import pytest

from evolve.controller.budget import Spent
from evolve.controller.estimate import estimate
from evolve.controller.exhibits import Exhibits
from evolve.domain.problem import Problem
from evolve.domain.proposal import Message, Request
from evolve.interfaces import Operator
from evolve.llm.scripted import ScriptedModel
from evolve.mutation.crossover import Crossover
from evolve.mutation.diff import Diff
from evolve.mutation.prompt import PromptBuilder
from evolve.store.memory import MemoryStore
from tests.controller.controller_support import NO_LIMIT, Nudge, make_parts
from tests.controller.test_loop_and_run import KeptStore, started


def refused(request: Request) -> str:
    raise AssertionError("nothing may be asked")


class Priced(ScriptedModel):
    """A thousandth of a dollar for each token of the prompt, two for the answer's."""

    def price_usd(self, prompt_tokens: int, answer_tokens: int) -> float:
        return prompt_tokens * 1e-3 + answer_tokens * 2e-3


async def run_of_the_seed(problem: Problem) -> MemoryStore:
    store = KeptStore()
    await started(make_parts(problem, store, [Nudge()], evaluations=1), problem)
    return store


async def test_the_prompt_is_measured_and_nothing_is_asked(problem: Problem) -> None:
    store = await run_of_the_seed(problem)
    model = Priced(refused)
    operators: list[Operator] = [Diff(PromptBuilder()), Crossover(PromptBuilder())]
    parts = make_parts(problem, store, operators, model=model)
    decisions = parts.decisions(Exhibits(store, "r", problem))
    found = await estimate(decisions, model, replace(NO_LIMIT, cost_usd=100.0), Spent(cost_usd=10.0))
    assert found is not None
    assert 100 < found.prompt_tokens < 1000  # of diff alone: there is nothing to cross the seed with
    assert found.cost_usd == pytest.approx(found.prompt_tokens * 1e-3 + found.answer_tokens * 2e-3)
    assert (found.limit, found.lasts) == ("cost_usd", int(90.0 / found.cost_usd))


async def test_the_limit_that_is_reached_first_is_named(problem: Problem) -> None:
    store = await run_of_the_seed(problem)
    model = Priced(refused)
    parts = make_parts(problem, store, [Diff(PromptBuilder())], model=model)
    decisions = parts.decisions(Exhibits(store, "r", problem))
    budget = replace(NO_LIMIT, cost_usd=1e6, calls=30, tokens=10**9)
    found = await estimate(decisions, model, budget, Spent(calls=10))
    assert found is not None and (found.limit, found.lasts) == ("calls", 20)
    unlimited = await estimate(decisions, model, NO_LIMIT, Spent())
    assert unlimited is not None and (unlimited.limit, unlimited.lasts) == ("", None)


async def test_sections_that_a_small_window_has_no_room_for_are_named_once(problem: Problem) -> None:
    store = KeptStore()
    model = ScriptedModel(lambda request: answer(request.messages))
    model.context_tokens = 700
    prompt = PromptBuilder(sections={"problem": None})
    wordy = replace(problem, statement="Find the number. " + "It is larger than the one you think of. " * 60)
    parts = make_parts(wordy, store, [Diff(prompt)], model=model, evaluations=6)
    result = await started(parts, wordy)
    assert "problem" in result.progress.squeezed
    told = [event.data for _, event in store.events("r") if event.kind == "squeezed"]
    named = [name for data in told for name in cast(list[str], data["sections"])]
    assert named.count("problem") == 1 and set(named) == result.progress.squeezed


def answer(messages: tuple[Message, ...]) -> str:
    """Raise the constant of the program that is shown last."""
    shown = [line for line in messages[-1].content.splitlines() if line.startswith("value = ")]
    value = float(shown[-1].removeprefix("value = "))
    return f"<<<<<<< SEARCH\n{shown[-1]}\n=======\nvalue = {value + 0.001}\n>>>>>>> REPLACE\n"
