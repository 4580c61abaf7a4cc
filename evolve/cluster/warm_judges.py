"""What a worker judges with: problem folders that were sent to it, each with sandboxes that stay warm."""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from evolve.cluster.hub_messages import Offer, bar_of
from evolve.cluster.parcel import Parcel, Shipment, unpack
from evolve.domain.problem import Problem, Stage
from evolve.interfaces import Executor, Job, Verdict, Watch

MakeExecutor = Callable[[Problem], Executor]
"""Makes what judges programs of a problem here. May take long (an image is built); called in a thread of its own."""


@dataclass(frozen=True, slots=True)
class _Warm:
    problem: Problem
    executor: Executor


@dataclass(eq=False, slots=True)
class _Place:
    """Where a problem's executor is, or comes to be; it stays while somebody uses it."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    users: int = 0
    warm: _Warm | None = None


class WarmJudges:
    """Judges what is offered, with one executor for each problem.

    Args:
        fetch: gets a parcel that is not here yet.
        cache: folder of unpacked parcels; nobody else may write to it.
        make_executor: makes an executor that is not started.
        keep: executors that stay warm; more only while they are in use.
    """

    def __init__(
        self,
        fetch: Callable[[str], Awaitable[Parcel]],
        cache: Path,
        make_executor: MakeExecutor,
        *,
        keep: int = 1,
    ) -> None:
        self._fetch, self._cache, self._make, self._keep = fetch, cache, make_executor, keep
        self._places: OrderedDict[str, _Place] = OrderedDict()

    async def judge(self, offer: Offer, watch: Watch) -> Verdict:
        """Judge a program.

        Raises SandboxUnavailable, ProblemError or ConfigurationError where this machine cannot, and
        HubAway or Refused where the problem folder cannot be fetched.
        """
        shipment = _shipment(offer)
        key = json.dumps([shipment.digest, shipment.params, shipment.one_block], sort_keys=True)
        place = self._places.setdefault(key, _Place())
        self._places.move_to_end(key)
        place.users += 1
        try:
            warm = await self._warm(place, shipment)
            stage = replace(_stage(warm.problem, offer.stage), timeout_s=offer.timeout_s)
            return await warm.executor.judge(Job(warm.problem, stage, offer.files, bar_of(offer.bar), watch))
        finally:
            place.users -= 1

    async def close(self) -> None:
        """End every sandbox."""
        places = [place.warm for place in self._places.values() if place.warm is not None]
        self._places.clear()
        await asyncio.gather(*(warm.executor.close() for warm in places))

    async def _warm(self, place: _Place, shipment: Shipment) -> _Warm:
        async with place.lock:
            if place.warm is None:
                await self._make_room()
                place.warm = await self._started(shipment)
            return place.warm

    async def _started(self, shipment: Shipment) -> _Warm:
        folder = self._cache / shipment.digest
        if not folder.is_dir():
            parcel = await self._fetch(shipment.digest)
            folder = await asyncio.to_thread(unpack, parcel, self._cache)
        problem = await asyncio.to_thread(shipment.load, folder)
        executor = await asyncio.to_thread(self._make, problem)
        await executor.start()
        return _Warm(problem, executor)

    async def _make_room(self) -> None:
        started = {key: place for key, place in self._places.items() if place.warm is not None}
        idle = [key for key, place in started.items() if not place.users]
        for key in idle[: max(0, len(started) + 1 - self._keep)]:
            warm = self._places.pop(key).warm
            if warm is not None:
                await warm.executor.close()


def _shipment(offer: Offer) -> Shipment:
    sent = offer.shipment
    return Shipment(sent.digest, sent.name, sent.params, sent.one_block, sent.judge_hash)


def _stage(problem: Problem, name: str) -> Stage:
    """Return a stage of the problem, or one that a person made up, as `evolve eval` may."""
    every = (*problem.stages, problem.sealed) if problem.sealed else problem.stages
    return next((stage for stage in every if stage.name == name), Stage(name, 0.0))
