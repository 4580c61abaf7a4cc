"""Every executor keeps its contract, wherever it judges."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from evolve import configuration
from evolve.conformance.executor import ExecutorSuite, Started
from evolve.controller.local_executor import LocalExecutor
from evolve.domain.problem import Problem
from evolve.evaluation.process_sandbox import ProcessSandbox
from evolve.interfaces import Executor
from tests.cluster import cluster_support
from tests.cluster.conftest import _cluster, nodes
from tests.cluster.hub_support import hub, make_worker, processes, working

__all__ = ["_cluster", "nodes"]


@asynccontextmanager
async def local(problem: Problem, width: int) -> AsyncIterator[Executor]:
    executor = LocalExecutor(lambda: ProcessSandbox(problem, pin=False), width=width, retries=2)
    await executor.start()
    yield executor
    await executor.close()


@asynccontextmanager
async def pulled(problem: Problem, width: int) -> AsyncIterator[Executor]:
    """Return a hub with one worker; both in this process, the sandboxes not."""
    executor = hub(Path(str(problem.params["notes"])).parent, width=width, lease_s=4.0)
    await executor.start()
    cache = problem.folder.parent / "cache"
    async with working(make_worker(executor.url, cache, processes(width), slots=width)):
        yield executor
        await executor.close()


@asynccontextmanager
async def on_ray(problem: Problem, width: int) -> AsyncIterator[Executor]:
    """Return an executor on the cluster of the ``nodes`` fixture; its sandboxes are those of a worker there."""
    settings = configuration.configure(["problem=none", "sandbox=process", "sandbox.pin=false"])
    executor = cluster_support.executor(problem, settings, width=width, retries=2)
    await executor.start()
    yield executor
    await executor.close()


STARTED: dict[str, Started] = {"local": local, "hub": pulled, "ray": on_ray}


class TestExecutors(ExecutorSuite):
    @pytest.fixture(params=STARTED)
    def started(self, request: pytest.FixtureRequest) -> Started:
        if request.param == "ray":
            request.getfixturevalue("nodes")
        return STARTED[request.param]
