"""A store that is away while a run works: what waits, what is said, what comes of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

import pytest

from evolve.controller.journal import Journal
from evolve.controller.loop import Loop
from evolve.controller.run import Result, start_run
from evolve.domain.evaluation import Evaluation
from evolve.domain.problem import Problem
from evolve.domain.proposal import Event, Record
from evolve.errors import LeaseLost, StoreAway
from evolve.interfaces import Lease
from evolve.store.memory import MemoryStore
from tests.controller.controller_support import Nudge, make_parts, no_view, run_info
from tests.controller.test_loop_and_run import KeptStore, history

T = TypeVar("T")
LEASE = Lease("r", "h", 1)


class Fragile(KeptStore):
    """A store that goes away for as long as a test wants; ``tries`` counts the calls meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self.away = ""
        self.tries = 0
        self.batches: list[int] = []

    def append(self, lease: Lease, records: Sequence[Record]) -> None:
        self._require()
        self.batches.append(len(records))
        super().append(lease, records)

    def renew(self, lease: Lease, seconds: float, elapsed_s: float, status: str) -> None:
        self._require()
        super().renew(lease, seconds, elapsed_s, status)

    def evaluations(self, run: str, step: int) -> Sequence[Evaluation]:
        self._require()
        return super().evaluations(run, step)

    def known_evaluation(self, judge_hash: str, stage: str, fingerprint: str) -> Evaluation | None:
        self._require()
        return super().known_evaluation(judge_hash, stage, fingerprint)

    def _require(self) -> None:
        if self.away:
            self.tries += 1
            raise StoreAway(self.away)


def leased(store: MemoryStore, problem: Problem) -> Lease:
    store.create_run(run_info(problem))
    return store.acquire("r", "me:1:1", 60.0)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.005)


async def test_what_is_written_while_the_store_is_away_is_written_once_when_it_is_back(problem: Problem) -> None:
    store = Fragile()
    journal = Journal(store, leased(store, problem))
    store.away = "the disk is full"
    writing = asyncio.gather(*(journal.write(Event("n", {"n": number})) for number in range(5)))
    await until(lambda: store.tries >= 3)
    assert journal.away == "the disk is full"
    assert not writing.done()
    store.away = ""
    await writing
    await journal.close()
    assert [event.data.get("n") for _, event in store.events("r") if event.kind == "n"] == list(range(5))
    assert journal.away == ""


async def test_a_person_is_told_once_when_it_goes_and_once_when_it_is_back(
    problem: Problem, caplog: pytest.LogCaptureFixture
) -> None:
    store = Fragile()
    journal = Journal(store, leased(store, problem))
    store.away = "the disk is full: free some space."
    with caplog.at_level(logging.WARNING):
        writing = asyncio.gather(
            journal.write(Event("n", {})), journal.call(lambda store: store.renew(LEASE, 1, 1, ""))
        )
        await until(lambda: len(caplog.messages) > 0 and store.tries > 3)
        store.away = ""
        await writing
    await journal.close()
    assert [message.partition(".")[0] for message in caplog.messages] == [
        "the disk is full: free some space",
        f"The store answers again after {caplog.messages[1].split()[5]} s; the run goes on",
    ]
    ((_, told),) = [item for item in store.events("r") if item[1].kind == "store_away"]
    assert told.data["reason"] == "the disk is full: free some space."


async def test_patience_ends_with_words_for_every_writer(problem: Problem) -> None:
    store = Fragile()
    journal = Journal(store, leased(store, problem), patience_s=0.15)
    store.away = "the server is gone."
    results = await asyncio.gather(*(journal.write(Event("n", {})) for _ in range(3)), return_exceptions=True)
    assert all(isinstance(result, StoreAway) and "done again when it is resumed" in str(result) for result in results)
    with pytest.raises(StoreAway):
        await journal.ready()
    await journal.close()


