"""Which search is better at equal numbers of proposals: one cell is one run of one search on one problem.

Every cell runs one proposal at a time, so that equal cells give equal curves (but on a problem whose
judge draws noise). Only operators that ask the model propose, and no lessons are drawn: what differs
between cells is the search. A cell's results are one line of JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from evolve import configuration, wiring
from evolve.bench.curves import Curve, Point, Scale, rising_area, steps
from evolve.bench.forwarding import Forwarding
from evolve.bench.model_server import ModelServer
from evolve.bench.processes import this_machine, tree_cpu_s
from evolve.controller.run import start_run
from evolve.domain.evaluation import Evaluation, Outcome, Scored
from evolve.domain.problem import SEALED, Problem
from evolve.domain.proposal import Placement
from evolve.errors import ConfigurationError, EvolveError
from evolve.evaluation.cascade import Cascade
from evolve.interfaces import Executor, Search

LANDSCAPES = Path(__file__).resolve().parent / "landscapes"
PROBLEMS = ("binning", "circle_packing", "regression", "dispatching", "deceptive", "noisy", "two_goals")
CONTROLS = ("greedy", "best_of_n", "random")
COMMON = (
    *("mutation.weights.syntax=0", "mutation.weights.tune=0", "mutation.bandit=null"),
    *("mutation.lessons.max_insights=0", "mutation.lessons.instructions=false"),  # null would hide failures, too
    *("controller.ordered=true", "executor.width=1", "executor.spares=0", "sandbox=process", "sealed=false"),
    *("budget.wall_s=null", "budget.cost_usd=null", "budget.evaluations=null"),
)
"""What every cell of ours runs with."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One run.

    Args:
        problem: a name of PROBLEMS, a bundled problem, or a folder.
        search: an option of conf/search, or the name of a peer.
        mutator: the persona of the model server.
        seed: of the run and of the model server.
        proposals: how many.
        settings: further overrides, of ours only.
    """

    problem: str
    search: str
    mutator: str
    seed: int
    proposals: int
    settings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CellResult:
    """What a cell gave. Values are on the problem's scale: 0 is the seed, 1 the reference.

    Args:
        curve: change points of the value of the program that the search holds to be best.
        seed_gain, reference_gain: what 0 and 1 stand for.
        cpu_s: processor seconds of everything, the model server and the judging included.
        evaluations: programs judged, ``valid`` of them to the end.
        model_calls, prompt_tokens: as the model server counts them.
        judge_hash: of judge, data and parameters; only equal ones are comparable.
        commit: of the checkout that made it.
        machine: what it was made on, where that is known.
    """

    cell: Cell
    curve: tuple[Point, ...]
    final: float
    area: float
    seed_gain: float
    reference_gain: float
    cpu_s: float
    wall_s: float
    evaluations: int
    valid: int
    model_calls: int
    prompt_tokens: int
    judge_hash: str = ""
    commit: str = ""
    machine: str = ""

    def as_line(self) -> str:
        """Return one line of JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def of_line(cls, line: str) -> CellResult:
        """Read a line. Raises ValueError, TypeError or KeyError for one that is none."""
        fields = json.loads(line)
        cell = fields.pop("cell")
        cell = Cell(**{**cell, "settings": tuple(cell["settings"])})
        return cls(**{**fields, "cell": cell, "curve": tuple((count, value) for count, value in fields["curve"])})


# ── problems ──────────────────────────────────────────────────────────────────────────────────
def located(name: str) -> str:
    """Return what ``problem=`` takes for a name of PROBLEMS, a bundled problem, or a folder."""
    return str(LANDSCAPES / name) if (LANDSCAPES / name / "problem.yaml").is_file() else name


def check(problem: Problem) -> None:
    """Raise ConfigurationError for a problem whose results have no scale."""
    if len(problem.objectives) > 2:
        raise ConfigurationError(
            f"{problem.name}: one or two objectives can be raced, found {len(problem.objectives)}."
        )
    if len(problem.objectives) == 2 and not {"worst", "front_hypervolume"} <= set(problem.params):
        raise ConfigurationError(f"{problem.name}: two objectives need params worst: [a, b] and front_hypervolume.")
    if len(problem.objectives) == 1 and not _known(problem):
        raise ConfigurationError(f"{problem.name}: problem.yaml needs a known_best of {problem.objectives[0].name!r}.")


def _known(problem: Problem) -> list[float]:
    return [
        best.value
        for best in problem.known_best
        if best.objective == problem.objectives[0].name and best.applies(problem.params)
    ]


def corner(problem: Problem) -> list[float]:
    """Return the corner of the hypervolume, as gains."""
    worst = problem.params["worst"]
    assert isinstance(worst, list)
    return [objective.gain(float(value)) for objective, value in zip(problem.objectives, worst, strict=True)]


def reference_gain(problem: Problem) -> float:
    """Return what counts as 1: the first known best, or the hypervolume of the true front."""
    if len(problem.objectives) == 2:
        return float(str(problem.params["front_hypervolume"]))
    return problem.objectives[0].gain(_known(problem)[0])


# ── what happened in a run ────────────────────────────────────────────────────────────────────
@dataclass(frozen=True, slots=True)
class Told:
    """The state after one attempt: how many there were, which step is best, what this one scored."""

    count: int
    best: int
    gains: tuple[float, ...]


