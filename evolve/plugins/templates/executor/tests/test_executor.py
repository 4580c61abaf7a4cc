"""The executor keeps the contract of executors."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from evolve.conformance.executor import ExecutorSuite, Started
from evolve.domain.problem import Problem
from evolve.evaluation.process_sandbox import ProcessSandbox
from evolve.interfaces import Executor

from plugin_name.executor import PluginName


@asynccontextmanager
async def begun(problem: Problem, width: int) -> AsyncIterator[Executor]:
    executor = PluginName(lambda: ProcessSandbox(problem, pin=False), width=width, retries=2)
    await executor.start()
    yield executor
    await executor.close()


class TestPluginName(ExecutorSuite):
    @pytest.fixture
    def started(self) -> Started:
        return begun
