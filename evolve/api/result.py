"""What a run has come to, read from its record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from statistics import fmean

from evolve import wiring
from evolve.account.champion import champion
from evolve.account.course import course
from evolve.api.history import history_of
from evolve.api.table import Table
from evolve.controller.announcement import last_in_search
from evolve.controller.budget import Spent
from evolve.controller.measurements import measurements
from evolve.controller.run import spent_on_record
from evolve.domain.difference import program_diff
from evolve.domain.evaluation import Evaluation, Outcome
from evolve.domain.problem import SEALED, Problem
from evolve.domain.program import SEED_STEP
from evolve.domain.proposal import REPEATS
from evolve.interfaces import RunInfo, Store
from evolve.store.address import public


@dataclass(frozen=True, slots=True)
class ScoredProgram:
    """A program of a run, and what its judge said of it.

    Args:
        step: the attempt that made it; the seed is 0.
        files: path -> text.
        scores: its objectives in the judge's own units: means of its repeats if it was judged again, else as the
            search was told.
        metrics: every number that the judge reported in the last stage it reached.
        sealed: its objectives on the sealed stage, means if it was judged there several times; empty where it was not.
        feedback: the judge's words.
        parents: steps of the programs it was made from, the edited one first.
    """

    step: int
    files: Mapping[str, str] = field(repr=False)
    scores: Mapping[str, float]
    metrics: Mapping[str, float] = field(repr=False)
    sealed: Mapping[str, float]
    feedback: str
    parents: tuple[int, ...]

    @property
    def source(self) -> str:
        """Its text, if it is one file; else all of them, each under its path."""
        if len(self.files) == 1:
            return next(iter(self.files.values()))
        return "\n".join(f"==> {path} <==\n{text}" for path, text in self.files.items())


@dataclass(frozen=True)
class Result:
    """What a run has come to by the time it was read.

    ``front`` and ``history`` are read from the store when they are first asked for.

    Args:
        run: its id, for ``evolve.resume``, ``evolve.open_run`` and the commands.
        status: ``finished``, ``paused`` (interrupted: it can be resumed) or ``failed``; ``running`` if somebody works
            on it.
        reason: why it ended, in words; empty while it runs.
        problem: the name of the problem.
        store: where it is on record, without a password.
        best: the best program, as the run's search has it.
        seed: the program it began with.
        spent: evaluations, proposals, dollars, seconds, model calls and tokens, over all sessions.
        caveats: what to know before its scores are believed.
    """

    run: str
    status: str
    reason: str
    problem: str
    store: str
    best: ScoredProgram
    seed: ScoredProgram
    spent: Spent
    caveats: tuple[str, ...]
    _url: str = field(repr=False)

    @property
    def cost_usd(self) -> float:
        """Dollars for model calls."""
        return self.spent.cost_usd

    @cached_property
    def history(self) -> Table:
        """Its finished attempts, one row each, in the order in which they ended."""
        with _opened(self._url) as store:
            info = store.run(self.run)
            return history_of(wiring.problem_of(info), store.history(info.id))

    @cached_property
    def front(self) -> tuple[ScoredProgram, ...]:
        """The programs that no other dominates, as first judged, best first; with one objective it is the best."""
        with _opened(self._url) as store:
            info = store.run(self.run)
            problem = wiring.problem_of(info)
            members = course(problem, store.history(info.id)).front
            return tuple(_scored_program(store, info, problem, member.step) for member in members)

    def diff(self) -> str:
        """Return what the best program changes of the seed, as a unified diff."""
        return program_diff(self.seed.files, self.best.files)

    def __str__(self) -> str:
        scores = ", ".join(
            f"{name} {value:.6g} (seed {self.seed.scores[name]:.6g})" for name, value in self.best.scores.items()
        )
        return f"{self.run}: {self.status}, {self.reason or 'at work'}\n{scores}, ${self.cost_usd:.4f}"


def read_result(url: str, run: str, best_step: int | None = None) -> Result:
    """Return what a run has come to; ``best_step`` is its champion, where that is known.

    Raises NotFound with the nearest id, ProblemError without the problem's folder, StoreError without a valid program.
    """
    info = wiring.find_run(url, run)
    problem = wiring.problem_of(info)
    with _opened(url) as store:
        step = champion(store, info, problem).step if best_step is None else best_step
        reasons = [str(event.data.get("reason", "")) for _, event in store.events(run) if event.kind == "stopped"]
        return Result(
            run=info.id,
            status=info.status,
            reason=reasons[-1] if reasons and info.status != "running" else "",
            problem=info.problem,
            store=public(url),
            best=_scored_program(store, info, problem, step, again=_judged_again(store, run)),
            seed=_scored_program(store, info, problem, SEED_STEP),
            spent=spent_on_record(store, run, problem.limits.gpus),
            caveats=(problem.isolation.caveat,) if problem.isolation.caveat else (),
            _url=url,
        )


@contextmanager
def _opened(url: str) -> Iterator[Store]:
    store = wiring.open_existing(url)
    try:
        yield store
    finally:
        store.close()


def _judged_again(store: Store, run: str) -> bool:
    return any(tally.operator in REPEATS for tally in store.questions().tallies(run))


def _scored_program(store: Store, info: RunInfo, problem: Problem, step: int, *, again: bool = False) -> ScoredProgram:
    program, told = store.program(info.id, step), last_in_search(store, info.id, step)
    repeated = measurements(store, info.id, step).spreads(problem) if again else {}
    means = {name: spread.mean for name, spread in repeated.items()}
    sealed = [e for e in store.evaluations(info.id, step) if e.stage == SEALED and e.outcome is Outcome.VALID]
    return ScoredProgram(
        step=step,
        files=dict(program.files),
        scores={**_objectives(problem, [told]), **means},
        metrics=dict(told.metrics),
        sealed=_objectives(problem, sealed),
        feedback=told.feedback,
        parents=program.parents,
    )


def _objectives(problem: Problem, evaluations: list[Evaluation]) -> dict[str, float]:
    names = [objective.name for objective in problem.objectives]
    found = {name: [e.metrics[name] for e in evaluations if name in e.metrics] for name in names}
    return {name: fmean(values) for name, values in found.items() if values}
