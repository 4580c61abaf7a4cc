"""A landscape whose true values are known, and what a search takes for progress on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from evolve.domain.evaluation import Outcome, Scored
from evolve.domain.objective import Feature
from evolve.domain.proposal import REPEATS, Choice
from evolve.interfaces import Search

BEST, START = 1.0, 0.75
FEATURES = (Feature("kind", 0.0, 1.0, 4),)


@dataclass
class World:
    """Programs with a true value of at most 1; scores have a standard deviation of ``sd`` (0.02: 2 % of the best).

    A child is better than its parent with a chance that falls from 0.3 to 0.1 on the way up, by
    one ``sd`` on average; otherwise it is worse, by two. ``relative`` makes the deviation grow with the value.
    """

    rng: np.random.Generator
    sd: float = 0.02
    truth: dict[int, float] = field(default_factory=lambda: {0: START})
    kind: dict[int, float] = field(default_factory=lambda: {0: 0.5})

    def score(self, step: int) -> float:
        """Judge a program once."""
        return self.truth[step] + self.sd * float(self.rng.normal())

    def attempt(self, step: int, choice: Choice) -> Scored:
        """Do what a search asks for."""
        parent = choice.parent
        if choice.wants in REPEATS:
            again = Scored(step, choice.island, (), choice.wants, Outcome.VALID, (self.score(parent),))
            return replace(again, features=(self.kind[parent],), rescored=parent)
        left = (BEST - self.truth[parent]) / (BEST - START)
        step_size = float(self.rng.exponential())
        up = self.rng.random() < 0.1 + 0.2 * left
        change = self.sd * (step_size if up else -2 * step_size)
        self.truth[step] = min(BEST, self.truth[parent] + change)
        self.kind[step] = float(np.clip(self.kind[parent] + 0.3 * self.rng.normal(), 0, 1))
        return Scored(step, choice.island, (parent,), "test", Outcome.VALID, (self.score(step),), (self.kind[step],))


@dataclass
class Ledger:
    """What was accepted as better than what, over any number of runs."""

    accepted: int = 0
    false: int = 0
    repeats: int = 0
    proposals: int = 0
    short_of_best: list[float] = field(default_factory=list)
    overstated: list[float] = field(default_factory=list)

    def run(self, make: Callable[[], Search], seed: int, proposals: int, sd: float = 0.02, in_flight: int = 1) -> None:
        """Run a search; an improvement is accepted when another program becomes the best one."""
        world, search = World(np.random.default_rng([seed, 1]), sd), make()
        search.tell(Scored(0, 0, (), "seed", Outcome.VALID, (world.score(0),), (world.kind[0],)))
        best, waiting = 0, []
        for step in range(1, proposals):
            choice = search.ask(np.random.default_rng([seed, 2, step]))
            self.repeats += choice.wants in REPEATS
            waiting.append(world.attempt(step, choice))
            if len(waiting) < in_flight:
                continue
            search.tell(waiting.pop(int(world.rng.integers(len(waiting)))))
            leader = search.best()
            assert leader is not None
            if leader.step != best:
                self.accepted += 1
                self.false += world.truth[leader.step] <= world.truth[best]
                best = leader.step
        self.proposals += proposals
        self.short_of_best.append(BEST - world.truth[best])
        self.overstated.append(search.best().gains[0] - world.truth[best])  # type: ignore[union-attr]
