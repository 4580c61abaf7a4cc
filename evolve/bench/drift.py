"""What a search takes for progress where scores are noisy: how far it gets, and how much of it is false.

Simulated on problems whose true values are known (``noisy_worlds``), with searches as ``conf/`` has them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from evolve import configuration, problem_library, wiring
from evolve.bench.noisy_worlds import SEED, STEP_FEATURES, Settings, Steps, World
from evolve.bench.race_statistics import Interval, bootstrap
from evolve.bench.search_race import located
from evolve.domain.problem import Problem
from evolve.domain.proposal import REPEATS
from evolve.interfaces import Search

WITHIN = 0.02
"""How near the best counts as having found it, as a share of the best."""
NOISE: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"off": ("noise=off",), "proof before breeding": ("noise.breed=0.0",), "auto": ()}
)
"""What stands between a search and the noise."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One run after so many proposals.

    Args:
        short: how far the true value of the program that is held to be best is below the best there is, as a
            share of it.
        overstated: how far its stated value is above its true one, likewise.
        accepted: programs that became the best, ``false`` of them no better than the one before.
        repeats: proposals spent on judging again.
    """

    proposals: int
    short: float
    overstated: float
    accepted: int
    false: int
    repeats: int


@dataclass(frozen=True, slots=True)
class Row:
    """All runs of one search on one world after so many proposals.

    Args:
        within: share of the runs within WITHIN of the best.
        false_share: false ones among all improvements that were accepted, of all runs together.
        repeats: share of the proposals.
    """

    world: str
    search: str
    noise: str
    proposals: int
    seeds: int
    short: Interval
    within: float
    overstated: float
    accepted: float
    false_share: float
    repeats: float


def run(search: Search, world: World, seed: int, marks: Iterable[int]) -> Iterator[Moment]:
    """Run a search and yield how it stands at some numbers of proposals."""
    search.tell(world.seed())
    held, accepted, false, repeats = SEED, 0, 0, 0
    wanted = sorted(set(marks))
    for step in range(1, wanted[-1] + 1):
        choice = search.ask(np.random.default_rng([seed, 2, step]))
        repeats += choice.wants in REPEATS
        search.tell(world.attempt(step, choice))
        best = search.best()
        assert best is not None
        if best.step != held:
            accepted += 1
            false += world.truth[best.step] <= world.truth[held]
            held = best.step
        if step in wanted:
            short = (world.best - world.truth[held]) / world.best
            yield Moment(step, short, best.gains[0] / world.best - 1.0 + short, accepted, false, repeats)


def measured(
    searches: Sequence[str], seeds: Sequence[int], marks: Sequence[int], overrides: Sequence[str] = ()
) -> Iterator[Row]:
    """Yield a row for each world, search, what stands before it, and number of proposals."""
    problem = problem_library.load_problem(located("noisy"))
    stepped = replace(problem, features=STEP_FEATURES)
    text = problem.seed().files[problem.entry]
    worlds: dict[str, tuple[Problem, Callable[[np.random.Generator], World]]] = {
        "steps": (stepped, Steps),
        "settings": (problem, lambda rng: Settings(rng, text)),
    }
    for world, (of, make) in worlds.items():
        for search in searches:
            for noise, before in NOISE.items():
                config = configuration.configure(
                    [f"problem={located('noisy')}", f"search={search}", "store.url=sqlite://", *before, *overrides]
                )
                runs = [
                    list(run(wiring.build_search(config, of), make(np.random.default_rng([seed, 1])), seed, marks))
                    for seed in seeds
                ]
                yield from (_row(world, search, noise, moments) for moments in zip(*runs, strict=True))


def _row(world: str, search: str, noise: str, moments: Sequence[Moment]) -> Row:
    accepted = sum(moment.accepted for moment in moments)
    return Row(
        world,
        search,
        noise,
        moments[0].proposals,
        len(moments),
        short=bootstrap([moment.short for moment in moments]),
        within=float(np.mean([moment.short <= WITHIN for moment in moments])),
        overstated=float(np.mean([moment.overstated for moment in moments])),
        accepted=accepted / len(moments),
        false_share=sum(moment.false for moment in moments) / max(1, accepted),
        repeats=float(np.mean([moment.repeats / moment.proposals for moment in moments])),
    )
