"""What runs on a node of a cluster: warm sandboxes of one problem, and the conversation with the executor."""

from __future__ import annotations

import asyncio
import os
import socket
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from evolve.cluster.edition import Edition, this_edition
from evolve.cluster.parcel import Parcel, Shipment, unpack
from evolve.cluster.wire import DoneMessage, JobMessage, JobsMessage, NewsMessage, ReadyMessage, decode, encode
from evolve.controller.local_executor import LocalExecutor
from evolve.domain.evaluation import Outcome
from evolve.domain.problem import Problem
from evolve.errors import EvolveError, SandboxUnavailable
from evolve.interfaces import Sandbox, Verdict

BuildSandbox = Callable[[Mapping[str, Any], Problem], Sandbox]
"""Makes a sandbox from the settings of a run: a function of a module, so that it is sent by its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """What a worker is told when it is made; plain data and names.

    Args:
        edition: which code it must run.
        shipment: the problem, beside its parcel.
        build_sandbox, settings: how sandboxes are made.
        retries: how often a job is tried again on another sandbox of the worker.
        patience_s: how long it tries to start a sandbox.
        heartbeat_s: how long it may have nothing to say.
    """

    edition: Edition
    shipment: Shipment
    build_sandbox: BuildSandbox
    settings: Mapping[str, Any]
    retries: int
    patience_s: float
    heartbeat_s: float


class Worker:
    """Judges up to ``slots`` programs at once. Its methods are called from one event loop.

    Args:
        orders: what to do.
        parcel_data: the problem's folder.
        slots: how many sandboxes there are.
    """

    def __init__(self, orders: Orders, parcel_data: bytes, slots: int) -> None:
        self._orders, self._parcel = orders, Parcel(orders.shipment.digest, parcel_data)
        self._slots = slots
        self._executor: LocalExecutor | None = None
        self._problem: Problem | None = None
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._done: list[DoneMessage] = []
        self._interim: dict[int, dict[str, float]] = {}
        self._news = asyncio.Event()

    async def ready(self, node: str) -> bytes:
        """Load the problem and start the sandboxes; return a ReadyMessage."""
        machine, error = socket.gethostname(), ""
        try:
            await self._start(machine)
        except EvolveError as failure:
            error = str(failure)
        return encode(ReadyMessage(node, machine, error))

    async def _start(self, machine: str) -> None:
        orders = self._orders
        differs = orders.edition.difference(this_edition(), machine)
        if differs:
            raise SandboxUnavailable(differs)
        problem = orders.shipment.load(unpack(self._parcel, parcel_cache()))
        executor = LocalExecutor(
            lambda: orders.build_sandbox(orders.settings, problem),
            width=self._slots,
            retries=orders.retries,
            patience_s=orders.patience_s,
        )
        await executor.start()
        self._problem, self._executor = problem, executor

    async def give(self, data: bytes) -> None:
        """Take a JobsMessage up; the verdicts become news."""
        message = decode(data, JobsMessage)
        for number in message.dropped:
            if number in self._tasks:
                self._tasks[number].cancel()
        for job in message.jobs:
            task = asyncio.get_running_loop().create_task(self._judge(job))
            self._tasks[job.number] = task
            task.add_done_callback(partial(self._ended, job.number))

    async def _judge(self, message: JobMessage) -> None:
        assert self._executor is not None and self._problem is not None  # jobs come after ``ready``

        def watch(metrics: Mapping[str, float]) -> None:
            self._interim[message.number] = dict(metrics)
            self._news.set()

        verdict = await self._executor.judge(message.job(self._problem, watch))
        self._report(message.number, verdict)

    def _ended(self, number: int, task: asyncio.Task[None]) -> None:
        """Answer for a job that was dropped too, or met a fault of ours: its sandbox is free again."""
        self._tasks.pop(number, None)
        why = "dropped" if task.cancelled() else task.exception()
        if why is not None:
            self._report(number, Verdict(Outcome.INFRASTRUCTURE, feedback=f"A worker has no verdict: {why!r}"))

    def _report(self, number: int, verdict: Verdict) -> None:
        self._interim.pop(number, None)
        self._done.append(DoneMessage.of(number, verdict))
        self._news.set()

    async def news(self) -> bytes:
        """Return a NewsMessage as soon as there is something to say, and after a heartbeat at the latest."""
        try:
            async with asyncio.timeout(self._orders.heartbeat_s):
                await self._news.wait()
        except TimeoutError:
            pass
        self._news.clear()
        done, self._done = self._done, []
        interim, self._interim = self._interim, {}
        return encode(NewsMessage(done, interim))

    async def close(self) -> None:
        """End the sandboxes."""
        if self._executor is not None:
            await self._executor.close()


def parcel_cache() -> Path:
    """Return the folder of this machine's unpacked parcels."""
    return Path(tempfile.gettempdir()) / f"evolve-parcels-{os.geteuid()}"
