"""Who works on what, and until when: the exactly-once half of the hub. Knows no network and no clock of its own."""

from __future__ import annotations

import secrets
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Final

from evolve.cluster.edition import Edition
from evolve.cluster.hub_messages import (
    PROTOCOL,
    Amounts,
    Code,
    Failed,
    GivenBack,
    Held,
    Hello,
    Refusal,
    Refused,
    Report,
    finite,
)
from evolve.domain.evaluation import Outcome
from evolve.errors import nearest
from evolve.interfaces import Job, Verdict

_NOTHING: Final = Amounts()
_REMEMBERED_LEASES: Final = 10_000
_TOKEN_BYTES: Final = 16
_SILENT_SHARE: Final = 0.5  # of a lease; after that a worker may be gone, and is offered nothing
_STALL_SHARE: Final = 0.5  # of a lease; whoever did not look for so long was stopped himself


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The rules of a hub.

    Args:
        edition: the code that workers must run.
        lease_s: how long a worker may be silent before its jobs are given to others.
        failures: how often the machinery of workers may fail under a job, each time another's if there is one.
        losses: how often a job's lease may lapse.
        max_workers: how many may be joined at once.
        sandboxes: kinds of sandboxes that may judge.
    """

    edition: Edition
    lease_s: float
    failures: int
    losses: int
    max_workers: int
    sandboxes: Sequence[str]


@dataclass(eq=False, slots=True)
class Ticket:
    """A job that somebody waits for. ``settle`` is called once, with its verdict, unless it is cancelled."""

    job: Job
    demand: Amounts
    settle: Callable[[Verdict], None]
    failed_on: Counter[str] = field(default_factory=Counter)  # by worker
    losses: int = 0
    lease: Lease | None = None


@dataclass(eq=False, slots=True)
class Lease:
    """A worker's right to report on a job, once."""

    token: str
    worker: str
    ticket: Ticket
    expires_at: float


@dataclass(slots=True)
class _Member:
    hello: Hello
    heard_at: float
    leases: dict[str, Lease] = field(default_factory=dict)

    def free(self) -> Amounts:
        """Return what its evaluations leave of what it has."""
        return reduce(Amounts.less, (lease.ticket.demand for lease in self.leases.values()), self.hello.capacity)


