from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from evolve.cluster.placement import Berth
from evolve.cluster.pool import Hand, Pool, Ticket
from evolve.domain.evaluation import Outcome
from evolve.domain.problem import Problem
from evolve.domain.resources import ONE_CORE
from evolve.interfaces import Verdict
from tests.cluster.cluster_support import jobs, trivial


@pytest.fixture
def problem(tmp_path: Path) -> Problem:
    return trivial()


def hand(pool: Pool, slots: int, node: str) -> tuple[Hand, list[int]]:
    """A ready worker of a pool, and the numbers of the jobs that it was sent."""
    sent: list[int] = []
    made = Hand(Berth(ONE_CORE, slots, node), lambda ticket: sent.append(ticket.number), node)
    pool.hands.append(made)
    return made, sent


def tickets(problem: Problem, count: int) -> list[Ticket]:
    loop = asyncio.get_running_loop()
    return [Ticket(number, job, loop.create_future()) for number, job in enumerate(jobs(problem, count), 1)]


async def test_jobs_go_to_the_idlest_worker_in_order(problem: Problem) -> None:
    pool = Pool(ONE_CORE)
    (_, small), (_, large) = hand(pool, 1, "a"), hand(pool, 3, "b")
    for ticket in tickets(problem, 6):
        pool.take(ticket)
    assert sorted(small + large) == [1, 2, 3, 4] and len(large) == 3 and large[0] == 1


async def test_jobs_of_a_lost_worker_go_first_elsewhere(problem: Problem) -> None:
    pool = Pool(ONE_CORE)
    lost, _ = hand(pool, 2, "a")
    made = tickets(problem, 4)
    for ticket in made:
        pool.take(ticket)
    pool.lose(lost, 5, "its node is gone")
    _, sent = hand(pool, 4, "b")
    pool.hand_out()
    assert sent == [1, 2, 3, 4]
    assert [ticket.losses for ticket in made] == [1, 1, 0, 0]


async def test_a_job_under_which_too_many_are_lost_ends_as_our_fault(problem: Problem) -> None:
    pool = Pool(ONE_CORE)
    (ticket,) = tickets(problem, 1)
    pool.take(ticket)
    for _ in range(3):
        lost, _ = hand(pool, 1, "a")
        pool.hand_out()
        pool.lose(lost, 2, "its node is gone")
    verdict = await ticket.verdict
    assert verdict.outcome is Outcome.INFRASTRUCTURE
    assert verdict.feedback == "3 workers were lost under it, the last: its node is gone"


async def test_a_job_that_failed_on_a_node_goes_to_another_if_there_is_one(problem: Problem) -> None:
    pool = Pool(ONE_CORE)
    _, again = hand(pool, 4, "a")
    _, other = hand(pool, 1, "b")
    first, second = tickets(problem, 2)
    for ticket in (first, second):
        ticket.failed_on.add("a")
        pool.take_back(ticket)
    assert (other, again) == ([1], [2])


async def test_jobs_that_nobody_waits_for_are_not_sent(problem: Problem) -> None:
    pool = Pool(ONE_CORE)
    first, second = tickets(problem, 2)
    for ticket in (first, second):
        pool.take(ticket)
    first.verdict.cancel()
    _, sent = hand(pool, 2, "a")
    pool.hand_out()
    assert sent == [2]


@pytest.mark.parametrize(("seconds", "sent"), [(3600.0, 8), (1.0, 10), (0.001, 16)])
async def test_short_jobs_are_sent_ahead_and_long_ones_wait_for_whoever_is_free(
    problem: Problem, seconds: float, sent: int
) -> None:
    pool = Pool(ONE_CORE)
    pool.learn(seconds)
    worker, numbers = hand(pool, 8, "a")
    for ticket in tickets(problem, 20):
        pool.take(ticket)
    assert (len(numbers), worker.busy) == (sent, 8)


async def test_a_worker_that_is_not_ready_gets_nothing(problem: Problem) -> None:
    pool = Pool(ONE_CORE)
    worker, sent = hand(pool, 2, "")
    pool.take(tickets(problem, 1)[0])
    assert sent == [] and worker.busy == 0 and not pool.works()


async def test_giving_up_ends_what_waits_and_a_verdict_counts_once(problem: Problem) -> None:
    pool = Pool(ONE_CORE)
    (ticket,) = tickets(problem, 1)
    pool.take(ticket)
    pool.give_up("nobody came")
    ticket.end(Verdict(Outcome.VALID))
    assert (await ticket.verdict).feedback == "nobody came"