async def test_who_gives_up_waits_no_longer(problem: Problem) -> None:
    store = Fragile()
    journal = Journal(store, leased(store, problem))
    store.away = "the server is gone."
    writing = asyncio.gather(journal.write(Event("n", {})), return_exceptions=True)
    await until(lambda: store.tries >= 2)
    journal.give_up()
    async with asyncio.timeout(5):
        assert [type(result) for result in await writing] == [StoreAway]
    await journal.close()


async def test_a_lease_that_was_lost_meanwhile_ends_the_writing(problem: Problem) -> None:
    store = Fragile()
    lease = leased(store, problem)
    journal = Journal(store, lease)
    store.away = "the network is gone."
    writing = asyncio.gather(journal.write(Event("mine", {})), return_exceptions=True)
    await until(lambda: store.tries >= 2)
    store.release(lease, 0.0, "running")  # as if it had expired
    store.acquire("r", "another:1:1", 60.0)
    store.away = ""
    assert [type(result) for result in await writing] == [LeaseLost]
    assert store.events("r") == []
    await journal.close()


async def during_absence(
    problem: Problem, store: Fragile, operator: Nudge, check: Callable[[Loop, int], None]
) -> Result:
    """Run with a store that goes away in the middle; ``check`` looks at the loop after some tries, and is told
    how many proposals were finished when the loop knew."""
    loops: list[Loop] = []
    parts = replace(make_parts(problem, store, [operator], evaluations=60, stall=10_000), reuse_evaluations=True)

    async def trouble() -> None:
        await until(lambda: bool(loops) and loops[0].progress.spent.proposals >= 15)
        store.away = "the disk is full."
        await until(lambda: bool(loops[0].away))
        finished = loops[0].progress.spent.proposals
        await until(lambda: store.tries >= 5)
        check(loops[0], finished)
        store.away = ""

    troubling = asyncio.create_task(trouble())
    result = await start_run(parts, run_info(problem), loops.append)
    await troubling
    return result


async def test_a_run_begins_nothing_while_its_store_is_away_and_goes_on_without_a_gap(problem: Problem) -> None:
    store = Fragile()

    def check(loop: Loop, finished: int) -> None:
        assert loop.away == "the disk is full."
        assert loop.in_flight().attempts <= 8  # propose and queue are 4 each

    result = await during_absence(problem, store, Nudge(), check)
    attempts = history(store)
    assert result.status == "finished"
    assert sum(attempt.evaluation is not None for attempt in attempts) == 60
    assert [attempt.finished.sequence for attempt in attempts] == list(range(len(attempts)))
    assert store.unfinished("r") == []
    assert store.run("r").status == "finished"


async def test_attempts_that_need_no_write_do_not_pile_up(problem: Problem) -> None:
    """Most children here are duplicates, which end without waiting for anything to be durable."""
    store = Fragile()

    def check(loop: Loop, finished: int) -> None:
        checked.append(loop.progress.spent.proposals - finished)

    checked: list[int] = []
    result = await during_absence(problem, store, Nudge(digits=1), check)
    assert result.status == "finished"
    assert checked[0] <= 8  # those that were in flight


async def test_interrupted_while_the_store_is_away_a_run_stops_with_what_to_do(problem: Problem) -> None:
    store = Fragile()
    loops: list[Loop] = []
    parts = make_parts(problem, store, [Nudge()], evaluations=1000)
    running = asyncio.create_task(start_run(parts, run_info(problem), loops.append))
    await until(lambda: bool(loops) and loops[0].progress.spent.proposals >= 5)
    store.away = "the disk is full: free some space."
    await until(lambda: store.tries >= 3)
    running.cancel()  # what an interrupt does while the store is away
    with pytest.raises(StoreAway, match=r"free some space.*done again when it is resumed"):
        await running


async def test_without_trouble_nothing_waits(problem: Problem) -> None:
    store = Fragile()
    result = await start_run(make_parts(problem, store, [Nudge()], evaluations=10), run_info(problem), no_view)
    assert result.status == "finished"
    assert store.tries == 0
    assert not any(event.kind == "store_away" for _, event in store.events("r"))
