from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from evolve.cluster.edition import Edition
from evolve.cluster.hub_messages import (
    PROTOCOL,
    Amounts,
    Code,
    Failed,
    GivenBack,
    Held,
    Hello,
    Judged,
    Refused,
    Report,
)
from evolve.cluster.lease_book import Lease, LeaseBook, Terms, Ticket
from evolve.domain.evaluation import Outcome
from evolve.domain.objective import Direction
from evolve.domain.problem import Problem
from evolve.interfaces import Bar, Job, Verdict
from evolve.paths import bundled

TERMS = Terms(
    edition=Edition("1", "a"), lease_s=10.0, failures=3, losses=4, max_workers=5, sandboxes=("docker", "process")
)
FREE = Amounts(cpus=4.0, gpus=1.0, memory_mb=1000.0, custom={"disk": 1.0})
GOOD = Judged(
    outcome=Outcome.VALID, metrics={"value": 1.0}, feedback="", artifacts={}, per_instance={}, seconds=0.1, log=""
)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Desk:
    """A book with its clock, and what was settled."""

    def __init__(self, terms: Terms = TERMS) -> None:
        self.clock = Clock()
        self.book = LeaseBook(terms, self.clock)
        self.settled: list[tuple[Ticket, Verdict]] = []
        self.heard: list[dict[str, float]] = []
        self.problem = Problem.load(bundled("problems") / "circle_packing")

    def submit(self, demand: Amounts | None = None, bar: Bar | None = None) -> Ticket:
        job = Job(self.problem, self.problem.stages[0], {}, bar, lambda metrics: self.heard.append(dict(metrics)))
        ticket = Ticket(job, demand or Amounts(cpus=1.0), lambda verdict: self.settled.append((ticket, verdict)))
        self.book.submit(ticket)
        return ticket

    def join(self, slots: int = 2, capacity: Amounts = FREE, **changed: Any) -> str:
        hello = Hello(
            protocol=PROTOCOL,
            version="1",
            guests="a",
            name="w",
            slots=slots,
            capacity=capacity,
            sandbox="process",
        )
        values = {name: getattr(hello, name) for name in hello.__struct_fields__}
        return self.book.join(Hello(**{**values, **changed}))

    def offer(self, worker: str) -> Lease:
        lease = self.book.offer(worker)
        assert lease is not None
        return lease

    def wait(self, seconds: float, *, keeping: str = "") -> None:
        """Let time pass as it does in a hub, which looks often; the worker ``keeping`` beats."""
        for _ in range(round(seconds)):
            self.clock.now += 1.0
            self.book.look()
            if keeping:
                self.book.beat(keeping, [])

    def refused(self, worker: str, token: str) -> Code:
        with pytest.raises(Refused) as caught:
            self.book.report(worker, token, GOOD)
        assert caught.value.detail
        return caught.value.code


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_report_settles_once_and_every_other_is_told_why_not(desk: Desk) -> None:
    ticket, (one, other) = desk.submit(), (desk.join(), desk.join())
    lease = desk.offer(one)
    assert desk.refused(other, lease.token) is Code.NOT_YOURS
    assert desk.refused(one, f"{desk.book.hub}-made-up") is Code.UNKNOWN_LEASE
    assert desk.refused(one, "0badcafe-made-up") is Code.OTHER_HUB
    desk.book.report(one, lease.token, GOOD)
    assert desk.refused(one, lease.token) is Code.REPORTED
    assert [(t, v.outcome) for t, v in desk.settled] == [(ticket, Outcome.VALID)]
    assert desk.book.offer(one) is None


def test_a_lapsed_lease_is_refused_and_its_job_goes_to_another(desk: Desk) -> None:
    desk.submit()
    one, other = desk.join(), desk.join()
    lease = desk.offer(one)
    desk.wait(10, keeping=other)
    assert desk.refused(one, lease.token) is Code.EXPIRED
    again = desk.offer(other)
    assert again.token != lease.token
    desk.book.report(other, again.token, GOOD)
    assert desk.refused(one, lease.token) is Code.EXPIRED
    assert len(desk.settled) == 1


def test_beats_keep_a_lease_for_hours_and_carry_what_the_judge_says(desk: Desk) -> None:
    desk.submit()
    worker = desk.join()
    lease = desk.offer(worker)
    for hour in range(1000):
        desk.wait(9)
        assert not desk.book.beat(worker, [Held(lease=lease.token, interim={"value": float(hour)})])
    desk.book.beat(worker, [Held(lease=lease.token, interim={"value": float("inf")})])
    desk.book.report(worker, lease.token, GOOD)
    assert len(desk.settled) == 1 and desk.heard == [{"value": float(hour)} for hour in range(1000)]


