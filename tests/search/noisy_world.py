"""What a search takes for progress on a noisy landscape, with any number of attempts in flight."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from evolve.bench.noisy_worlds import SEED, Steps
from evolve.domain.evaluation import Scored
from evolve.domain.proposal import REPEATS
from evolve.interfaces import Search


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
        world, search = Steps(np.random.default_rng([seed, 1]), sd), make()
        search.tell(world.seed())
        best = SEED
        waiting: list[Scored] = []
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
        self.short_of_best.append(world.best - world.truth[best])
        self.overstated.append(search.best().gains[0] - world.truth[best])  # type: ignore[union-attr]
