"""Hubs and workers for tests: in this process, on ports that are free, with sandboxes that cost nothing if wanted."""

from __future__ import annotations

import asyncio
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import numpy as np

from evolve.cluster.credentials import Token, client_context
from evolve.cluster.hub import HubExecutor
from evolve.cluster.hub_client import HubClient
from evolve.cluster.hub_messages import Amounts
from evolve.cluster.hub_worker import Habits, HubWorker
from evolve.cluster.warm_judges import MakeExecutor, WarmJudges
from evolve.configuration import option
from evolve.controller.local_executor import LocalExecutor
from evolve.domain.evaluation import Outcome
from evolve.domain.problem import Problem
from evolve.domain.proposal import REPEATS
from evolve.evaluation.process_sandbox import ProcessSandbox
from evolve.interfaces import Job, Sandbox, Store, Verdict
from evolve.store.checker import Checker
from evolve.wiring import open_existing

SECRET = "a-token-that-is-long-enough"
PLENTY = Amounts(cpus=64.0, memory_mb=1e6)


def hub(folder: Path, **settings: Any) -> HubExecutor:
    """Return a hub with the settings of conf/, but for those given, on a free port; not started."""
    token = folder / "token"
    if not token.exists():
        token.write_text(SECRET)
        token.chmod(0o600)
    usual = {key: value for key, value in option("executor", "hub").items() if key != "_target_"}
    own = {"port": 0, "token_file": str(token)}
    return HubExecutor(**{**usual, **own, **settings})


def client(url: str) -> HubClient:
    """Return a client that knows the token."""
    return HubClient(url, Token(SECRET, "the test"), client_context(None))


def processes(width: int) -> MakeExecutor:
    """Return what makes executors with real sandboxes."""
    return lambda problem: LocalExecutor(lambda: ProcessSandbox(problem, pin=False), width=width, retries=0)


def make_worker(
    url: str,
    cache: Path,
    make_executor: MakeExecutor,
    *,
    slots: int = 1,
    seed: int = 0,
    connection: HubClient | None = None,
    capacity: Amounts = PLENTY,
    **habits: Any,
) -> HubWorker:
    """Return a worker of the hub at ``url``."""
    connection = connection or client(url)
    habits = {"ask_s": 5.0, "drain_s": 10.0, "sandbox": "process", "name": f"worker {seed}", **habits}
    return HubWorker(
        connection,
        WarmJudges(connection.parcel, cache, make_executor),
        Habits(slots=slots, capacity=capacity, **habits),
        np.random.default_rng(seed),
    )


@asynccontextmanager
async def working(*workers: HubWorker) -> AsyncIterator[list[asyncio.Task[None]]]:
    """Have workers work, until the block ends."""
    tasks = [asyncio.create_task(worker.run()) for worker in workers]
    try:
        yield tasks
    finally:
        for worker in workers:
            worker.drain()
            worker.drain()
        async with asyncio.timeout(30):
            await asyncio.gather(*tasks, return_exceptions=True)


class StandInSandbox:
    """Judges without a process: the score is what the program's first line says, after ``seconds``."""

    def __init__(self, seconds: Callable[[], float] = lambda: 0.0) -> None:
        self._seconds = seconds
        self._started = False

    async def start(self) -> None:
        self._started = True

    def alive(self) -> bool:
        return self._started

    async def judge(self, job: Job) -> Verdict:
        await asyncio.sleep(self._seconds())
        return Verdict(Outcome.VALID, metrics=stand_in_score(job.files), seconds=0.001)

    async def close(self) -> None:
        self._started = False

    def protects(self) -> Sequence[str]:
        return ()

    def does_not_protect(self) -> Sequence[str]:
        return ("anything",)


def stand_in_score(files: Mapping[str, str]) -> dict[str, float]:
    """Return the metrics that a StandInSandbox finds."""
    return {"value": float(sum(map(len, files.values()))), "stood_in": 1.0}


def stand_ins(width: int, seconds: Callable[[], float] = lambda: 0.0) -> MakeExecutor:
    """Return what makes executors with stand-ins for sandboxes."""

    def make(problem: Problem) -> LocalExecutor:
        def sandbox() -> Sandbox:
            return StandInSandbox(seconds)

        return LocalExecutor(sandbox, width=width, retries=0)

    return make


def certificate(folder: Path, *addresses: str) -> tuple[Path, Path]:
    """Make a self-signed certificate for addresses; return its file and that of its key."""
    cert, key = folder / "cert.pem", folder / "key.pem"
    names = ",".join(f"IP:{address}" for address in addresses)
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    made += ["-subj", "/CN=hub", "-addext", f"subjectAltName={names}", "-keyout", str(key), "-out", str(cert)]
    subprocess.run(made, check=True, capture_output=True)
    return cert, key


def check_record(url: str, run: str) -> int:
    """Check all there is to check of a run that is over; return how many programs were judged."""
    with closing(open_existing(url)) as store:
        info = store.run(run)
        judged = check_store(store, run)
    with closing(Checker(url)) as checker:
        assert not checker.check(info)
    return judged


def check_store(store: Store, run: str) -> int:
    """Check that every program was judged once by each stage, and that the verdict is its own; return how many."""
    assert not store.unfinished(run)
    history = list(store.history(run))
    assert [attempt.finished.sequence for attempt in history] == list(range(len(history)))
    assert len({attempt.selected.step for attempt in history}) == len(history)
    judged = 0
    for attempt in history:
        if attempt.program is None or attempt.selected.operator in REPEATS:
            continue
        step = attempt.selected.step
        evaluations = store.evaluations(run, step)
        counts = Counter((evaluation.stage, evaluation.repeat) for evaluation in evaluations)
        assert set(counts.values()) == {1}, f"program {step}: {counts}"
        assert sum(evaluation.stage == "full" for evaluation in evaluations) == 1
        judged += 1
        check_verdicts(store, run, step)
    return judged


def check_verdicts(store: Store, run: str, step: int) -> None:
    files = store.program(run, step).files
    for evaluation in store.evaluations(run, step):
        assert evaluation.outcome is not Outcome.INFRASTRUCTURE, evaluation.feedback
        if "stood_in" in evaluation.metrics:
            value = stand_in_score(files)["value"]
            assert evaluation.metrics["value"] == value, f"program {step} has the verdict of another"