def test_a_cancelled_job_is_never_settled_and_its_worker_hears_of_it(desk: Desk) -> None:
    ticket, waiting = desk.submit(), desk.submit()
    worker = desk.join()
    lease = desk.offer(worker)
    desk.book.cancel(ticket)
    desk.book.cancel(waiting)
    over = desk.book.beat(worker, [Held(lease=lease.token)])
    assert over[lease.token].code is Code.CANCELLED
    assert desk.refused(worker, lease.token) is Code.CANCELLED
    assert not desk.settled and desk.book.offer(worker) is None and not desk.book.unsettled()


def test_a_job_that_failed_on_a_worker_goes_to_others_and_after_so_many_is_our_fault(desk: Desk) -> None:
    desk.submit()
    one, two, three = desk.join(), desk.join(), desk.join()
    for worker, rest in ((one, [one]), (two, [one, two]), (three, [])):
        desk.book.report(worker, desk.offer(worker).token, Failed(detail="no engine"))
        assert all(desk.book.offer(name) is None for name in rest)
    ((_, verdict),) = desk.settled
    assert verdict.outcome is Outcome.INFRASTRUCTURE
    assert "3 times, on 3 workers" in verdict.feedback and "no engine" in verdict.feedback


def test_the_only_worker_is_given_a_job_that_failed_on_it_again(desk: Desk) -> None:
    desk.submit()
    worker = desk.join()
    for _ in range(TERMS.failures):
        desk.book.report(worker, desk.offer(worker).token, Failed(detail="x"))
    assert desk.settled[0][1].outcome is Outcome.INFRASTRUCTURE


def test_workers_that_vanish_blame_nobody_until_it_is_too_often(desk: Desk) -> None:
    desk.submit()
    for left in range(TERMS.losses - 1, -1, -1):
        desk.offer(desk.join())
        assert not desk.settled
        desk.wait(11)
        assert not desk.book.workers and bool(desk.settled) == (not left)
    assert desk.settled[0][1].outcome is Outcome.INFRASTRUCTURE
    assert "not heard of again" in desk.settled[0][1].feedback


def test_what_is_given_back_is_the_next_to_be_offered_and_counts_as_no_failure(desk: Desk) -> None:
    first, _ = desk.submit(), desk.submit()
    one, other = desk.join(), desk.join()
    for _ in range(3 * TERMS.failures):
        lease = desk.offer(one)
        assert lease.ticket is first
        desk.book.report(one, lease.token, GivenBack())
    lease = desk.offer(one)
    desk.book.leave(one)
    assert desk.offer(other).ticket is first and not desk.settled
    assert desk.refused(one, lease.token) is Code.EXPIRED


def test_a_job_goes_to_a_worker_that_has_what_it_takes(desk: Desk) -> None:
    gpu = desk.submit(Amounts(cpus=1.0, gpus=1.0))
    disk = desk.submit(Amounts(custom={"disk": 2.0}))
    cpu = desk.submit()
    plain, strong = desk.join(capacity=Amounts(cpus=1.0)), desk.join()
    lease = desk.book.offer(plain)
    assert lease is not None and lease.ticket is cpu
    assert desk.offer(strong).ticket is gpu
    another = desk.submit(Amounts(gpus=1.0))
    assert desk.book.offer(strong) is None  # its only one is in use
    desk.book.cancel(gpu)
    assert desk.offer(strong).ticket is another
    assert list(desk.book.homeless()) == [disk]


def test_no_worker_gets_more_than_it_has_slots_nor_anything_when_it_is_silent(desk: Desk) -> None:
    for _ in range(3):
        desk.submit()
    worker, quiet = desk.join(slots=1), desk.join()
    desk.offer(worker)
    assert desk.book.offer(worker) is None
    desk.wait(6, keeping=worker)
    assert desk.book.offer(quiet) is None
    desk.book.hear(quiet)
    assert desk.book.offer(quiet) is not None


