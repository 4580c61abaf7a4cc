"""What may be chosen for the next proposal: operators, each with the models it may ask."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from evolve.errors import ConfigurationError, nearest
from evolve.interfaces import Arm, Member, Operator, Tier, needs_workshop


@dataclass(frozen=True, slots=True)
class Share:
    """An arm with its configured share; the shares of a list of them sum to 1."""

    arm: Arm
    share: float


class Arms:
    """The arms of a run, and their configured shares.

    Args:
        operators: what there is to choose from.
        weights: operator name -> its share before normalisation; 0 means that it is never drawn, only
            asked for by name.
        keyless: leave out the operators that need a model.
        members: the models of the ensemble; without any, arms name no model.
        strong: names of the operators that ask the members of the strong tier. Others ask the cheap
            ones. A tier without members is replaced by all of them.

    Raises:
        ConfigurationError: a name is unknown, a weight negative, or no operator is left.
    """

    def __init__(
        self,
        operators: Sequence[Operator],
        weights: Mapping[str, float],
        *,
        keyless: bool,
        members: Sequence[Member] = (),
        strong: Collection[str] = (),
    ) -> None:
        self.operators = {operator.name: operator for operator in operators}
        self._members = members
        self._strong = frozenset(strong)
        _check(weights, self._strong, self.operators)
        usable = [o for o in operators if weights.get(o.name, 0) > 0 and not (keyless and o.needs_model)]
        if not usable:
            hint = (
                "set llm=MODEL, or give 'syntax' or 'tune' a weight" if keyless else "give one of them a weight above 0"
            )
            raise ConfigurationError(f"No operator is left to make proposals with: {hint}.")
        self.names = frozenset(o.name for o in operators if not (keyless and o.needs_model))
        total = sum(weights[operator.name] for operator in usable)
        self.usable = usable
        self.usual = [s for o in usable for s in self._with_models(o, weights[o.name] / total, self._tier(o.name))]
        self.unusual = list(self._strong_only(usable, weights))

    def named(self, name: str) -> Operator:
        """Return the operator of this name. Raises ConfigurationError."""
        if name not in self.operators:
            raise ConfigurationError(f"The run used an operator {name!r}. {nearest(name, self.operators)}")
        return self.operators[name]

    def asks_model(self, name: str) -> bool:
        """Whether the operator of this name (or ``seed``, which is none) pays for model calls."""
        return name in self.operators and _may_ask(self.operators[name])

    def of(self, name: str, rng: np.random.Generator) -> Arm:
        """Return an operator, drawn or not, with a model of its tier. Raises ConfigurationError."""
        shares = list(self._with_models(self.named(name), 1.0, self._tier(name)))
        return drawn(shares, rng) if len(shares) > 1 else shares[0].arm

    def _tier(self, name: str) -> Tier:
        return Tier.STRONG if name in self._strong else Tier.CHEAP

    def _with_models(self, operator: Operator, share: float, tier: Tier) -> Iterator[Share]:
        if not _may_ask(operator) or not self._members:
            yield Share(Arm(operator.name), share)
            return
        members = [m for m in self._members if m.tier is tier and m.weight > 0] or self._members
        total = sum(member.weight for member in members)
        for member in members:
            yield Share(Arm(operator.name, member.model.name), share * member.weight / total)

    def _strong_only(self, usable: Sequence[Operator], weights: Mapping[str, float]) -> Iterator[Share]:
        """Yield what is drawn from when cheap models got stuck: any operator, with a strong model."""
        if len({member.tier for member in self._members}) < len(Tier):
            return
        asking = [operator for operator in usable if _may_ask(operator)]
        total = sum(weights[operator.name] for operator in asking)
        for operator in asking:
            yield from self._with_models(operator, weights[operator.name] / total, Tier.STRONG)


def _may_ask(operator: Operator) -> bool:
    """Whether an operator asks a model, or has a coding agent work that may."""
    return operator.needs_model or needs_workshop(operator)


def drawn(shares: Sequence[Share], rng: np.random.Generator) -> Arm:
    """Draw an arm by the shares."""
    point = rng.random()
    for share in shares:
        point -= share.share
        if point < 0:
            return share.arm
    return shares[-1].arm


def _check(weights: Mapping[str, float], strong: Collection[str], known: Collection[str]) -> None:
    for name, weight in weights.items():
        if name not in known:
            raise ConfigurationError(f"mutation.weights names no operator {name!r}. {nearest(name, known)}")
        if not 0 <= weight < float("inf"):
            raise ConfigurationError(f"mutation.weights.{name}: expected a number >= 0, found {weight}.")
    for name in sorted(strong):
        if name not in known:
            raise ConfigurationError(f"mutation.strong names no operator {name!r}. {nearest(name, known)}")
