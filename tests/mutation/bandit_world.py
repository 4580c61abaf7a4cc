"""A world in which it is known what each operator and model is worth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from evolve.domain.evaluation import Outcome, Scored
from evolve.domain.program import Program
from evolve.interfaces import Arm, Context, Draft, Member, Tier
from evolve.llm.scripted import ScriptedModel
from evolve.mutation.bandit import OperatorBandit
from evolve.mutation.mix import Chooser, OperatorMix


class Named:
    """An operator with a name."""

    def __init__(self, name: str, *, needs_model: bool = False) -> None:
        self.name = name
        self.needs_model = needs_model

    async def propose(self, context: Context) -> Draft:
        return Draft({})

    def observe(self, scored: Scored, program: Program | None) -> None:
        """Nothing is learned."""


@dataclass(frozen=True)
class Truth:
    """What an arm is really like; ``size`` is the mean rank of its improvements."""

    usable: float
    improves: float
    cost_usd: float = 0.0
    seconds: float = 1.0
    size: float = 0.9


USD_PER_S = 0.001
World = Callable[[int], Mapping[Arm, Truth]]
CHEAP = Member(ScriptedModel(["x"], name="cheap"), Tier.CHEAP)
DEAR = Member(ScriptedModel(["x"], name="dear"), Tier.CHEAP)
STRONG = Member(ScriptedModel(["x"], name="strong"), Tier.STRONG)


def mix(
    weights: Mapping[str, float], members: Sequence[Member] = (CHEAP, DEAR), strong: Sequence[str] = ()
) -> OperatorMix:
    """Return a mix of the named operators; ``syntax`` and ``tune`` ask no model."""
    operators = [Named(name, needs_model=name not in ("syntax", "tune")) for name in weights]
    return OperatorMix(operators, weights, keyless=False, members=members, strong=strong)


def attempt(step: int, arm: Arm, truth: Truth, rng: np.random.Generator) -> Scored:
    """Return how one attempt of an arm on the seed ended. Ranks are made by the level of gains."""
    usable = rng.random() < truth.usable
    improves = usable and rng.random() < truth.improves
    level = rng.beta(10 * truth.size, 10 * (1 - truth.size)) if improves else -rng.random()
    return Scored(
        step,
        0,
        (0,) if usable else (),
        arm.operator,
        Outcome.VALID if usable else Outcome.REJECTED,
        gains=(float(level),) if usable else (),
        cost_usd=truth.cost_usd,
        seconds=truth.seconds if usable else 0.0,
        model=arm.model,
    )


def price(scored: Scored) -> float:
    """Return what an attempt costs, evaluation time included."""
    return scored.cost_usd + max(1.0, scored.seconds) * USD_PER_S


@dataclass
class Played:
    """What came of a policy: improvements, dollars, and how often each arm was chosen."""

    improvements: float
    cost_usd: float
    chosen: Counter[Arm]


def play(chooser: Chooser, world: World, seed: int, *, budget_usd: float, steps: int = 2000) -> Played:
    """Spend the budget as the chooser says; four attempts are in flight at any time."""
    choosing, rng = np.random.default_rng((seed, 0)), np.random.default_rng((seed, 1))
    played = Played(0.0, 0.0, Counter())
    chooser.observe(Scored(0, 0, (), "seed", Outcome.VALID, (0.0,)), None)
    flying: list[Scored] = []
    for step in range(1, steps + 1):
        if played.cost_usd >= budget_usd:
            break
        arm = chooser.choose(choosing)
        played.chosen[arm] += 1
        scored = attempt(step, arm, world(step)[arm], rng)
        played.improvements += bool(scored.gains and scored.gains[0] > 0)
        played.cost_usd += price(scored)
        flying.append(scored)
        if len(flying) == 4:
            chooser.observe(flying.pop(0), None)
    return played


class Always:
    """The policy of one arm."""

    def __init__(self, base: OperatorMix, arm: Arm) -> None:
        self._base = base
        self._arm = arm
        self.arm, self.named, self.asks_model, self.names = base.arm, base.named, base.asks_model, base.names

    def choose(self, rng: np.random.Generator) -> Arm:
        return self._arm

    def observe(self, scored: Scored, program: Program | None) -> None:
        """Nothing is learned."""


def per_dollar(
    policies: Callable[[], Chooser], world: World, seeds: int, budget_usd: float, steps: int = 2000
) -> float:
    """Return improvements per dollar over all seeds."""
    runs = [play(policies(), world, seed, budget_usd=budget_usd, steps=steps) for seed in range(seeds)]
    return sum(run.improvements for run in runs) / sum(run.cost_usd for run in runs)


def bandit(base: OperatorMix, **settings: float) -> OperatorBandit:
    """Return a bandit over a mix that prices time as this world does."""
    return OperatorBandit(base, usd_per_evaluation_second=USD_PER_S, **settings)  # type: ignore[arg-type]
