"""Fifty workers that vanish, are cut off, and report late, twice or not at all: the store has each verdict once."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from evolve import configuration, wiring
from evolve.bench.machinery import TRIVIAL
from evolve.cluster.credentials import Token, client_context
from evolve.cluster.hub import HubExecutor
from evolve.cluster.hub_client import HubAway, HubClient
from evolve.cluster.hub_messages import Code, Refused, Report
from evolve.cluster.hub_worker import HubWorker
from evolve.controller.loop import Loop, Widths
from evolve.controller.run import Parts, Result, resume_run, start_run
from evolve.interfaces import RunInfo
from tests.cluster.hub_support import SECRET, check_record, hub, make_worker, processes, stand_ins

WORKERS, EVALUATIONS, LEASE_S = 50, 300, 2.0


class BadLine(HubClient):
    """A connection on which reports are lost on their way there or back, come twice, or far too late."""

    def __init__(self, url: str, rng: np.random.Generator, codes: Counter[Code]) -> None:
        super().__init__(url, Token(SECRET, "the test"), client_context(None))
        self._rng, self._codes = rng, codes
        self.cut_off = False

    async def _send(self, method: str, path: str, *rest: object, **more: object) -> bytes:
        if self.cut_off:
            await asyncio.sleep(0.05)
            raise HubAway("cut off")
        try:
            return await super()._send(method, path, *rest, **more)  # type: ignore[arg-type]
        except Refused as refused:
            self._codes[refused.code] += 1
            raise

    async def report(self, worker: str, lease: str, report: Report) -> None:
        fate = self._rng.choice(["lost", "unanswered", "twice", "late", "fine"], p=[0.1, 0.1, 0.1, 0.03, 0.67])
        if fate == "lost":
            raise HubAway("lost on the way there")
        if fate == "late":
            await asyncio.sleep(1.5 * LEASE_S)
        await super().report(worker, lease, report)
        if fate == "unanswered":
            raise HubAway("lost on the way back")
        if fate == "twice":
            with contextlib.suppress(HubAway, Refused):
                await super().report(worker, lease, report)


class Fleet:
    """Workers of which now and then one is killed and replaced, and one is cut off for a while."""

    def __init__(self, url: str, folder: Path) -> None:
        self._url, self._folder = url, folder
        self._rng = np.random.default_rng(1)
        self._born = 0
        self.codes: Counter[Code] = Counter()
        self.kills = self.cuts = 0
        self._crew: list[tuple[asyncio.Task[None], BadLine]] = []

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        for _ in range(WORKERS):
            self._hire()
        trouble = asyncio.create_task(self._trouble())
        try:
            yield
        finally:
            trouble.cancel()
            tasks = [trouble, *(task for task, _ in self._crew)]
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert not [error for error in ended if not isinstance(error, asyncio.CancelledError)]

    def _hire(self) -> None:
        self._born += 1
        rng = np.random.default_rng(self._born)
        line = BadLine(self._url, rng, self.codes)

        def seconds() -> float:
            return float(1.5 * LEASE_S if rng.random() < 0.01 else rng.uniform(0.0, 0.05))

        # Few have real sandboxes: a process each, and several seconds of a processor to start it.
        makes = processes(1) if self._born <= 2 else stand_ins(2, seconds)
        cache = self._folder / "cache"
        worker: HubWorker = make_worker(self._url, cache, makes, slots=2, seed=self._born, connection=line, ask_s=2.0)
        self._crew.append((asyncio.create_task(worker.run()), line))

    async def _trouble(self) -> None:
        while True:
            await asyncio.sleep(0.05)
            place = int(self._rng.integers(2, len(self._crew)))
            task, line = self._crew[place]
            if self._rng.random() < 0.5:
                task.cancel()  # says goodbye to nobody
                await asyncio.gather(task, return_exceptions=True)
                del self._crew[place]
                self.kills += 1
                self._hire()
            elif not line.cut_off:
                line.cut_off = True
                self.cuts += 1
                asyncio.get_running_loop().call_later(float(self._rng.uniform(0.2, 3 * LEASE_S)), self._heal, line)

    @staticmethod
    def _heal(line: BadLine) -> None:
        line.cut_off = False


def parts_of(folder: Path, port: int) -> tuple[Parts, RunInfo, HubExecutor]:
    settings = [f"problem={TRIVIAL}", "noise=off", f"store.url=sqlite:///{folder}/evolve.db", "run=one"]
    settings += [f"budget.evaluations={EVALUATIONS}", "controller.ordered=false", "budget.wall_s=null"]
    config = configuration.configure(settings)
    executor = hub(folder, port=port, width=WORKERS, lease_s=LEASE_S, losses=1000)
    widths = Widths(propose=1, queue=2 * WORKERS, ordered=False, stall=500)
    parts = replace(wiring.build(config), executor=executor, widths=widths)
    return parts, wiring.new_run(config, parts), executor


async def killed_halfway(parts: Parts, info: RunInfo) -> None:
    """Begin a run and end its controller when half of the work is done."""
    loops: list[Loop] = []
    running = asyncio.create_task(start_run(parts, info, loops.append))
    while not running.done() and (not loops or loops[0].progress.spent.evaluations < EVALUATIONS // 2):
        await asyncio.sleep(0.02)
    assert not running.done()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_the_store_has_every_verdict_once(tmp_path: Path) -> None:
    parts, info, executor = parts_of(tmp_path, 0)
    await executor.start()
    fleet = Fleet(executor.url, tmp_path)
    port = int(executor.url.rpartition(":")[2])
    await executor.close()
    async with asyncio.timeout(120), fleet.working():
        await killed_halfway(parts, info)
        parts, _, _ = parts_of(tmp_path, port)  # the controller is another one; the workers are not
        result: Result = await resume_run(parts, info.id, lambda loop: None)
    assert result.status == "finished"
    assert check_record(f"sqlite:///{tmp_path}/evolve.db", info.id) >= EVALUATIONS
    print(f"{fleet.kills} kills, {fleet.cuts} cuts, refused: {dict(fleet.codes)}")
    assert fleet.kills > 5 and fleet.cuts > 5
    assert fleet.codes[Code.REPORTED] and fleet.codes[Code.OTHER_HUB]
    assert fleet.codes[Code.EXPIRED] + fleet.codes[Code.UNKNOWN_WORKER]
