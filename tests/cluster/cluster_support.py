"""Nodes that come and go, and executors on them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from evolve import wiring
from evolve.bench.machinery import TRIVIAL
from evolve.cluster.ray_executor import RayExecutor
from evolve.domain.problem import Problem
from evolve.interfaces import Job, Sandbox, Verdict

SLEEPING = "evolve.bench.sleeping_sandbox.SleepingSandbox"
LONG_S = 90.0  # Ray starts processes for a worker; this machine may be busy


class Nodes:
    """Nodes of a test, beside those that are always there."""

    def __init__(self, cluster: Any) -> None:
        self._cluster = cluster
        self._there: list[Any] = []

    @property
    def address(self) -> str:
        """Where a driver connects."""
        return str(self._cluster.address)

    def add(self, cpus: float, **resources: float) -> str:
        """Add a node; return its id."""
        self._there.append(self._cluster.add_node(num_cpus=cpus, resources=resources))
        return str(self._there[-1].node_id)

    def kill(self, id: str) -> None:
        """Take a node away with everything that runs on it, without notice."""
        node = next(node for node in self._there if node.node_id == id)
        self._there.remove(node)
        self._cluster.remove_node(node, allow_graceful=False)

    def remove_all(self) -> None:
        """Take every node of the test away."""
        for node in list(self._there):
            self.kill(node.node_id)


def sleeping(seconds: float) -> Mapping[str, Any]:
    """Settings of a sandbox that only sleeps."""
    return {"sandbox": {"_target_": SLEEPING, "seconds": seconds}}


def executor(
    problem: Problem,
    settings: Mapping[str, Any],
    build_sandbox: Callable[[Mapping[str, Any], Problem], Sandbox] = wiring.build_sandbox,
    **changed: Any,
) -> RayExecutor:
    """Return an executor on the cluster that this process is connected to."""
    arguments: dict[str, Any] = {
        "address": "auto",
        "width": None,
        "slots_per_worker": 16,
        "retries": 1,
        "losses": 20,
        "patience_s": LONG_S,
        "heartbeat_s": 1.0,
        "silence_s": 30.0,
        "ship_code": False,
    }
    return RayExecutor(problem=problem, build_sandbox=build_sandbox, settings=settings, **(arguments | changed))


async def until(holds: Callable[[], bool], what: str) -> None:
    """Wait until something holds; fail after long."""
    deadline = time.monotonic() + LONG_S
    while not holds():
        assert time.monotonic() < deadline, f"waited in vain until {what}"
        await asyncio.sleep(0.02)


def jobs(problem: Problem, count: int, stage: int = 0) -> list[Job]:
    """Return as many jobs of one stage of a problem."""
    return [Job(problem, problem.stages[stage], problem.seed().files) for _ in range(count)]


async def all_judged(executor: RayExecutor, jobs: Sequence[Job]) -> list[Verdict]:
    """Judge all at once."""
    return list(await asyncio.gather(*(executor.judge(job) for job in jobs)))


def trivial(**params: object) -> Problem:
    """The problem whose judge asks for one number."""
    return Problem.load(TRIVIAL, params)


def claiming(folder: Path, *claims: Mapping[str, Any]) -> Problem:
    """A problem with as many stages, each with its claim."""
    (folder / "seed").mkdir(parents=True)
    (folder / "seed" / "program.py").write_text("# EVOLVE-BLOCK-START\nvalue = 1\n# EVOLVE-BLOCK-END\n")
    (folder / "evaluate.py").write_text("def evaluate(candidate, stage, params): ...\n")
    stages = [{"name": f"stage{number}", "resources": dict(claim)} for number, claim in enumerate(claims)]
    objectives = [{"name": "value", "direction": "maximize"}]
    fields = {"statement": "Grow.", "objectives": objectives, "stages": stages}
    (folder / "problem.yaml").write_text(yaml.safe_dump(fields))
    return Problem.load(folder)


def custom(**amounts: float) -> Mapping[str, Any]:
    """A claim of nothing but other resources."""
    return {"cpus": 0, "custom": amounts}