class Watched(Forwarding):
    """A search that notes, whenever it is told of an attempt, which program it holds to be best.

    Args:
        search: what is watched.
        last: the number of the attempt after which the processor time is read, while sandboxes live.
    """

    def __init__(self, search: Search, last: int) -> None:
        super().__init__(search)
        self._last = last
        self.told: list[Told] = []
        self.cpu_s = 0.0

    def tell(self, scored: Scored) -> tuple[Placement, str]:
        """Tell the search, and note what it made of it."""
        answer = self._search.tell(scored)
        best = self._search.best()
        self.told.append(Told(len(self.told), best.step if best is not None else 0, scored.gains))
        if len(self.told) == self._last + 1:
            self.cpu_s = tree_cpu_s(os.getpid())
        return answer


Files = Mapping[str, str]


class TrueScores:
    """The first gain of programs as it is compared: on the sealed stage where there is one.

    For a problem whose scores are noisy, or whose judge asks at other points in the end.
    """

    def __init__(self, problem: Problem, executor: Executor) -> None:
        self._problem, self._cascade = problem, Cascade(problem, executor)
        self._known: dict[str, float] = {}

    async def gain(self, files: Files, seen: Mapping[str, float]) -> float:
        """Return the gain of a program for which the search saw these metrics."""
        objective = self._problem.objectives[0]
        if self._problem.sealed is None:
            return objective.gain(seen[objective.name])
        key = json.dumps(sorted(files.items()))
        if key not in self._known:
            evaluation = await self._cascade.judge(files, self._problem.sealed)
            if evaluation.outcome is not Outcome.VALID:
                raise EvolveError(
                    f"{self._problem.name}: the sealed stage ended {evaluation.outcome}: {evaluation.feedback}"
                )
            self._known[key] = objective.gain(evaluation.metrics[objective.name])
        return self._known[key]


def on_scale(points: Sequence[Point], proposals: int, reference: float) -> tuple[Curve, Scale]:
    """Return the curve on the problem's scale; the first point is the seed's."""
    scale = Scale(points[0][1], reference)
    return steps([(count, scale(gain)) for count, gain in points], proposals), scale


# ── one cell of ours ──────────────────────────────────────────────────────────────────────────
def run_cell(cell: Cell) -> CellResult:
    """Run a search of conf/search. Raises EvolveError."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_run(cell, Path(folder)))


async def _run(cell: Cell, folder: Path) -> CellResult:
    began_s, cpu_s = time.perf_counter(), tree_cpu_s(os.getpid())
    async with ModelServer(cell.mutator, seed=cell.seed) as server:
        config = configuration.configure(_overrides(cell, server.url, folder))
        parts = wiring.build(config)
        check(parts.problem)
        watched = Watched(parts.new_search(), cell.proposals)
        info = wiring.new_run(config, parts)
        result = await start_run(replace(parts, new_search=lambda: watched), info, lambda _: None)
    if len(watched.told) <= cell.proposals:
        raise EvolveError(
            f"The run ended after {len(watched.told) - 1} of {cell.proposals} proposals: {result.reason}."
        )
    points = await _points(config, parts.problem, result.run, watched.told)
    curve, scale = on_scale(points, cell.proposals, reference_gain(parts.problem))
    return CellResult(
        cell=cell,
        curve=tuple(curve.points),
        final=curve.final(),
        area=curve.area(),
        seed_gain=scale.seed,
        reference_gain=scale.reference,
        cpu_s=watched.cpu_s - cpu_s,
        wall_s=time.perf_counter() - began_s,
        evaluations=result.progress.spent.evaluations,
        valid=sum(bool(told.gains) for told in watched.told),
        model_calls=len(server.log),
        prompt_tokens=sum(entry.prompt_tokens for entry in server.log),
        judge_hash=parts.problem.judge_hash(),
        commit=str(info.provenance["commit"]),
        machine=this_machine(),
    )


def _overrides(cell: Cell, url: str, folder: Path) -> list[str]:
    return [
        f"problem={located(cell.problem)}",
        f"search={cell.search}",
        f"llm={url}#{cell.mutator}",
        *("llm.input_usd_per_million=0", "llm.output_usd_per_million=0"),
        *COMMON,
        f"seed={cell.seed}",
        f"budget.proposals={cell.proposals + 1}",  # the seed is one
        f"controller.stall={cell.proposals + 1}",
        f"store.url=sqlite:///{folder / 'race.db'}",
        *cell.settings,
    ]


async def _points(config: configuration.Config, problem: Problem, run: str, told: Sequence[Told]) -> list[Point]:
    if len(problem.objectives) == 2:
        return rising_area([(each.count, each.gains) for each in told if each.gains], corner(problem))[1:]
    store = wiring.open_store(config)
    executor = wiring.build_executor(config, problem)
    truth = TrueScores(problem, executor)
    await executor.start()
    try:
        points: list[Point] = []
        for before, each in zip([None, *told], told, strict=False):
            if before is None or each.best != before.best:
                files = store.program(run, each.best).files
                points.append((each.count, await truth.gain(files, _seen(store.evaluations(run, each.best)))))
    finally:
        await executor.close()
        store.close()
    return points


def _seen(evaluations: Sequence[Evaluation]) -> Mapping[str, float]:
    return [evaluation for evaluation in evaluations if evaluation.stage != SEALED][-1].metrics
