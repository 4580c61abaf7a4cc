"""A worker: asks a hub for evaluations, judges them here, reports each once."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

import numpy as np

from evolve.cluster.edition import this_edition
from evolve.cluster.hub_client import HubAway, HubClient
from evolve.cluster.hub_messages import (
    PROTOCOL,
    Amounts,
    Code,
    Failed,
    GivenBack,
    Held,
    Hello,
    Judged,
    Offer,
    Refused,
    Report,
    Welcome,
)
from evolve.cluster.warm_judges import WarmJudges
from evolve.domain.evaluation import Outcome
from evolve.errors import ConfigurationError, ProblemError, SandboxUnavailable

_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 30.0
_MOST_INTERIM: Final = 1000
_MOST_DETAIL: Final = 20_000
_FAREWELL_S: Final = 5.0
_JOIN_AGAIN: Final = frozenset({Code.OTHER_HUB, Code.UNKNOWN_WORKER})
_CANNOT_BE_SENT: Final = frozenset({Code.TOO_LARGE, Code.MALFORMED})

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """How a worker behaves.

    Args:
        name: for people.
        slots: evaluations at once.
        capacity: what this machine has for them.
        sandbox: the kind they run in.
        ask_s: how long it waits for a job before it asks again.
        idle_exit_s: it ends after so long without a job; None for never.
        drain_s: how long evaluations may take to finish when it is told to end; then they are given back.
    """

    name: str
    slots: int
    capacity: Amounts
    sandbox: str
    ask_s: float = 25.0
    idle_exit_s: float | None = None
    drain_s: float = 30.0

    def hello(self) -> Hello:
        """Return how it introduces itself."""
        edition = this_edition()
        return Hello(
            protocol=PROTOCOL,
            version=edition.version,
            guests=edition.guests,
            name=self.name,
            slots=self.slots,
            capacity=self.capacity,
            sandbox=self.sandbox,
        )


class Pause:
    """Waits that grow while something fails, and differ between workers, so that they do not all come at once."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._next_s = _FIRST_PAUSE_S

    def length_s(self) -> float:
        """Return how long to wait this time."""
        longest, self._next_s = self._next_s, min(2 * self._next_s, _LONGEST_PAUSE_S)
        return float(self._rng.uniform(0.5, 1.0)) * longest

    def reset(self) -> None:
        """What failed works again."""
        self._next_s = _FIRST_PAUSE_S


@dataclass(eq=False, slots=True)
class _Work:
    offer: Offer
    interim: Mapping[str, float] = field(default_factory=dict)
    task: asyncio.Task[None] | None = None
    given_back: bool = False

    def watch(self, metrics: Mapping[str, float]) -> None:
        self.interim = dict(islice(metrics.items(), _MOST_INTERIM))


