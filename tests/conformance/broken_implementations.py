"""Implementations that break their contract in one place each. A suite that does not notice is no suite.

Not collected by itself: ``test_suites_can_fail.py`` runs it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import Phase, settings

from evolve.conformance.archive import ArchiveSuite, MakeArchive
from evolve.conformance.clock import Clock
from evolve.conformance.executor import ExecutorSuite, Started
from evolve.conformance.language_model import LanguageModelSuite
from evolve.conformance.operator import OperatorSuite
from evolve.conformance.problem import ProblemSuite
from evolve.conformance.record import RecordSuite
from evolve.conformance.sandbox import SandboxSuite
from evolve.conformance.search import MakeSearch, SearchSuite
from evolve.conformance.store import MakeStore, StoreSuite
from evolve.conformance.store_operations import Open, StoreOperationsSuite
from evolve.controller.local_executor import LocalExecutor
from evolve.domain.evaluation import Outcome, Scored
from evolve.domain.problem import Problem
from evolve.domain.proposal import Choice, Completion, Placement, Request
from evolve.evaluation.process_sandbox import ProcessSandbox
from evolve.interfaces import (
    Archive,
    Context,
    Draft,
    Executor,
    Job,
    LanguageModel,
    Lease,
    Operator,
    Prunable,
    Report,
    Sandbox,
    Store,
    Verdict,
    tell_nobody,
)
from evolve.llm.scripted import ScriptedModel
from evolve.mutation.syntax import Syntax
from evolve.search.controls import RandomWalk
from evolve.search.grid import GridArchive
from evolve.store.memory import MemoryStore
from tests.controller.controller_support import write_problem

settings.register_profile("first example", phases=[Phase.generate])  # a failure is enough; the smallest takes a while
settings.load_profile("first example")


class Hoarder(GridArchive):
    """Lets the latest into a cell, however bad."""

    def add(self, scored: Scored) -> tuple[Placement, str]:
        cell = self._cell(scored)
        known = cell in self._elites
        self._elites[cell] = scored
        return (Placement.IMPROVED if known else Placement.NEW), self._name(cell)


class TestHoarder(ArchiveSuite):
    @pytest.fixture
    def make_archive(self) -> MakeArchive:
        def made(features: Sequence[object]) -> Archive:
            return Hoarder(features=features)  # type: ignore[arg-type]

        return made


class Moody(RandomWalk):
    """Draws from a generator of its own."""

    _own = np.random.default_rng(0)

    def ask(self, rng: np.random.Generator) -> Choice:
        return super().ask(self._own)


class TestMoody(SearchSuite):
    @pytest.fixture
    def make_search(self) -> MakeSearch:
        return lambda features: Moody(features=features)


class Trespasser(Syntax):
    """Edits what must stay."""

    async def propose(self, context: Context) -> Draft:
        draft = await super().propose(context)
        return replace(draft, files={path: f"# mine\n{text}" for path, text in draft.files.items()})


class TestTrespasser(OperatorSuite):
    @pytest.fixture
    def make(self) -> Callable[[], Operator]:
        return Trespasser


class Embezzler(ScriptedModel):
    """Says that an answer cost more than it told on the way."""

    async def complete(self, request: Request, report: Report = tell_nobody) -> Completion:
        return replace(await super().complete(request, report), cost_usd=1.0)


class TestEmbezzler(LanguageModelSuite):
    @pytest.fixture
    def model(self) -> LanguageModel:
        return Embezzler(["an answer"])


class Flatterer(ProcessSandbox):
    """Takes what crashed for valid."""

    async def judge(self, job: Job) -> Verdict:
        verdict = await super().judge(job)
        return replace(verdict, outcome=Outcome.VALID) if verdict.outcome is Outcome.CRASHED else verdict


class TestFlatterer(SandboxSuite):
    @pytest.fixture
    def make_sandbox(self) -> Callable[[Problem], Sandbox]:
        return Flatterer


class Resigned(LocalExecutor):
    """Gives a job up as soon as a sandbox fails under it."""


@asynccontextmanager
async def resigned(problem: Problem, width: int) -> AsyncIterator[Executor]:
    executor = Resigned(lambda: ProcessSandbox(problem, pin=False), width=width, retries=0)
    await executor.start()
    yield executor
    await executor.close()


class TestResigned(ExecutorSuite):
    @pytest.fixture
    def started(self) -> Started:
        return resigned


class Forgetful(MemoryStore):
    """Does not know who holds a run, and prunes nothing."""

    def holder(self, run: str) -> str | None:
        super().holder(run)
        return None

    def prune(self, lease: Lease, what: Collection[Prunable], steps: Collection[int]) -> None:
        super().prune(lease, (), steps)


def forgetful(_name: str, clock: Clock) -> Store:
    return Forgetful(clock=clock)


class TestForgetful(StoreSuite):
    @pytest.fixture
    def make_store(self) -> MakeStore:
        return forgetful


class TestForgetfulRecord(RecordSuite):
    @pytest.fixture
    def make_store(self) -> MakeStore:
        return forgetful


class TestForgetfulOperations(StoreOperationsSuite):
    @pytest.fixture
    def open_store(self) -> Open:
        return lambda clock, _emptied: Forgetful(clock=clock)


class TestGenerousProblem(ProblemSuite):
    """A judge that gives a score to anything, and another one each time."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        folder = write_problem(tmp_path / "generous").folder
        judge = "from evaluators import Score\ndef evaluate(candidate, stage, params):\n    import time\n"
        (folder / "evaluate.py").write_text(f"{judge}    return Score({{'value': time.time()}}, feedback='well')\n")
        return folder
