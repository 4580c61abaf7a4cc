"""The end of a run: what the champion is worth on instances, seeds and repeats that the search did not choose it by."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from evolve.controller.journal import Journal
from evolve.domain.evaluation import Evaluation, Outcome
from evolve.domain.problem import SEALED, Problem, Stage
from evolve.domain.program import SEED_STEP
from evolve.domain.proposal import Evaluated, Event
from evolve.domain.spread import Spread
from evolve.evaluation.cascade import Cascade
from evolve.interfaces import Store

REPEATS_AT_THE_END = 5
"""Evaluations of each program that is announced, where scores are noisy."""


@dataclass(frozen=True, slots=True)
class Contender:
    """A program scored beside the others at the end: ``best``, ``seed``, or a baseline's name.

    Args:
        name: who it is.
        evaluation: its verdict; of several the first, with the means of all as metrics.
        repeats: every verdict.
        search: its verdict on the stage that the search goes by.
    """

    name: str
    evaluation: Evaluation
    repeats: tuple[Evaluation, ...] = ()
    search: Evaluation | None = None

    @staticmethod
    def of(name: str, repeats: Sequence[Evaluation], search: Evaluation | None = None) -> Contender:
        """Return a contender with at least one verdict."""
        return Contender(name, averaged(repeats), tuple(repeats), search)

    def spread(self, metric: str) -> Spread | None:
        """Return mean and interval of a metric, or None where a verdict has none."""
        values = [evaluation.metrics.get(metric) for evaluation in self.repeats]
        numbers = [value for value in values if value is not None]
        return Spread.of(numbers) if numbers and len(numbers) == len(values) else None

    def gap(self, metric: str) -> float | None:
        """Return by how much the value here is above the one in the search."""
        here = self.evaluation.metrics.get(metric)
        there = self.search.metrics.get(metric) if self.search is not None else None
        return here - there if here is not None and there is not None else None


def averaged(repeats: Sequence[Evaluation]) -> Evaluation:
    """Return the first of several verdicts, or the first that is not VALID, with the mean of each metric."""
    failed = [evaluation for evaluation in repeats if evaluation.outcome is not Outcome.VALID]
    if failed or len(repeats) == 1:
        return (failed or list(repeats))[0]
    shared = set.intersection(*(set(evaluation.metrics) for evaluation in repeats))
    first = repeats[0]
    means = {name: fmean(e.metrics[name] for e in repeats) for name in first.metrics if name in shared}
    return replace(first, metrics=means)


class Announcement:
    """Judges what is announced.

    Args:
        problem, run: whose.
        cascade: who judges.
        journal: where verdicts are recorded.
        reader: where programs are read.
        repeats: verdicts for each program.
    """

    def __init__(
        self, problem: Problem, run: str, *, cascade: Cascade, journal: Journal, reader: Store, repeats: int
    ) -> None:
        self._problem, self._run, self._repeats = problem, run, repeats
        self._cascade, self._journal, self._reader = cascade, journal, reader

    async def sealed(self, stage: Stage, best_step: int, search: Mapping[str, Evaluation]) -> list[Contender]:
        """Judge champion, seed and baselines on the sealed stage, and the baselines as the search would.

        ``search`` has the verdicts of champion and seed in the search.
        """
        steps = {"best": best_step, "seed": SEED_STEP}
        baselines = {name: files for name, files in self._problem.baselines().items() if name not in steps}
        files = {name: await self._files(step) for name, step in steps.items()} | baselines
        last = self._problem.stages[-1]
        found = await asyncio.gather(*(self._verdicts(text, stage, steps.get(name)) for name, text in files.items()))
        seen = await asyncio.gather(*(self._cascade.judge(text, last) for text in baselines.values()))
        known = {**search, **dict(zip(baselines, seen, strict=True))}
        contenders = [Contender.of(n, repeats, known[n]) for n, repeats in zip(files, found, strict=True)]
        scores = {c.name: dict(c.evaluation.metrics) for c in contenders}
        in_search = {c.name: dict(c.search.metrics) for c in contenders if c.search is not None}
        data = {"best_step": best_step, "scores": scores, "search": in_search, "repeats": self._repeats}
        await self._journal.write(Event("sealed", data))
        return contenders

    async def confirmed(self, best_step: int, search: Mapping[str, Evaluation]) -> list[Contender]:
        """Judge champion and seed again on the stage that the search goes by.

        They are told in an event: as evaluations of the programs they would be what the search was told.
        """
        last, contenders = self._problem.stages[-1], []
        for name, step in {"best": best_step, "seed": SEED_STEP}.items():
            files = await self._files(step)
            verdicts = await asyncio.gather(*(self._cascade.judge(files, last) for _ in range(self._repeats)))
            contenders.append(Contender.of(name, verdicts, search[name]))
        scores = {c.name: [dict(e.metrics) for e in c.repeats] for c in contenders}
        await self._journal.write(Event("confirmed", {"best_step": best_step, "scores": scores}))
        return contenders

    async def _files(self, step: int) -> Mapping[str, str]:
        return await self._journal.read(lambda: self._reader.program(self._run, step).files)

    async def _verdicts(self, files: Mapping[str, str], stage: Stage, step: int | None) -> list[Evaluation]:
        """Return as many verdicts as are wanted; those of a program of the run are on record, or put there."""
        found: list[Evaluation] = []
        if step is not None:
            found = await self._journal.call(lambda store: sealed_on_record(store, self._run, step))
        missing = range(len(found), max(self._repeats, 1))
        fresh = await asyncio.gather(*(self._cascade.judge(files, stage) for _ in missing))
        numbered = [replace(verdict, repeat=number) for number, verdict in zip(missing, fresh, strict=True)]
        if step is not None and numbered:
            await self._journal.write(*(Evaluated(step, verdict) for verdict in numbered))
        return [*found, *numbered]


def last_in_search(store: Store, run: str, step: int) -> Evaluation:
    """Return the verdict on a program that the search was told."""
    return [e for e in store.evaluations(run, step) if e.stage != SEALED][-1]


def sealed_on_record(store: Store, run: str, step: int) -> list[Evaluation]:
    """Return a program's verdicts on the sealed stage."""
    return [e for e in store.evaluations(run, step) if e.stage == SEALED]
