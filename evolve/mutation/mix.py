"""Which operator makes the next proposal."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from evolve.domain.evaluation import Scored
from evolve.domain.program import Program
from evolve.errors import ConfigurationError, nearest
from evolve.interfaces import Operator


class OperatorMix:
    """Operators with fixed shares.

    Args:
        operators: what there is to choose from.
        weights: operator name -> its share before normalisation; 0 switches it off.
        keyless: leave out the operators that need a model.

    Raises:
        ConfigurationError: a weight names no operator, or no operator is left.
    """

    def __init__(self, operators: Sequence[Operator], weights: dict[str, float], *, keyless: bool) -> None:
        self._by_name = {operator.name: operator for operator in operators}
        for name, weight in weights.items():
            if name not in self._by_name:
                raise ConfigurationError(f"mutation.weights names no operator {name!r}. {nearest(name, self._by_name)}")
            if weight < 0:
                raise ConfigurationError(f"mutation.weights.{name}: expected a number >= 0, found {weight}.")
        usable = [o for o in operators if weights.get(o.name, 0) > 0 and not (keyless and o.needs_model)]
        if not usable:
            hint = (
                "set llm=MODEL, or give 'syntax' or 'tune' a weight" if keyless else "give one of them a weight above 0"
            )
            raise ConfigurationError(f"No operator is left to make proposals with: {hint}.")
        self._usable = usable
        shares = np.array([weights[operator.name] for operator in usable], dtype=float)
        self._bounds = np.cumsum(shares / shares.sum())

    def choose(self, rng: np.random.Generator) -> Operator:
        """Draw an operator by the shares."""
        index = int(np.searchsorted(self._bounds, rng.random(), side="right"))
        return self._usable[min(index, len(self._usable) - 1)]

    def named(self, name: str) -> Operator:
        """Return the operator of this name, for redoing an attempt whose operator is on record."""
        if name not in self._by_name:
            raise ConfigurationError(f"The run used an operator {name!r}. {nearest(name, self._by_name)}")
        return self._by_name[name]

    def asks_model(self, name: str) -> bool:
        """Whether the operator of this name (or ``seed``, which is none) pays for model calls."""
        return name in self._by_name and self._by_name[name].needs_model

    def observe(self, scored: Scored, program: Program | None) -> None:
        """Show every operator how an attempt ended."""
        for operator in self._usable:
            operator.observe(scored, program)
