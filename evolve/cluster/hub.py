"""Judges programs on machines that ask for work: the executor for whatever cannot run Ray."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from evolve.arguments import above_zero, at_least
from evolve.cluster.credentials import TOKEN_VARIABLE, hub_token, server_context
from evolve.cluster.edition import this_edition
from evolve.cluster.hub_messages import Amounts
from evolve.cluster.hub_server import Address, HubServer
from evolve.cluster.lease_book import Lease, LeaseBook, Terms, Ticket
from evolve.cluster.parcel import Parcel, Shipment, pack
from evolve.domain.evaluation import Outcome
from evolve.domain.problem import Problem
from evolve.interfaces import Job, Verdict

_LOOK_AROUND_S: Final = 5.0
_MAX_PORT: Final = 65535

_log = logging.getLogger(__name__)


class HubExecutor:
    """Gives jobs to workers that connect over HTTP, under leases; implements :class:`evolve.interfaces.Executor`.

    A job is settled by the one report that arrives under its lease before that lapses. One whose worker
    falls silent is given to another, and nobody is blamed. Without workers jobs wait, however long.

    A worker shows the token, and its verdicts are checked like those of a sandbox here: but whoever owns
    its machine can make it say what they like. Give the token only to those whose scores you would trust.

    Args:
        width: evaluations at once, at most; None for as many as the workers that have joined have slots.
        host, port: where to listen; port 0 is any that is free.
        token_file: what workers must show; made if it is not there. $EVOLVE_WORKER_TOKEN comes before it.
        tls_cert, tls_key: files in PEM format.
        insecure: whether to listen without encryption where other machines can reach it.
        lease_s: how long a worker may be silent before its jobs are given to others.
        failures: how often the machinery of workers may fail under a job before it ends as INFRASTRUCTURE.
        losses: how often the lease of a job may lapse before it ends as INFRASTRUCTURE.
        max_workers: how many may be joined at once.
        max_report_mb: the longest verdict that is read, artifacts included.
        sandboxes: kinds of sandboxes that may judge.
    """

    def __init__(
        self,
        *,
        width: int | None,
        host: str,
        port: int,
        token_file: str,
        tls_cert: str | None,
        tls_key: str | None,
        insecure: bool,
        lease_s: float,
        failures: int,
        losses: int,
        max_workers: int,
        max_report_mb: int,
        sandboxes: Sequence[str],
    ) -> None:
        at_least(1, "executor", failures=failures, losses=losses, max_workers=max_workers)
        at_least(1, "executor", max_report_mb=max_report_mb, width=width)
        above_zero("executor", lease_s=lease_s)
        self._width = width
        self._terms = Terms(
            edition=this_edition(),
            lease_s=lease_s,
            failures=failures,
            losses=losses,
            max_workers=max_workers,
            sandboxes=tuple(sandboxes),
        )
        self._host, self._port, self._token_file = host, port, Path(token_file)
        self._tls = (tls_cert, tls_key, insecure)
        self._max_report_bytes = max_report_mb << 20
        self._turns = asyncio.Semaphore(width) if width is not None else nullcontext()
        self._shipments: dict[int, tuple[Problem, Shipment]] = {}  # by id() of the problem, which is kept with it
        self._parcels: dict[str, Parcel] = {}
        self._interim: dict[int, Mapping[str, float]] = {}
        self._jobs = 0
        self._said: set[str] = set()
        self._book: LeaseBook | None = None
        self._server: HubServer | None = None
        self._minding: asyncio.Task[None] | None = None

    @property
    def width(self) -> int:
        """How many evaluations there are room for now; at least 1."""
        if self._width is not None:
            return self._width
        return max(1, sum(hello.slots for hello in self._book.workers.values()) if self._book is not None else 0)

    @property
    def url(self) -> str:
        """Where workers connect; empty before ``start``."""
        return self._server.url if self._server is not None else ""

    def interim(self) -> Sequence[Mapping[str, float]]:
        """Return what the evaluations in flight will at best score, as far as their judges say; the oldest first."""
        return [self._interim[number] for number in sorted(self._interim)]

    async def start(self) -> None:
        """Listen for workers; waits for none. Raises ConfigurationError."""
        cert, key, insecure = self._tls
        tls = server_context(self._host, cert, key, insecure=insecure)
        address = Address(host=self._host, port=self._port, token=hub_token(self._token_file), tls=tls)
        book = LeaseBook(self._terms, time.monotonic)
        server = HubServer(
            book,
            address,
            lease_s=self._terms.lease_s,
            max_report_bytes=self._max_report_bytes,
            shipment=self._shipment,
            parcels=self._parcels,
        )
        await server.start()
        self._port = server.port  # workers look for the next one here
        self._book, self._server = book, server
        self._minding = asyncio.create_task(self._mind(book))

    async def judge(self, job: Job) -> Verdict:
        """Have a worker judge; see :class:`evolve.interfaces.Executor`. Being cancelled tells the worker to stop."""
        self._jobs += 1
        number = self._jobs
        async with self._turns:
            await self._ship(job.problem)
            if self._book is None or self._server is None:
                return _closed()
            done: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()
            ticket = Ticket(self._watched(job, number), Amounts.of(job.stage.resources), partial(_settle, done))
            self._book.submit(ticket)
            self._server.dispatch()
            try:
                return await done
            finally:
                if self._book is not None:
                    self._book.cancel(ticket)
                self._interim.pop(number, None)

    def _watched(self, job: Job, number: int) -> Job:
        def watch(metrics: Mapping[str, float]) -> None:
            self._interim[number] = metrics
            job.watch(metrics)

        return replace(job, watch=watch)

    async def close(self) -> None:
        """Let all workers go; jobs that are left end as INFRASTRUCTURE."""
        book, server, minding = self._book, self._server, self._minding
        self._book = self._server = self._minding = None
        if minding is not None:
            minding.cancel()
            await asyncio.gather(minding, return_exceptions=True)
        if server is not None:
            await server.close()
        for ticket in book.unsettled() if book is not None else ():
            ticket.settle(_closed())

    async def _ship(self, problem: Problem) -> None:
        """Pack a problem, once."""
        if id(problem) in self._shipments:
            return
        parcel = await asyncio.to_thread(pack, problem)
        self._parcels[parcel.digest] = parcel
        self._shipments[id(problem)] = (problem, Shipment.of(problem, parcel))

    def _shipment(self, lease: Lease) -> Shipment:
        return self._shipments[id(lease.ticket.job.problem)][1]

    async def _mind(self, book: LeaseBook) -> None:
        """Tell a person, once each, what evaluations wait for."""
        while True:
            if book.waiting and not book.workers:
                self._say(f"Evaluations wait for workers. On each machine: {self._command()}")
            for ticket in book.homeless() if book.workers else ():
                stage = ticket.job.stage.name
                self._say(f"Stage {stage!r} takes {ticket.demand}: no worker that has joined has as much.")
            await asyncio.sleep(_LOOK_AROUND_S if self._said else 0.1)

    def _command(self) -> str:
        ca = f" --ca {self._tls[0]}" if self._tls[0] else ""
        return f"evolve worker --connect {self.url} --token-file {self._token_file}{ca}  (or ${TOKEN_VARIABLE})"

    def _say(self, sentence: str) -> None:
        if sentence not in self._said:
            self._said.add(sentence)
            _log.warning(sentence)


def _settle(done: asyncio.Future[Verdict], verdict: Verdict) -> None:
    if not done.done():  # whoever waited may have been cancelled in this very turn
        done.set_result(verdict)


def _closed() -> Verdict:
    return Verdict(Outcome.INFRASTRUCTURE, feedback="The executor was closed.")