class HubWorker:
    """Works for whatever hub is at an address, until it is told to end.

    A hub that is away is looked for again, ever more seldom. While it is, evaluations go on for as long as
    their leases last. Those of a hub that ended are stopped: the next one asks for them anew.

    Args:
        client: reaches the hub.
        judges: judge what it offers.
        habits: what it offers the hub.
        rng: of its pauses.
    """

    def __init__(self, client: HubClient, judges: WarmJudges, habits: Habits, rng: np.random.Generator) -> None:
        self.judged = 0
        self._client, self._judges, self._habits, self._rng = client, judges, habits, rng
        self._draining, self._hurried = asyncio.Event(), asyncio.Event()
        self._work: dict[str, _Work] = {}
        self._changed = asyncio.Event()
        self._failing = Pause(rng)
        self._rest_until = self._busy_at = self._heard_at = 0.0

    def drain(self) -> None:
        """Ask for nothing more and end; told again, give back at once what is not finished."""
        if self._draining.is_set():
            self._hurried.set()
        self._draining.set()
        self._changed.set()

    async def run(self) -> None:
        """Work. Raises Refused when the hub will not have this worker, and ConfigurationError."""
        pause = Pause(self._rng)
        self._busy_at = self._now()
        try:
            while not self._draining.is_set():
                try:
                    welcome = await self._client.join(self._habits.hello())
                except HubAway as error:
                    await self._wait_for_hub(pause, error)
                    continue
                _log.info("Joined the hub with %s slots", self._habits.slots)
                pause.reset()
                await self._stay(welcome)
        finally:
            await self._abandon()
            await self._judges.close()
            await self._client.close()

    # ── one stay with a hub ───────────────────────────────────────────────────────────────────
    async def _stay(self, welcome: Welcome) -> None:
        """Work for a hub until it has ended, or this worker is to."""
        self._heard_at = self._now()
        beating = asyncio.create_task(self._beat(welcome))
        asking = asyncio.create_task(self._ask(welcome))
        try:
            await asyncio.wait((beating, asking), return_when=asyncio.FIRST_COMPLETED)
            if self._draining.is_set() and not beating.done():
                await self._finish()
        finally:
            for task in (beating, asking):
                task.cancel()
            ended = await asyncio.gather(beating, asking, return_exceptions=True)
            await self._abandon()
        if self._draining.is_set():
            await self._say_goodbye(welcome)
        for error in ended:
            if isinstance(error, Exception) and not (isinstance(error, Refused) and error.code in _JOIN_AGAIN):
                raise error

    async def _ask(self, welcome: Welcome) -> None:
        """Fill free slots until draining. Raises Refused when the hub does not know this worker."""
        pause = Pause(self._rng)
        while not self._draining.is_set():
            if len(self._work) >= self._habits.slots or self._now() < self._rest_until:
                await self._either(self._changed, max(0.0, self._rest_until - self._now()) or None)
                self._changed.clear()
                continue
            self._leave_if_idle()
            try:
                offer = await self._unless_draining(self._client.ask(welcome.worker, self._patience_s()))
            except HubAway as error:
                await self._wait_for_hub(pause, error)
                continue
            pause.reset()
            if offer is not None:
                self._begin(welcome, offer)

    async def _beat(self, welcome: Welcome) -> None:
        """Keep leases alive. Raises Refused when the hub does not know this worker."""
        while True:
            await asyncio.sleep(welcome.beat_every_s * float(self._rng.uniform(0.8, 1.0)))
            held = [Held(lease=lease, interim=dict(work.interim)) for lease, work in self._work.items()]
            try:
                over = await self._client.beat(welcome.worker, held, welcome.lease_s / 2)
            except HubAway as error:
                if self._now() - self._heard_at > welcome.lease_s and self._work:
                    _log.warning("Leases have lapsed, their evaluations are stopped: %s", error)
                    self._stop(list(self._work))
                continue
            self._heard_at = self._now()
            for lease, refusal in over.items():
                if refusal.code is Code.REPORTED:  # its report was faster than this beat, and is being answered
                    continue
                _log.info("An evaluation is stopped: %s", refusal.detail)
                self._stop([lease])

    def _begin(self, welcome: Welcome, offer: Offer) -> None:
        work = self._work[offer.lease] = _Work(offer)
        work.task = asyncio.create_task(self._done(welcome, work))

    async def _done(self, welcome: Welcome, work: _Work) -> None:
        """Judge and report."""
        lease = work.offer.lease
        try:
            report = await self._judged(work)
            await self._deliver(welcome, lease, report)
        except asyncio.CancelledError:
            if work.given_back:
                with contextlib.suppress(HubAway, Refused):
                    await self._client.report(welcome.worker, lease, GivenBack())
            raise
        finally:
            del self._work[lease]
            self._busy_at = self._now()
            self._changed.set()

    async def _judged(self, work: _Work) -> Report:
        try:
            verdict = await self._judges.judge(work.offer, work.watch)
        except (SandboxUnavailable, ProblemError, ConfigurationError, HubAway, Refused) as error:
            return self._failed(str(error))
        if verdict.outcome is Outcome.INFRASTRUCTURE:
            return self._failed(verdict.feedback)
        self._failing.reset()
        return Judged.of(verdict)

    def _failed(self, detail: str) -> Failed:
        """Return the report of a failure here, and take a rest, so as not to fail under every job there is."""
        self._rest_until = self._now() + self._failing.length_s()
        _log.warning("This machine failed to judge: %s", detail)
        return Failed(detail=detail[:_MOST_DETAIL])

    async def _deliver(self, welcome: Welcome, lease: str, report: Report) -> None:
        """Report until the hub has heard it, or the lease has certainly lapsed."""
        pause = Pause(self._rng)
        while True:
            try:
                await self._client.report(welcome.worker, lease, report)
                self.judged += isinstance(report, Judged)
                return
            except HubAway as error:
                _log.info("A verdict waits for the hub: %s", error)
            except Refused as refused:
                if refused.code in _CANNOT_BE_SENT and not isinstance(report, Failed):
                    report = Failed(detail=f"The verdict cannot be sent: {refused.detail} (executor.max_report_mb)")
                    continue
                if refused.code is not Code.REPORTED:  # that is the answer to a report whose first answer was lost
                    _log.warning("A verdict was not taken: %s", refused.detail)
                return
            await asyncio.sleep(pause.length_s())

    # ── the end ───────────────────────────────────────────────────────────────────────────────
    async def _finish(self) -> None:
        """Let evaluations finish for as long as there is time; give back the others."""
        tasks = [work.task for work in self._work.values() if work.task is not None]
        if tasks:
            _log.warning("Finishing %s evaluations, for at most %g s.", len(tasks), self._habits.drain_s)
            finished = asyncio.ensure_future(asyncio.wait(tasks))
            await self._either(self._hurried, self._habits.drain_s, finished)
            finished.cancel()
        for work in self._work.values():
            work.given_back = True

    def _stop(self, leases: list[str]) -> None:
        for lease in leases:
            work = self._work.get(lease)
            if work is not None and work.task is not None:
                work.task.cancel()

    async def _abandon(self) -> None:
        """Stop what is left."""
        tasks = [work.task for work in self._work.values() if work.task is not None]
        self._stop(list(self._work))
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _say_goodbye(self, welcome: Welcome) -> None:
        with contextlib.suppress(HubAway, Refused, TimeoutError):
            async with asyncio.timeout(_FAREWELL_S):
                await self._client.leave(welcome.worker)

    # ── waiting ───────────────────────────────────────────────────────────────────────────────
    async def _wait_for_hub(self, pause: Pause, why: HubAway) -> None:
        length_s = pause.length_s()
        _log.info("%s Trying again in %.1f s.", why, length_s)
        await self._either(self._draining, length_s)
        self._leave_if_idle()

    def _leave_if_idle(self) -> None:
        most_s = self._habits.idle_exit_s
        if self._work:
            self._busy_at = self._now()
        if most_s is not None and self._now() - self._busy_at >= most_s:
            _log.warning("No evaluation came for %g s.", most_s)
            self._draining.set()

    def _patience_s(self) -> float:
        idle_exit_s = self._habits.idle_exit_s
        if idle_exit_s is None or self._work:
            return self._habits.ask_s
        return min(self._habits.ask_s, max(0.0, self._busy_at + idle_exit_s - self._now()))

    async def _unless_draining(self, asking: Coroutine[Any, Any, Offer | None]) -> Offer | None:
        """Return what was asked for; hang up when draining."""
        task = asyncio.ensure_future(asking)
        try:
            await self._either(self._draining, None, task)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        return None if task.cancelled() else task.result()

    async def _either(
        self, event: asyncio.Event, most_s: float | None, other: asyncio.Future[Any] | None = None
    ) -> None:
        """Wait for an event or something else, so long at most."""
        waiting = asyncio.ensure_future(event.wait())
        awaited = {waiting} if other is None else {waiting, other}
        try:
            await asyncio.wait(awaited, timeout=most_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