class LeaseBook:
    """Tickets, the workers that joined, and the leases between them.

    Each ticket is waiting, or leased to one worker, or over; it is settled by the one report that
    arrives under its lease before that lapses. Everything else is refused, with a code. Every method
    first lets lapse what has lapsed.

    Args:
        terms: the rules.
        clock: seconds that never go back.
        hub: names this hub, so that leases of an earlier one are told apart.
    """

    def __init__(self, terms: Terms, clock: Callable[[], float], hub: str = "") -> None:
        self.hub = hub or secrets.token_hex(4)
        self._terms = terms
        self._clock = clock
        self._waiting: OrderedDict[int, Ticket] = OrderedDict()  # by id(); those that were tried before come first
        self._members: dict[str, _Member] = {}
        self._leases: dict[str, Lease] = {}
        self._over: OrderedDict[str, Code] = OrderedDict()
        self._looked_at = clock()

    # ── the controller's side ─────────────────────────────────────────────────────────────────
    def submit(self, ticket: Ticket) -> None:
        """Have a job done."""
        self._waiting[id(ticket)] = ticket

    def cancel(self, ticket: Ticket) -> None:
        """Nobody waits for it any more: it is never settled, and its worker is told to stop."""
        self._waiting.pop(id(ticket), None)
        if ticket.lease is not None:
            self._end(ticket.lease, Code.CANCELLED)

    def unsettled(self) -> list[Ticket]:
        """Return every ticket that is waiting or leased."""
        return [*(lease.ticket for lease in self._leases.values()), *self._waiting.values()]

    def homeless(self) -> Iterator[Ticket]:
        """Yield the waiting tickets that no worker could ever take."""
        return (ticket for ticket in self._waiting.values() if not any(self._able(ticket)))

    @property
    def waiting(self) -> int:
        """Number of jobs that no worker has."""
        return len(self._waiting)

    @property
    def workers(self) -> Mapping[str, Hello]:
        """Who has joined."""
        return {name: member.hello for name, member in self._members.items()}

    # ── the workers' side ─────────────────────────────────────────────────────────────────────
    def join(self, hello: Hello) -> str:
        """Take a worker in; return its name here. Raises Refused."""
        self.look()
        self._check(hello)
        worker = f"{self.hub}-{secrets.token_hex(_TOKEN_BYTES)}"
        self._members[worker] = _Member(hello, self._clock())
        return worker

    def hear(self, worker: str) -> None:
        """Note that a worker lives. Raises Refused for one that has not joined."""
        self._member(worker).heard_at = self._clock()

    def leave(self, worker: str) -> None:
        """Let a worker go; what it holds is given to others. Raises Refused."""
        member = self._member(worker)
        for lease in list(member.leases.values()):
            self._again(lease, Code.EXPIRED)
        del self._members[worker]

    def offer(self, worker: str) -> Lease | None:
        """Lease the first waiting job that fits to a worker that waits for one, or None. Raises Refused."""
        member = self._member(worker)
        silent_s = self._clock() - member.heard_at
        if len(member.leases) >= member.hello.slots or silent_s > _SILENT_SHARE * self._terms.lease_s:
            return None
        free = member.free() if self._waiting else _NOTHING
        for ticket in self._waiting.values():
            if free.covers(ticket.demand) and not self._better_elsewhere(ticket, worker):
                return self._grant(ticket, worker, member)
        return None

    def give_back(self, lease: Lease) -> None:
        """Take back a lease that its worker was not told of."""
        if lease.token in self._leases:
            self._again(lease, Code.EXPIRED)

    def beat(self, worker: str, held: Sequence[Held]) -> dict[str, Refusal]:
        """Renew leases and pass on interim results; return those that are over. Raises Refused for the worker."""
        self.hear(worker)
        over = {}
        for item in held:
            try:
                lease = self._lease(worker, item.lease)
            except Refused as refused:
                over[item.lease] = Refusal(code=refused.code, detail=refused.detail)
                continue
            lease.expires_at = self._clock() + self._terms.lease_s
            if item.interim and finite(item.interim):
                lease.ticket.job.watch(item.interim)
        return over

    def lease(self, worker: str, token: str) -> Lease:
        """Return a lease that is good for a report now. Raises Refused."""
        self.look()
        lease = self._lease(worker, token)
        self.hear(worker)
        return lease

    def report(self, worker: str, token: str, report: Report) -> None:
        """End a lease by what its worker has to say. Raises Refused: then nothing was settled by it."""
        lease = self.lease(worker, token)
        if isinstance(report, GivenBack):
            self._again(lease, Code.REPORTED)
            return
        if isinstance(report, Failed):
            self._failed(lease, report.detail)
            return
        try:
            verdict = report.verdict(lease.ticket.job.bar)
        except Refused as refused:
            self._failed(lease, refused.detail)
            raise
        self._end(lease, Code.REPORTED)
        lease.ticket.settle(verdict)

    def look(self) -> None:
        """Let leases lapse, and forget workers that are silent. To be called several times in a lease."""
        now = self._clock()
        away_s, self._looked_at = now - self._looked_at, now
        if away_s > _STALL_SHARE * self._terms.lease_s:
            # Nobody was listening, so nobody could be heard.
            for member in self._members.values():
                member.heard_at += away_s
            for lease in self._leases.values():
                lease.expires_at += away_s
        for lease in [lease for lease in self._leases.values() if lease.expires_at <= now]:
            self._lost(lease)
        silent = [n for n, m in self._members.items() if not m.leases and m.heard_at + self._terms.lease_s <= now]
        for name in silent:
            del self._members[name]

    # ── inside ────────────────────────────────────────────────────────────────────────────────
    def _check(self, hello: Hello) -> None:
        terms = self._terms
        if hello.protocol != PROTOCOL:
            raise Refused(Code.MISMATCH, f"Protocol {hello.protocol}, expected {PROTOCOL}: install this hub's version.")
        differs = terms.edition.difference(Edition(hello.version, hello.guests), f"Worker {hello.name!r}")
        if differs:
            raise Refused(Code.MISMATCH, differs)
        if hello.sandbox not in terms.sandboxes:
            known = nearest(hello.sandbox, terms.sandboxes)
            raise Refused(
                Code.MISMATCH,
                f"Worker {hello.name!r} judges in sandbox={hello.sandbox}, which executor.sandboxes does not allow. "
                f"{known}",
            )
        if len(self._members) >= terms.max_workers:
            raise Refused(Code.FULL, f"There are {terms.max_workers} workers, as many as executor.max_workers allows.")

    def _member(self, worker: str) -> _Member:
        self.look()
        member = self._members.get(worker)
        if member is None:
            self._refuse_foreign(worker)
            raise Refused(Code.UNKNOWN_WORKER, "No such worker: it was silent for too long, or has left. Join again.")
        return member

    def _refuse_foreign(self, token: str) -> None:
        if not token.startswith(f"{self.hub}-"):
            raise Refused(
                Code.OTHER_HUB, "That was an earlier hub; what it had asked for is asked for anew. Join again."
            )

    def _lease(self, worker: str, token: str) -> Lease:
        lease = self._leases.get(token)
        if lease is not None and lease.worker != worker:
            raise Refused(Code.NOT_YOURS, "Another worker holds this lease.")
        if lease is not None:
            return lease
        self._refuse_foreign(token)
        code = self._over.get(token)
        if code is None:
            raise Refused(Code.UNKNOWN_LEASE, "There is no such lease, and there was none lately.")
        raise Refused(code, _WHY[code])

    def _able(self, ticket: Ticket) -> Iterator[str]:
        return (name for name, member in self._members.items() if member.hello.capacity.covers(ticket.demand))

    def _better_elsewhere(self, ticket: Ticket, worker: str) -> bool:
        """Whether the machinery of this worker failed under the job, and that of another that could take it did not."""
        return worker in ticket.failed_on and any(name not in ticket.failed_on for name in self._able(ticket))

    def _grant(self, ticket: Ticket, worker: str, member: _Member) -> Lease:
        token = f"{self.hub}-{secrets.token_hex(_TOKEN_BYTES)}"
        lease = Lease(token, worker, ticket, self._clock() + self._terms.lease_s)
        del self._waiting[id(ticket)]
        self._leases[token] = member.leases[token] = ticket.lease = lease
        return lease

    def _end(self, lease: Lease, code: Code) -> None:
        del self._leases[lease.token]
        self._members[lease.worker].leases.pop(lease.token)
        lease.ticket.lease = None
        self._over[lease.token] = code
        while len(self._over) > _REMEMBERED_LEASES:
            self._over.popitem(last=False)

    def _again(self, lease: Lease, code: Code) -> None:
        """End a lease without a verdict; the job is the next to be given away."""
        self._end(lease, code)
        self._waiting[id(lease.ticket)] = lease.ticket
        self._waiting.move_to_end(id(lease.ticket), last=False)

    def _failed(self, lease: Lease, detail: str) -> None:
        ticket, name = lease.ticket, self._members[lease.worker].hello.name
        ticket.failed_on[lease.worker] += 1
        failures = ticket.failed_on.total()
        if failures < self._terms.failures:
            self._again(lease, Code.REPORTED)
            return
        self._end(lease, Code.REPORTED)
        where = f"on {len(ticket.failed_on)} workers" if len(ticket.failed_on) > 1 else f"on worker {name}"
        self._settle_as_ours(ticket, f"The sandboxes failed {failures} times, {where}; the last, {name}: {detail}")

    def _lost(self, lease: Lease) -> None:
        ticket = lease.ticket
        ticket.losses += 1
        if ticket.losses < self._terms.losses:
            self._again(lease, Code.EXPIRED)
            return
        self._end(lease, Code.EXPIRED)
        self._settle_as_ours(ticket, f"{ticket.losses} workers that were given this job were not heard of again.")

    @staticmethod
    def _settle_as_ours(ticket: Ticket, why: str) -> None:
        ticket.settle(Verdict(Outcome.INFRASTRUCTURE, feedback=why))


_WHY: Final = {
    Code.EXPIRED: "The lease has lapsed: it was not renewed in time. The job is given to others.",
    Code.REPORTED: "This lease was reported on already; the first report counts.",
    Code.CANCELLED: "Nobody waits for this evaluation any more.",
}
