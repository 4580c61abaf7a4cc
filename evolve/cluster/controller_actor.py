"""The controller of a run on a cluster: it works in a thread of an actor, and answers whoever attaches."""

from __future__ import annotations

import asyncio
import copy
import threading
import time
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import CancelledError
from dataclasses import dataclass, replace
from typing import Any, Final

from evolve.cluster.edition import Edition, this_edition
from evolve.cluster.parcel import Parcel, Shipment, unpack
from evolve.cluster.worker import parcel_cache
from evolve.controller.budget import InFlight
from evolve.controller.loop import Loop, Progress
from evolve.controller.run import Observer, Result
from evolve.domain.problem import Problem
from evolve.errors import EvolveError, SandboxUnavailable, StoreLocked
from evolve.interfaces import RunInfo

CarryOn = Callable[[Mapping[str, Any], RunInfo, Problem, Observer, bool], Coroutine[Any, Any, Result | None]]
"""Begins a run or goes on with it, from its configuration: a function of a module, so that it is sent by its name.

The last argument says whether the controller was lost and is made again: then only what was at work goes on.
"""

_LOOK_EVERY_S: Final = 2.0
_LOCKED_FOR_S: Final = 90.0
"""How long the lease of a controller that was lost may hold, thrice over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """A run, as it is handed to a controller on the cluster.

    Args:
        edition: which code must work on it.
        carry_on: what is called with the rest.
        config: its configuration.
        info: its record, if it is to begin.
        shipment: its problem, beside the parcel.
    """

    edition: Edition
    carry_on: CarryOn
    config: Mapping[str, Any]
    info: RunInfo
    shipment: Shipment


@dataclass(frozen=True, slots=True)
class Snapshot:
    """How a run stands.

    Args:
        progress, in_flight: of its loop; empty before it has begun.
        begun: whether the seed is judged and the run on record.
        ended: whether the controller has nothing more to do.
        result: how the run ended, if this controller brought it to an end.
        error: what went wrong for good, in words.
        away: why the store is away and the run waits.
    """

    progress: Progress
    in_flight: InFlight
    begun: bool = False
    ended: bool = False
    result: Result | None = None
    error: str = ""
    away: str = ""


class Controller:
    """Works on one run from the moment it is made; made again elsewhere, it goes on from the store.

    Args:
        assignment, parcel_data: what to do.
        leave: called when nobody needs it any more.
        again: whether there was one before, which was lost.
        linger_s: how long it answers after the end.
    """

    def __init__(
        self, assignment: Assignment, parcel_data: bytes, leave: Callable[[], None], *, again: bool, linger_s: float
    ) -> None:
        self._assignment, self._parcel = assignment, Parcel(assignment.shipment.digest, parcel_data)
        self._leave, self._again, self._linger_s = leave, again, linger_s
        self._loop: Loop | None = None
        self._events: asyncio.AbstractEventLoop | None = None
        self._last = Snapshot(Progress(), InFlight())
        threading.Thread(target=self._work, name="controller", daemon=True).start()

    def snapshot(self) -> Snapshot:
        """Return how the run stands."""
        if self._last.ended or self._events is None:
            return self._last
        try:
            seen = asyncio.run_coroutine_threadsafe(self._look(), self._events)
            return seen.result(timeout=_LOOK_EVERY_S)
        except (TimeoutError, CancelledError, RuntimeError):  # busy, or it has ended meanwhile
            return self._last

    async def _look(self) -> Snapshot:
        """Look at the loop where nothing else happens to it."""
        if self._loop is not None and not self._last.ended:
            loop = self._loop
            self._last = Snapshot(copy.deepcopy(loop.progress), loop.in_flight(), begun=True, away=loop.away)
        return self._last

    def _work(self) -> None:
        try:
            result = asyncio.run(self._carry_on())
        except Exception as error:  # noqa: BLE001 - whatever it is, those who attach have to learn of it
            said = str(error) if isinstance(error, EvolveError) else f"The controller failed: {error!r}"
            self._last = replace(self._last, ended=True, error=said)
        else:
            progress = result.progress if result is not None else self._last.progress
            self._last = Snapshot(progress, InFlight(), begun=True, ended=True, result=result)
        time.sleep(self._linger_s)
        self._leave()

    async def _carry_on(self) -> Result | None:
        assigned = self._assignment
        differs = assigned.edition.difference(this_edition(), "The controller's node")
        if differs:
            raise SandboxUnavailable(differs)
        problem = assigned.shipment.load(unpack(self._parcel, parcel_cache()))
        self._events = asyncio.get_running_loop()
        deadline = time.monotonic() + _LOCKED_FOR_S
        while True:
            try:
                return await assigned.carry_on(assigned.config, assigned.info, problem, self._observe, self._again)
            except StoreLocked:
                if time.monotonic() > deadline:
                    raise
            await asyncio.sleep(_LOOK_EVERY_S)  # the lease of the one before may not have run out yet

    def _observe(self, loop: Loop) -> None:
        self._loop = loop
        self._last = replace(self._last, progress=loop.progress, begun=True)
