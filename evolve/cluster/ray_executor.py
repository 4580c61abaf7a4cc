"""Judges programs on a Ray cluster: warm sandboxes on every node, as many as there is room for."""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from evolve.arguments import at_least
from evolve.cluster.edition import this_edition
from evolve.cluster.parcel import Parcel, Shipment, pack
from evolve.cluster.placement import Berth, Node, fitting, plan
from evolve.cluster.pool import Hand, Pool, Ticket
from evolve.cluster.wire import JobMessage, JobsMessage, NewsMessage
from evolve.cluster.worker import BuildSandbox, Orders
from evolve.domain.evaluation import Outcome
from evolve.domain.problem import Problem
from evolve.domain.resources import Resources
from evolve.errors import ConfigurationError, SandboxUnavailable
from evolve.interfaces import Job, Verdict

if TYPE_CHECKING:
    from evolve.cluster.ray_link import ClusterLink, RemoteWorker

_LOOK_EVERY_S = 1.0
_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 60.0

_log = logging.getLogger(__name__)


class RayExecutor:
    """Keeps workers on the nodes of a cluster, and their sandboxes busy.

    A worker is a Ray actor with a few sandboxes of its node; stages with different resources have workers
    of their own. Nodes that join get some, and what was judged on a node that leaves is judged again on
    another and blamed on nobody. Room that is missing is asked for by actors that wait, which is what an
    autoscaler acts on. The limits of stages are the only limits of time; a worker that lives says so every
    ``heartbeat_s``.

    Args:
        problem: all jobs must be of this problem; its folder is sent to the nodes.
        build_sandbox, settings: how a worker makes a sandbox.
        address: ``auto`` (the cluster of this machine), ``local`` (one of its own), ``HOST:PORT`` or ``ray://...``.
        width: programs judged at once; None for as many as the cluster has room for, as it grows and shrinks.
        slots_per_worker: sandboxes that share a process, at most.
        retries: how often a job is tried again on another sandbox after one failed under it, on a
            worker, and then on other workers.
        losses: how often a job is begun again because its worker was lost.
        patience_s: how long jobs wait while no worker can do them, as while a cluster starts.
        heartbeat_s: how often a worker says that it lives.
        silence_s: how long a worker may say nothing before it counts as lost.
        ship_code: send this package to the nodes; None if they lack it.
    """

    def __init__(
        self,
        *,
        problem: Problem,
        build_sandbox: BuildSandbox,
        settings: Mapping[str, Any],
        address: str,
        width: int | None,
        slots_per_worker: int,
        retries: int,
        losses: int,
        patience_s: float,
        heartbeat_s: float,
        silence_s: float,
        ship_code: bool | None,
    ) -> None:
        at_least(1, "executor", width=width or 1, slots_per_worker=slots_per_worker)
        at_least(0, "executor", retries=retries, losses=losses, patience_s=patience_s, heartbeat_s=heartbeat_s)
        if silence_s < 2 * heartbeat_s:
            raise ConfigurationError(
                f"executor.silence_s: expected at least twice executor.heartbeat_s ({heartbeat_s:g}), "
                f"found {silence_s:g}."
            )
        self._problem, self._build, self._settings = problem, build_sandbox, settings
        self._address, self._ship_code = address, ship_code
        self._width, self._slots_per_worker = width, slots_per_worker
        self._retries, self._losses = retries, losses
        self._patience_s, self._heartbeat_s, self._silence_s = patience_s, heartbeat_s, silence_s
        stages = (*problem.stages, problem.sealed) if problem.sealed else problem.stages
        self._pools = {stage.resources: Pool(stage.resources) for stage in stages}
        self._numbers = itertools.count(1)
        self._serving: set[asyncio.Task[None]] = set()
        self._tending: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._some_ready = asyncio.Event()
        self._pauses: dict[str | None, tuple[float, float]] = {}
        self._alone_since: dict[Resources, float] = {}
        self._last_failure = ""
        self._fault: BaseException | None = None
        self._nodes: Sequence[Node] = ()
        self._link: ClusterLink | None = None
        self._parcel = Parcel("", b"")
        self._orders: Orders | None = None

    @property
    def width(self) -> int:
        """Programs judged at once: as set, or as many as there is room for now."""
        if self._width is not None:
            return self._width
        return max(1, sum(hand.berth.slots for hand in self._hands() if hand.node))

    @property
    def busy(self) -> int:
        """Programs being judged now."""
        return sum(hand.busy for hand in self._hands())

    def where(self) -> list[str]:
        """Return the node of each worker that is ready."""
        return [hand.node for hand in self._hands() if hand.node]

    def interim(self) -> Sequence[Mapping[str, float]]:
        """Return what the evaluations in flight will at best score, as far as their judges say; the oldest first."""
        tickets = [ticket for pool in self._pools.values() for ticket in pool.in_flight()]
        return [t.bounds for t in sorted(tickets, key=lambda t: t.number) if t.bounds is not None]

    async def start(self) -> None:
        """Connect and hire; ready when every kind of stage has a worker. Raises SandboxUnavailable.

        It waits up to ``patience_s`` for a cluster that has no room yet.
        """
        from evolve.cluster.ray_link import ClusterLink

        self._parcel = await asyncio.to_thread(pack, self._problem)
        self._orders = Orders(
            edition=this_edition(),
            shipment=Shipment.of(self._problem, self._parcel),
            build_sandbox=self._build,
            settings=self._settings,
            retries=self._retries,
            patience_s=self._patience_s,
            heartbeat_s=self._heartbeat_s,
        )
        self._link = await asyncio.to_thread(ClusterLink, self._address, self._ship_code)
        self._alone_since = dict.fromkeys(self._pools, time.monotonic())
        self._tending = asyncio.create_task(self._tend())
        self._tending.add_done_callback(self._fail)
        try:
            await self._until_every_pool_works()
        except BaseException:
            await self.close()
            raise

    async def _until_every_pool_works(self) -> None:
        deadline = time.monotonic() + self._patience_s
        while idle := [pool for pool in self._pools.values() if not pool.works()]:
            self._some_ready.clear()
            ready = asyncio.create_task(self._some_ready.wait())
            assert self._tending is not None  # ``start`` made it
            left_s = max(0.0, deadline - time.monotonic())
            done, _ = await asyncio.wait((ready, self._tending), timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
            ready.cancel()
            if self._tending in done:
                await self._tending
            if not done:
                raise SandboxUnavailable(self._why_alone(idle[0]))

    def _fail(self, tending: asyncio.Task[None]) -> None:
        """Tell everybody who waits that nothing comes any more, because of a fault that nobody has thought of."""
        if not tending.cancelled() and (error := tending.exception()) is not None:
            for pool in self._pools.values():
                pool.fail(error)

    async def judge(self, job: Job) -> Verdict:
        """Judge on the next free sandbox of a node with what the stage claims; see Executor."""
        if self._tending is not None and self._tending.done():
            await self._tending  # raises what ended it
        ticket = Ticket(next(self._numbers), job, asyncio.get_running_loop().create_future())
        pool = self._pools[job.stage.resources]
        pool.take(ticket)
        return await ticket.verdict  # one that nobody waits for any more is dropped by its pool

    async def close(self) -> None:
        """Dismiss every worker and let go of the cluster."""
        if self._tending is not None:
            self._tending.cancel()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, *filter(None, [self._tending]), return_exceptions=True)
        for pool in self._pools.values():
            for ticket in pool.in_flight():
                ticket.give_up("the executor was closed")
            pool.give_up("the executor was closed")
            pool.hands.clear()
        if self._link is not None:
            await asyncio.to_thread(self._link.close)
        self._tending = self._link = self._fault = None

    # ── workers ───────────────────────────────────────────────────────────────────────────────
    def _hands(self) -> list[Hand]:
        return [hand for pool in self._pools.values() for hand in pool.hands]

    async def _tend(self) -> None:
        """Hire where there is room, for as long as the executor is open."""
        while True:
            if self._fault is not None:
                raise self._fault
            await self._look()
            self._tell_those_who_waited_long_enough()
            self._wake.clear()
            try:
                async with asyncio.timeout(_LOOK_EVERY_S):
                    await self._wake.wait()
            except TimeoutError:
                pass

    async def _look(self) -> None:
        """See who joined and who left; nothing changes while the cluster's head does not answer."""
        assert self._link is not None  # ``start`` made it
        try:
            self._nodes = await asyncio.to_thread(self._link.nodes)
        except SandboxUnavailable as error:
            self._last_failure = str(error)
            _log.warning("%s", error)
        else:
            self._hire()

    def _hire(self) -> None:
        paused = [node for node in self._nodes if self._is_paused(node.id)]
        usable = [node for node in self._nodes if node not in paused]
        there = [hand.berth for hand in self._hands()]
        claims = list(self._pools)
        for berth in plan(usable, claims, there, width=self._width, largest=self._slots_per_worker):
            here = [node for node in paused if fitting(node, berth.resources)]
            if berth.node is None and (here or self._is_paused(None)):
                continue  # Ray would place it where it failed a moment ago
            task = asyncio.create_task(self._serve(berth))
            self._serving.add(task)
            task.add_done_callback(self._served)

    def _is_paused(self, node: str | None) -> bool:
        return self._pauses.get(node, (0.0, 0.0))[0] > time.monotonic()

    def _served(self, task: asyncio.Task[None]) -> None:
        self._serving.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fault = error
            self._wake.set()

    async def _serve(self, berth: Berth) -> None:
        """Hire one worker and talk to it until it is gone."""
        assert self._link is not None and self._orders is not None  # ``start`` made them
        pool = self._pools[berth.resources]
        worker = self._link.hire(self._orders, self._parcel.data, berth)
        outbox = _Outbox(worker)
        hand = Hand(berth, outbox.put)
        pool.hands.append(hand)
        try:
            hand.node = (await worker.ready()).node
            self._welcome(pool, hand)
            while True:
                self._note(pool, hand, await worker.news(self._silence_s))
        except SandboxUnavailable as error:
            worker.kill()
            self._lose(pool, hand, str(error))
        except asyncio.CancelledError:
            if hand.node:
                await worker.dismiss()
            else:
                worker.kill()  # it has nothing to end yet
            raise

    def _welcome(self, pool: Pool, hand: Hand) -> None:
        hand.berth = Berth(hand.berth.resources, hand.berth.slots, hand.node)  # now it is known
        self._pauses.pop(hand.node, None)
        self._alone_since.pop(pool.claim, None)
        pool.hand_out()
        self._some_ready.set()

    def _lose(self, pool: Pool, hand: Hand, why: str) -> None:
        _log.warning("A worker is lost; its %d jobs are judged elsewhere: %s", len(hand.jobs), why)
        self._last_failure = why
        where = hand.node or hand.berth.node
        if not hand.node:  # it never worked: not again at once
            _, pause_s = self._pauses.get(where, (0.0, _FIRST_PAUSE_S / 2))
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
            self._pauses[where] = (time.monotonic() + pause_s, pause_s)
        pool.lose(hand, self._losses, why)
        if not pool.works():
            self._alone_since.setdefault(pool.claim, time.monotonic())
        self._wake.set()

    def _tell_those_who_waited_long_enough(self) -> None:
        now = time.monotonic()
        for claim, since in self._alone_since.items():
            if now - since > self._patience_s:
                self._pools[claim].give_up(self._why_alone(self._pools[claim]))

    def _why_alone(self, pool: Pool) -> str:
        if any(fitting(node, pool.claim) for node in self._nodes):
            why = self._last_failure or "others use what the nodes have"
        else:
            found = "; ".join(f"{node.name}: {_listed(node.has)}" for node in self._nodes)
            why = f"no node has that much. Nodes: {found or 'none'}"
        return f"No worker with {pool.claim} for {self._patience_s:g} s (executor.patience_s): {why}."

    # ── jobs ──────────────────────────────────────────────────────────────────────────────────
    def _note(self, pool: Pool, hand: Hand, news: NewsMessage) -> None:
        for number, bounds in news.interim.items():
            if (ticket := hand.jobs.get(number)) is not None:
                ticket.bounds = bounds
                ticket.job.watch(bounds)
        for done in news.done:
            ticket = hand.jobs.pop(done.number, None)
            if ticket is not None:
                self._settle(pool, hand, ticket, done.verdict())
        if news.done:
            pool.hand_out()

    def _settle(self, pool: Pool, hand: Hand, ticket: Ticket, verdict: Verdict) -> None:
        if verdict.outcome is Outcome.INFRASTRUCTURE and ticket.failures < self._retries:
            ticket.failures += 1
            ticket.failed_on.add(hand.node)
            ticket.bounds = None
            pool.take_back(ticket)
        else:
            pool.learn(verdict.seconds)
            ticket.end(verdict)


class _Outbox:
    """Jobs for one worker: those handed out at the same time travel together."""

    def __init__(self, worker: RemoteWorker) -> None:
        self._worker = worker
        self._jobs: list[JobMessage] = []

    def put(self, ticket: Ticket) -> None:
        """Send a job soon; tell the worker when nobody waits for it any more."""
        if not self._jobs:
            asyncio.get_running_loop().call_soon(self._flush)
        self._jobs.append(JobMessage.of(ticket.number, ticket.job))
        ticket.verdict.add_done_callback(lambda verdict: self._drop(ticket.number) if verdict.cancelled() else None)

    def _flush(self) -> None:
        jobs, self._jobs = self._jobs, []
        self._worker.give(JobsMessage(jobs))

    def _drop(self, number: int) -> None:
        self._worker.give(JobsMessage([], [number]))


def _listed(has: Mapping[str, float]) -> str:
    return ", ".join(f"{amount:g} {name}" for name, amount in sorted(has.items()))
