"""A fork begins as another run was, and goes its own way from there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from evolve.controller.exhibits import Exhibits
from evolve.controller.fork import fork, forked_attempts
from evolve.controller.replay import Difference, Replay
from evolve.controller.run import Parts, resume_run, start_run
from evolve.domain.problem import Problem
from evolve.domain.proposal import Called, CallState, Record
from evolve.errors import ConfigurationError, StoreError
from evolve.interfaces import Lease, Operator, Search
from evolve.llm.requests import request_hash
from evolve.llm.scripted import ScriptedModel
from evolve.search.controls import Greedy, RandomWalk
from tests.controller.controller_support import (
    AskAndAdd,
    InProcessExecutor,
    Nudge,
    make_parts,
    no_view,
    run_info,
)
from tests.controller.test_loop_and_run import KeptStore
from tests.controller.test_replay import answer

COUNT = 60


def fresh(problem: Problem, store: KeptStore, search: type[Search], evaluations: int = 100) -> Parts:
    operators: list[Operator] = [Nudge(), AskAndAdd()]
    executor = InProcessExecutor(width=8, delay_s=lambda text: (len(text) * 7 % 11) * 1e-4)
    model = ScriptedModel(answer, cost_usd=0.001)
    parts = make_parts(problem, store, operators, executor=executor, model=model, evaluations=evaluations)
    return replace(parts, new_search=lambda: search(features=problem.features))  # type: ignore[call-arg]


async def forked(problem: Problem, store: KeptStore, search: type[Search], count: int = COUNT) -> None:
    await start_run(fresh(problem, store, Greedy), run_info(problem), no_view)
    parts = fresh(problem, store, search)
    decisions = parts.decisions(Exhibits(store, "r", problem))
    fork(store, "r", count, run_info(problem, "f"), decisions, parts.holder)


async def replayed(parts: Parts, store: KeptStore, run: str) -> Difference | None:
    decisions = parts.decisions(Exhibits(store, run, parts.problem))
    return await Replay(
        store=store, run=run, decisions=decisions, model=parts.model, novelty=parts.novelty
    ).first_difference()


async def test_what_was_taken_over_is_the_same_but_for_its_places(problem: Problem) -> None:
    store = KeptStore()
    await forked(problem, store, Greedy)
    before, after = list(store.history("r"))[:COUNT], list(store.history("f"))
    assert after == before
    for attempt in after:
        step = attempt.selected.step
        assert list(store.evaluations("f", step)) == list(store.evaluations("r", step))
        assert list(store.requests("f", step)) == list(store.requests("r", step))
        if attempt.program is not None:
            assert store.program("f", step) == store.program("r", step)
    assert store.run("f").usage.cost_usd == pytest.approx(sum(attempt.usage.cost_usd for attempt in before))
    assert store.run("f").status == "paused"
    assert (forked_attempts(store, "f"), forked_attempts(store, "r")) == (COUNT, 0)


async def test_what_a_call_cost_under_several_leases_is_taken_over_whole(problem: Problem) -> None:
    store = KeptStore()
    await start_run(fresh(problem, store, Greedy), run_info(problem), no_view)
    step = next(attempt.selected.step for attempt in store.history("r") if attempt.usage.calls)
    key = request_hash(store.requests("r", step)[0][0])
    for _ in range(2):
        lease = store.acquire("r", "me", 60.0)
        store.append(lease, [Called(step, key, 900, CallState.ANSWERED, "m", cost_usd=0.25)])
    parts = fresh(problem, store, Greedy)
    fork(store, "r", COUNT, run_info(problem, "f"), parts.decisions(Exhibits(store, "r", problem)), parts.holder)
    taken_over = [called for _, called in store.calls("f", step)]
    assert [called.number for called in taken_over] == list(range(len(taken_over)))
    assert [(called.state, called.cost_usd) for called in taken_over] == [
        (called.state, called.cost_usd) for _, called in store.calls("r", step)
    ]


@pytest.mark.parametrize("search", [Greedy, RandomWalk])
async def test_it_goes_on_with_its_own_search_and_replays(problem: Problem, search: type[Search]) -> None:
    store = KeptStore()
    await forked(problem, store, search)
    parts = fresh(problem, store, search, evaluations=150)
    result = await resume_run(parts, "f", no_view)
    assert result.status == "finished"
    history = list(store.history("f"))
    assert [attempt.finished.sequence for attempt in history] == list(range(len(history))) and len(history) > COUNT
    again = fresh(problem, store, search)
    assert await replayed(again, store, "f") is None


class Dying(KeptStore):
    """Stops in the middle of a fork, as a process that is killed does."""

    writes_left = 1000

    def append(self, lease: Lease, records: Sequence[Record]) -> None:
        """Write so often and no more."""
        self.writes_left -= 1
        if self.writes_left < 0:
            raise KeyboardInterrupt
        super().append(lease, records)


@pytest.mark.parametrize("writes", [0, 1, COUNT // 2])
async def test_a_fork_that_was_cut_off_is_not_taken_for_a_whole_one(problem: Problem, writes: int) -> None:
    store = Dying()
    await start_run(fresh(problem, store, Greedy), run_info(problem), no_view)
    parts = fresh(problem, store, Greedy)
    store.writes_left = writes
    with pytest.raises(KeyboardInterrupt):
        fork(store, "r", COUNT, run_info(problem, "f"), parts.decisions(Exhibits(store, "r", problem)), parts.holder)
    store.writes_left = 1000
    with pytest.raises(ConfigurationError, match=f"was cut off after {max(writes - 1, 0)}. Fork again"):
        await resume_run(fresh(problem, store, Greedy, evaluations=150), "f", no_view)


@pytest.mark.parametrize("count", [0, -1, 100_000])
async def test_there_must_be_so_many_attempts(problem: Problem, count: int) -> None:
    with pytest.raises(ConfigurationError, match="--at"):
        await forked(problem, KeptStore(), Greedy, count)


async def test_a_run_of_that_name_is_not_overwritten(problem: Problem) -> None:
    store = KeptStore()
    await forked(problem, store, Greedy)
    parts = fresh(problem, store, Greedy)
    with pytest.raises(StoreError):
        fork(store, "r", COUNT, run_info(problem, "f"), parts.decisions(Exhibits(store, "r", problem)), parts.holder)
