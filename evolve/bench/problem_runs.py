"""One problem, several seeds: what a search reaches, with its spread."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from evolve import configuration, wiring
from evolve.controller.loop import Loop
from evolve.controller.run import Result, start_run
from evolve.errors import ConfigurationError, nearest


@dataclass(frozen=True, slots=True)
class SeedResult:
    """What one run reached in the first objective.

    ``final`` is the score on the sealed stage where the problem has one, else that of the search.
    ``ratio`` is ``final`` over the score of the program that is compared with, on the same stage.
    """

    seed: int
    run: str
    evaluations: int
    search: float
    final: float
    ratio: float


def run_seeds(overrides: Sequence[str], seeds: Sequence[int], against: str) -> Iterator[SeedResult]:
    """Run a problem once for each seed, one after the other; yield what each reached.

    ``against`` is ``seed`` or the name of a baseline. Raises ConfigurationError for another name.
    """
    for seed in seeds:
        config = configuration.configure([*overrides, f"seed={seed}"])
        parts = wiring.build(config)
        known = {"seed", *parts.problem.baselines()}
        if against not in known:
            raise ConfigurationError(f"{parts.problem.name} has no program {against!r}. {nearest(against, known)}")
        loops: list[Loop] = []
        result = asyncio.run(start_run(parts, wiring.new_run(config, parts), loops.append))
        yield _summary(seed, parts.problem.objectives[0].name, against, result, loops[0])


def _summary(seed: int, objective: str, against: str, result: Result, loop: Loop) -> SeedResult:
    sealed = {contender.name: contender.evaluation.metrics for contender in result.sealed}
    final = sealed.get("best", result.best.metrics)[objective]
    compared = sealed.get(against, result.seed.metrics)[objective]
    return SeedResult(
        seed,
        result.run,
        loop.progress.spent.evaluations,
        result.best.metrics[objective],
        final,
        final / compared,
    )
