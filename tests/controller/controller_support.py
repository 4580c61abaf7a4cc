"""A small problem and an executor that judges it in this process: real classes, no sandbox."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from evolve.controller.budget import Budget
from evolve.controller.loop import Loop, Widths
from evolve.controller.run import Parts
from evolve.domain.evaluation import Outcome, Scored
from evolve.domain.problem import Problem
from evolve.domain.program import Program
from evolve.domain.proposal import Message
from evolve.errors import ProposalRejected
from evolve.interfaces import Context, Draft, Job, LanguageModel, Operator, RunInfo, Search, Store, Verdict
from evolve.mutation.mix import OperatorMix
from evolve.mutation.novelty import Novelty
from evolve.search.controls import Greedy
from evolve.store.holder import this_holder

SEED = "# EVOLVE-BLOCK-START\nvalue = 1.0\n# EVOLVE-BLOCK-END\n"
PROBLEM = """
statement: Make value large.
objectives: [{name: value, direction: maximize, target: %s}]
stages: [{name: quick, timeout_s: 5, gate: {metric: value, factor_of_seed: 0.5}}, {name: full, timeout_s: 5}]
sealed: {timeout_s: 5}
"""


def write_problem(folder: Path, target: str = "null") -> Problem:
    """Write the folder of a one-constant problem and load it."""
    (folder / "seed").mkdir(parents=True)
    (folder / "seed" / "program.py").write_text(SEED)
    (folder / "evaluate.py").write_text("def evaluate(candidate, stage, params): ...\n")
    (folder / "problem.yaml").write_text(PROBLEM % target)
    return Problem.load(folder)


@pytest.fixture
def problem(tmp_path: Path) -> Problem:
    return write_problem(tmp_path / "constant")


@dataclass
class InProcessExecutor:
    """Runs the (trusted) programs of these tests where it stands and reports their ``value``.

    ``judged`` lists (text, stage) in the order in which the judging ended.
    """

    width: int = 2
    delay_s: Callable[[str], float] = lambda text: 0.0
    noise: np.random.Generator | None = None  # of standard deviation 0.5, in the last stage only
    judged: list[tuple[str, str]] = field(default_factory=list)
    started: bool = False

    async def start(self) -> None:
        self.started = True
        self._slots = asyncio.Semaphore(self.width)

    async def judge(self, job: Job) -> Verdict:
        async with self._slots:
            text = next(iter(job.files.values()))
            await asyncio.sleep(self.delay_s(text))
            self.judged.append((text, job.stage.name))
            names: dict[str, float] = {}
            exec(text, names)
            value = names.get("value")
            if value is None:
                return Verdict(Outcome.CRASHED, feedback="no value")
            if self.noise is not None and job.stage.name == "full":
                value += 0.5 * self.noise.normal()
            return Verdict(Outcome.VALID, metrics={"value": float(value)}, seconds=0.001)

    async def close(self) -> None:
        self.started = False


NO_LIMIT = Budget(evaluations=None, proposals=None, wall_s=None, cost_usd=None, calls=None, tokens=None, gpu_s=None)


def make_parts(
    problem: Problem,
    store: Store,
    operators: list[Operator],
    *,
    executor: InProcessExecutor | None = None,
    model: LanguageModel | None = None,
    weights: Mapping[str, float] | None = None,
    evaluations: int | None = 12,
    proposals: int | None = None,
    cost_usd: float | None = None,
    calls: int | None = None,
    tokens: int | None = None,
    ordered: bool = False,
    stall: int = 50,
    seed: int = 0,
    search: Search | None = None,
) -> Parts:
    """Return parts around one shared store object (closing it is left to the test)."""
    shares = dict(weights) if weights is not None else {operator.name: 1.0 for operator in operators}
    return Parts(
        problem=problem,
        seed=seed,
        new_search=lambda: search or Greedy(features=problem.features),
        operators=OperatorMix(operators, shares, keyless=model is None),
        lessons=None,
        novelty=Novelty(problem.language),
        model=model,
        executor=executor or InProcessExecutor(),
        budget=replace(
            NO_LIMIT, evaluations=evaluations, proposals=proposals, cost_usd=cost_usd, calls=calls, tokens=tokens
        ),
        widths=Widths(propose=4, queue=4, ordered=ordered, stall=stall),
        open_store=lambda: store,
        holder=this_holder(),
        sealed=True,
        listen_every_s=0.01,
    )


def run_info(problem: Problem, run: str = "r") -> RunInfo:
    return RunInfo(run, problem.name, "running", {"problem": str(problem.folder)}, {}, created_at=0.0)


def no_view(loop: Loop) -> None:
    """Watch nothing."""


class Nudge:
    """Changes the constant of the seed by a random step: the smallest operator without a model.

    ``hopeless`` refuses every proposal; ``digits`` makes equal children likely.
    """

    name = "nudge"
    needs_model = False

    def __init__(self, *, hopeless: bool = False, digits: int = 12) -> None:
        self._hopeless = hopeless
        self._digits = digits
        self.seen: list[int] = []

    async def propose(self, context: Context) -> Draft:
        if self._hopeless:
            raise ProposalRejected("no_sites", "nothing to change")
        (path, text), *_ = context.parent.program.files.items()
        value = float(text.split("value = ")[1].splitlines()[0])
        changed = round(value + float(context.rng.normal()), self._digits)
        return Draft({path: text.replace(f"value = {value}", f"value = {changed}")}, {"seen": len(self.seen)})

    def observe(self, scored: Scored, program: Program | None) -> None:
        self.seen.append(scored.step)


class AskAndAdd:
    """Asks the model for a number and adds it: the smallest operator with a model."""

    name = "ask"
    needs_model = True

    async def propose(self, context: Context) -> Draft:
        assert context.model is not None
        (path, text), *_ = context.parent.program.files.items()
        answer = await context.model.complete(context.model.request([Message("user", f"step {context.step}\n{text}")]))
        try:
            amount = float(answer.text)
        except ValueError as error:
            raise ProposalRejected("no_number", f"expected a number, found {answer.text!r}") from error
        value = float(text.split("value = ")[1].splitlines()[0])
        return Draft({path: text.replace(f"value = {value}", f"value = {value + amount}")})

    def observe(self, scored: Scored, program: Program | None) -> None:
        """Keeps nothing."""
