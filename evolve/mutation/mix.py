"""Which operator makes the next proposal, and with which model: by fixed shares."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

import numpy as np

from evolve.domain.evaluation import Scored
from evolve.domain.program import Program
from evolve.interfaces import Arm, Member, Operator
from evolve.mutation.arms import Arms, drawn


class Chooser(Protocol):
    """Chooses operators and models, and shows every operator how attempts end.

    A pure fold: ``choose`` depends on what was observed and the generator alone.
    """

    @property
    def names(self) -> Collection[str]:
        """Names of the operators that can propose in this run."""

    def choose(self, rng: np.random.Generator) -> Arm:
        """Choose who makes the next proposal."""

    def arm(self, name: str, rng: np.random.Generator) -> Arm:
        """Return the operator of this name with a model of its tier. Raises ConfigurationError."""

    def named(self, name: str) -> Operator:
        """Return the operator of this name, for redoing an attempt. Raises ConfigurationError."""

    def asks_model(self, name: str) -> bool:
        """Whether the operator of this name pays for model calls."""

    def observe(self, scored: Scored, program: Program | None) -> None:
        """Learn how an attempt ended, whoever proposed it."""


class OperatorMix:
    """Operators with fixed shares; implements Chooser. Arguments and errors are those of Arms."""

    def __init__(
        self,
        operators: Sequence[Operator],
        weights: Mapping[str, float],
        *,
        keyless: bool,
        members: Sequence[Member] = (),
        strong: Collection[str] = (),
    ) -> None:
        self.arms = Arms(operators, weights, keyless=keyless, members=members, strong=strong)

    @property
    def names(self) -> Collection[str]:
        """Names of the operators that can propose in this run."""
        return self.arms.names

    def choose(self, rng: np.random.Generator) -> Arm:
        """Draw an operator and a model by the shares; the models of the strong tier only for operators that want it."""
        return drawn(self.arms.usual, rng)

    def arm(self, name: str, rng: np.random.Generator) -> Arm:
        """Return the operator of this name with a model of its tier. Raises ConfigurationError."""
        return self.arms.of(name, rng)

    def named(self, name: str) -> Operator:
        """Return the operator of this name, for redoing an attempt whose operator is on record."""
        return self.arms.named(name)

    def asks_model(self, name: str) -> bool:
        """Whether the operator of this name (or ``seed``, which is none) pays for model calls."""
        return self.arms.asks_model(name)

    def observe(self, scored: Scored, program: Program | None) -> None:
        """Show every operator how an attempt ended."""
        for operator in self.arms.usable:
            operator.observe(scored, program)
