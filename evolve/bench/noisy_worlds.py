"""Problems with noise whose true values are known: what becomes of attempts, without prompts, sandboxes and a store."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from evolve.bench.answers import Prompt
from evolve.bench.reader import Other, Reading, drawn_edit
from evolve.domain.evaluation import Outcome, Scored
from evolve.domain.objective import Feature
from evolve.domain.proposal import REPEATS, Choice
from evolve.domain.shape import SHAPE_NAMES

SEED = 0


class World(Protocol):
    """A problem, its programs, and its noise."""

    @property
    def truth(self) -> Mapping[int, float]:
        """The true values of the programs, by step; SEED is the first."""

    @property
    def best(self) -> float:
        """The best true value there is."""

    def seed(self) -> Scored:
        """Judge the seed."""

    def attempt(self, step: int, choice: Choice) -> Scored:
        """Do what a search asks for."""


@dataclass
class Steps:
    """Programs with a true value of at most 1; scores have a standard deviation of ``sd`` (0.02: 2 % of the best).

    A child is better than its parent with a chance that falls from 0.3 to 0.1 on the way up, by one ``sd``
    on average; otherwise it is worse, by two. So what is to be found is of the size of the noise.
    """

    rng: np.random.Generator
    sd: float = 0.02
    best: float = 1.0
    truth: dict[int, float] = field(default_factory=lambda: {SEED: 0.75})
    kind: dict[int, float] = field(default_factory=lambda: {SEED: 0.5})

    def score(self, step: int) -> float:
        """Judge a program once."""
        return self.truth[step] + self.sd * float(self.rng.normal())

    def seed(self) -> Scored:
        """Judge the seed."""
        return Scored(SEED, 0, (), "seed", Outcome.VALID, (self.score(SEED),), (self.kind[SEED],), shape=_SHAPE)

    def attempt(self, step: int, choice: Choice) -> Scored:
        """Do what a search asks for."""
        parent = choice.parent
        if choice.wants in REPEATS:
            again = Scored(step, choice.island, (), choice.wants, Outcome.VALID, (self.score(parent),))
            return replace(again, features=(self.kind[parent],), rescored=parent)
        left = (self.best - self.truth[parent]) / (self.best - self.truth[SEED])
        step_size = float(self.rng.exponential())
        up = self.rng.random() < 0.1 + 0.2 * left
        change = self.sd * (step_size if up else -2 * step_size)
        self.truth[step] = min(self.best, self.truth[parent] + change)
        self.kind[step] = float(np.clip(self.kind[parent] + 0.3 * self.rng.normal(), 0, 1))
        child = Scored(step, choice.island, (parent,), "test", Outcome.VALID, (self.score(step),), (self.kind[step],))
        return replace(child, shape=_SHAPE)


STEP_FEATURES = (Feature("kind", 0.0, 1.0, 4),)
_SHAPE = (0.0,) * len(SHAPE_NAMES)
_TOP = (2.0, 0.7, 3.1, 1.4, 0.9, 2.4)


def hill(settings: tuple[float, ...]) -> float:
    """Return the true value of six settings, as the landscape ``noisy`` has it: 3 at the top."""
    off = [math.log(max(setting, 1e-6) / top) for setting, top in zip(settings, _TOP, strict=True)]
    return 3.0 - 4.0 * sum(min(x * x, 25.0) for x in off) / len(off)


@dataclass
class Settings:
    """The landscape ``noisy``, whose programs the mutator ``reader`` changes as if prompts showed it the inspirations.

    The noise is 7 % of the best: early steps are larger than it, late ones much smaller.
    """

    rng: np.random.Generator
    program: str
    sd: float = 0.2
    best: float = 3.0
    truth: dict[int, float] = field(default_factory=dict)
    told: dict[int, float] = field(default_factory=dict)
    programs: dict[int, tuple[str, ...]] = field(default_factory=dict)

    def seed(self) -> Scored:
        """Judge the seed."""
        return self._judged(SEED, tuple(self.program.splitlines()), Scored(SEED, 0, (), "seed", Outcome.INVALID))

    def attempt(self, step: int, choice: Choice) -> Scored:
        """Do what a search asks for."""
        if choice.wants in REPEATS:
            again = Scored(step, choice.island, (), choice.wants, Outcome.VALID, rescored=choice.parent)
            return self._scored(choice.parent, again)
        parent = self.programs[choice.parent]
        edit = drawn_edit(Prompt("", parent, None, 0, 0), self._reading(choice), self.rng)
        child = (*parent[: edit.index], edit.line, *parent[edit.index + 1 :])
        parents = (choice.parent, *choice.inspirations)
        return self._judged(step, child, Scored(step, choice.island, parents, "diff", Outcome.INVALID))

    def _reading(self, choice: Choice) -> Reading:
        shown = [step for step in choice.inspirations if self.programs[step] != self.programs[choice.parent]]
        leads = [self.told[step] - self.told[choice.parent] for step in shown]
        return Reading(tuple(Other(self.programs[step], lead) for step, lead in zip(shown, leads, strict=True)), "")

    def _judged(self, step: int, program: tuple[str, ...], unjudged: Scored) -> Scored:
        try:
            settings = tuple(float(line.partition("=")[2]) for line in program if "=" in line and "EVOLVE" not in line)
        except ValueError:
            return unjudged
        self.programs[step], self.truth[step] = program, hill(settings)
        scored = self._scored(step, replace(unjudged, outcome=Outcome.VALID))
        self.told[step] = scored.gains[0]
        return replace(scored, features=(settings[0], settings[-1]), shape=_SHAPE)

    def _scored(self, step: int, unscored: Scored) -> Scored:
        return replace(unscored, gains=(self.truth[step] + self.sd * float(self.rng.normal()),))
