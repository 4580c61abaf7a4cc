"""Jobs that claim the same resources, and the workers that can do them."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from evolve.cluster.placement import Berth
from evolve.domain.evaluation import Outcome
from evolve.domain.resources import Resources
from evolve.interfaces import Job, Verdict

_AHEAD_S: Final = 0.25
"""What ends within this time may be replaced before it ends: a message takes less, and nobody minds waiting so long."""
_SHORTEST_S: Final = 0.001
_MEMORY: Final = 0.05  # share of the last judgement in the mean duration


@dataclass(eq=False, slots=True)
class Ticket:
    """A job that somebody waits for."""

    number: int
    job: Job
    verdict: asyncio.Future[Verdict]
    losses: int = 0
    """How often a worker was lost under it."""
    failures: int = 0
    """How often a worker's sandboxes failed under it."""
    failed_on: set[str] = field(default_factory=set)
    """The nodes where they did."""
    bounds: Mapping[str, float] | None = None
    """What it will at best score, as far as its judge says."""

    def give_up(self, why: str) -> None:
        """End it as our fault."""
        self.end(Verdict(Outcome.INFRASTRUCTURE, feedback=why))

    def end(self, verdict: Verdict) -> None:
        """Hand the verdict to who waits for it, if somebody still does."""
        if not self.verdict.done():
            self.verdict.set_result(verdict)


@dataclass(eq=False, slots=True)
class Hand:
    """A worker as its pool sees it. ``node`` is empty until it is ready; ``send`` gives it a job."""

    berth: Berth
    send: Callable[[Ticket], None]
    node: str = ""
    jobs: dict[int, Ticket] = field(default_factory=dict)

    @property
    def free(self) -> int:
        """How many more jobs it can begin; below 0, how many wait there."""
        return self.berth.slots - len(self.jobs) if self.node else 0

    @property
    def busy(self) -> int:
        """How many jobs it works on."""
        return min(self.berth.slots, len(self.jobs))


class Pool:
    """First come, first served; the idlest worker is next.

    When all are busy, workers get as many jobs ahead as they will end while a message travels: some where
    judging takes a second, none where it takes an hour and a job had better wait for whoever is free first.

    Args:
        claim: what each of its jobs occupies.
    """

    def __init__(self, claim: Resources) -> None:
        self.claim = claim
        self.hands: list[Hand] = []
        self._waiting: deque[Ticket] = deque()
        self._mean_s = math.inf

    def take(self, ticket: Ticket) -> None:
        """Have a job done."""
        self._waiting.append(ticket)
        self.hand_out()

    def take_back(self, ticket: Ticket) -> None:
        """Have a job done that was begun before: it goes first."""
        self._waiting.appendleft(ticket)
        self.hand_out()

    def hand_out(self) -> None:
        """Give jobs to workers that are free."""
        while self._waiting:
            ticket = self._waiting[0]
            if ticket.verdict.done():  # nobody waits for it any more
                self._waiting.popleft()
                continue
            hand = self._next_hand(ticket)
            if hand is None:
                return
            self._waiting.popleft()
            hand.jobs[ticket.number] = ticket
            hand.send(ticket)

    def _next_hand(self, ticket: Ticket) -> Hand | None:
        """Return the idlest worker, of those on nodes where the job has not failed if there are some."""
        free = [hand for hand in self.hands if hand.free > -self._ahead(hand)]
        return max(free, key=lambda h: (h.free > 0, h.node not in ticket.failed_on, h.free), default=None)

    def _ahead(self, hand: Hand) -> int:
        """Return how many jobs may wait at a worker."""
        slots = hand.berth.slots if hand.node else 0
        return min(slots, int(slots * _AHEAD_S / max(_SHORTEST_S, self._mean_s)))

    def learn(self, seconds: float) -> None:
        """Take in how long a job took."""
        known = math.isfinite(self._mean_s)
        self._mean_s = (1 - _MEMORY) * self._mean_s + _MEMORY * seconds if known else seconds

    def lose(self, hand: Hand, most_losses: int, why: str) -> None:
        """Give the jobs of a worker that is gone to others; one that lost too many ends as our fault."""
        self.hands.remove(hand)
        lost, hand.jobs = hand.jobs, {}
        for number in sorted(lost, reverse=True):
            ticket = lost[number]
            ticket.losses, ticket.bounds = ticket.losses + 1, None
            if ticket.losses > most_losses:
                ticket.give_up(f"{ticket.losses} workers were lost under it, the last: {why}")
            else:
                self._waiting.appendleft(ticket)
        self.hand_out()

    def works(self) -> bool:
        """Whether there is a worker that is ready."""
        return any(hand.node for hand in self.hands)

    def give_up(self, why: str) -> None:
        """End every job that waits, as our fault."""
        while self._waiting:
            self._waiting.popleft().give_up(why)

    def fail(self, error: BaseException) -> None:
        """End every job with an error."""
        for ticket in (*self._waiting, *self.in_flight()):
            if not ticket.verdict.done():
                ticket.verdict.set_exception(error)
        self._waiting.clear()

    def in_flight(self) -> Iterator[Ticket]:
        """Yield the jobs that workers have."""
        for hand in self.hands:
            yield from hand.jobs.values()
