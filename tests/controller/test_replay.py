from __future__ import annotations

from dataclasses import replace

import pytest

from evolve.controller.exhibits import Exhibits
from evolve.controller.replay import Difference, Replay
from evolve.controller.run import Parts, start_run
from evolve.domain.problem import Problem
from evolve.domain.proposal import Request
from evolve.interfaces import Operator
from evolve.llm.scripted import ScriptedModel
from tests.controller.controller_support import AskAndAdd, InProcessExecutor, Nudge, make_parts, no_view, run_info
from tests.controller.test_loop_and_run import KeptStore


def answer(request: Request) -> str:
    """Numbers, now and then nonsense, as a function of the prompt."""
    text = request.messages[0].content
    return "no idea" if len(text) % 3 == 0 else str(round(len(text) * 0.013, 3))


def fresh(problem: Problem, store: KeptStore, seed: int = 0, digits: int = 2) -> Parts:
    operators: list[Operator] = [Nudge(digits=digits), AskAndAdd()]
    executor = InProcessExecutor(width=8, delay_s=lambda text: (len(text) * 7 % 11) * 1e-4)
    model = ScriptedModel(answer, cost_usd=0.001)
    return make_parts(problem, store, operators, executor=executor, model=model, evaluations=150, seed=seed)


async def replayed(parts: Parts, store: KeptStore) -> Difference | None:
    return await Replay(
        store=store,
        run="r",
        decisions=parts.decisions(Exhibits(store, "r", parts.problem)),
        model=parts.model,
        novelty=parts.novelty,
    ).first_difference()


async def test_a_run_of_several_workers_replays_identically(problem: Problem) -> None:
    store = KeptStore()
    await start_run(fresh(problem, store), run_info(problem), no_view)
    causes = {attempt.finished.cause for attempt in store.history("r")}
    assert causes >= {"", "no_number", "duplicate"}
    assert [a.selected.step for a in store.history("r")] != sorted(a.selected.step for a in store.history("r"))
    assert await replayed(fresh(problem, store), store) is None


@pytest.mark.parametrize(("seed", "digits"), [(1, 2), (0, 3)])
async def test_what_the_record_does_not_explain_is_found(problem: Problem, seed: int, digits: int) -> None:
    store = KeptStore()
    await start_run(fresh(problem, store), run_info(problem), no_view)
    difference = await replayed(fresh(problem, store, seed=seed, digits=digits), store)
    assert difference is not None and difference.what in ("selection", "program", "rejection")


async def test_a_prompt_that_was_never_answered_is_a_difference(problem: Problem) -> None:
    store = KeptStore()
    await start_run(fresh(problem, store), run_info(problem), no_view)
    other = replace(fresh(problem, store), model=ScriptedModel(answer, name="another"))
    difference = await replayed(other, store)
    assert difference is not None and "no recorded answer" in difference.replayed