def test_a_verdict_that_no_judge_can_have_given_is_refused_and_counts_as_a_failure(desk: Desk) -> None:
    bar = Bar("value", Direction.MAXIMIZE, 5.0)
    worker = desk.join()
    for changed in (
        {"metrics": {"value": float("nan")}},
        {"outcome": Outcome.INFRASTRUCTURE},
        {"outcome": Outcome.REJECTED},  # nothing stopped it: 9 is no worse than 5
    ):
        desk.submit(bar=bar)
        lease = desk.offer(worker)
        values = {"outcome": Outcome.VALID, "metrics": {"value": 9.0}, **changed}
        report = Judged(feedback="", artifacts={}, per_instance={}, seconds=0.0, log="", **values)  # type: ignore[arg-type]
        with pytest.raises(Refused) as caught:
            desk.book.report(worker, lease.token, report)
        assert caught.value.code is Code.IMPOSSIBLE
        assert desk.offer(worker).ticket is lease.ticket and not desk.settled
        desk.book.cancel(lease.ticket)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"protocol": PROTOCOL + 1}, "Protocol"),
        ({"version": "2"}, "evolve 2, expected 1"),
        ({"guests": "other"}, "evaluators"),
        ({"sandbox": "none"}, "executor.sandboxes"),
    ],
)
def test_a_worker_that_would_judge_otherwise_is_refused_in_words(
    desk: Desk, changed: dict[str, Any], says: str
) -> None:
    with pytest.raises(Refused, match=says) as caught:
        desk.join(**changed)
    assert caught.value.code is Code.MISMATCH


def test_there_are_only_so_many_workers_and_the_silent_make_room(desk: Desk) -> None:
    for _ in range(TERMS.max_workers):
        desk.join()
    with pytest.raises(Refused, match="max_workers") as caught:
        desk.join()
    assert caught.value.code is Code.FULL
    desk.wait(10)
    desk.join()
    assert len(desk.book.workers) == 1


def test_a_hub_that_was_stopped_itself_lets_no_lease_lapse_for_it(desk: Desk) -> None:
    desk.submit()
    worker = desk.join()
    lease = desk.offer(worker)
    desk.clock.now += 1000.0
    desk.book.report(worker, lease.token, GOOD)
    assert len(desk.settled) == 1


class Bustle:
    """Workers at random, up to no good: they vanish, beat late, report twice, and for each other."""

    def __init__(self, desk: Desk, seed: int) -> None:
        self._desk, self._rng = desk, np.random.default_rng(seed)
        self._workers: list[str] = []
        self._held: list[tuple[str, str]] = []  # some of them long over
        self.accepted = 0

    def step(self) -> None:
        """Do one thing."""
        while len(self._workers) < 8:
            self._workers.append(self._desk.join())
        worker = self._workers[self._rng.integers(len(self._workers))]
        acts = [self._ask, self._report, self._workers.remove, self._beat, self._wait]
        act = acts[self._rng.choice(5, p=[0.3, 0.4, 0.02, 0.2, 0.08])]
        try:
            act(worker)
        except Refused as refused:
            if refused.code is Code.UNKNOWN_WORKER:
                self._workers.remove(worker)

    def _ask(self, worker: str) -> None:
        lease = self._desk.book.offer(worker)
        self._held += [(worker, lease.token)] if lease is not None else []

    def _report(self, worker: str) -> None:
        if not self._held:
            return
        owner, token = self._held[-int(self._rng.integers(1, 1 + min(30, len(self._held))))]
        reports: list[Report] = [GOOD, Failed(detail="x"), GivenBack()]
        report = reports[int(self._rng.choice(3, p=[0.5, 0.25, 0.25]))]
        try:
            self._desk.book.report(owner if self._rng.random() < 0.9 else worker, token, report)
        except Refused:
            return
        self.accepted += isinstance(report, Judged)

    def _beat(self, worker: str) -> None:
        self._desk.book.beat(worker, [Held(lease=token) for owner, token in self._held if owner == worker])

    def _wait(self, worker: str) -> None:
        self._desk.wait(int(self._rng.integers(1, 4)))


@pytest.mark.parametrize("seed", range(20))
def test_whatever_happens_every_job_is_settled_once_under_the_lease_it_had_then(seed: int) -> None:
    desk = Desk(replace(TERMS, max_workers=50, losses=10_000, failures=10_000))
    tickets = [desk.submit() for _ in range(60)]
    bustle = Bustle(desk, seed)
    for _ in range(20_000):
        if len(desk.settled) == len(tickets):
            break
        bustle.step()
    counted = Counter(id(ticket) for ticket, _ in desk.settled)
    assert len(desk.settled) == len(tickets) == bustle.accepted
    assert set(counted.values()) == {1} and not desk.book.unsettled()
