from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from evolve.domain.evaluation import Outcome, Scored
from evolve.domain.program import Program
from evolve.errors import ConfigurationError
from evolve.interfaces import Arm, Context, Draft, Member, Tier
from evolve.llm.scripted import ScriptedModel
from evolve.mutation.mix import OperatorMix


class Named:
    """An operator with a name; counts what it observes."""

    def __init__(self, name: str, *, needs_model: bool = False) -> None:
        self.name = name
        self.needs_model = needs_model
        self.observed = 0

    async def propose(self, context: Context) -> Draft:
        return Draft({})

    def observe(self, scored: Scored, program: Program | None) -> None:
        self.observed += 1


def drawn(mix: OperatorMix, count: int = 3000) -> Counter[str]:
    rng = np.random.default_rng(0)
    return Counter(mix.choose(rng).operator for _ in range(count))


def test_shares_follow_the_weights() -> None:
    counts = drawn(OperatorMix([Named("a"), Named("b")], {"a": 3, "b": 1}, keyless=False))
    assert counts["a"] / counts["b"] == pytest.approx(3, rel=0.15)


def test_a_keyless_mix_leaves_out_what_needs_a_model() -> None:
    operators = [Named("a"), Named("m", needs_model=True)]
    weights = {"a": 1.0, "m": 9.0}
    assert set(drawn(OperatorMix(operators, weights, keyless=True))) == {"a"}
    assert set(drawn(OperatorMix(operators, weights, keyless=False))) == {"a", "m"}


def test_weight_zero_switches_an_operator_off() -> None:
    assert set(drawn(OperatorMix([Named("a"), Named("b")], {"a": 1, "b": 0}, keyless=False))) == {"a"}


@pytest.mark.parametrize(
    ("weights", "message"),
    [({"sintax": 1.0}, "'syntax'"), ({"syntax": -1.0}, ">= 0"), ({"syntax": 0.0}, "No operator is left")],
)
def test_weights_that_make_no_sense_are_refused(weights: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        OperatorMix([Named("syntax")], weights, keyless=False)


def test_everyone_observes_every_attempt_and_only_models_ask() -> None:
    operators = [Named("a"), Named("m", needs_model=True)]
    mix = OperatorMix(operators, {"a": 1.0, "m": 1.0}, keyless=False)
    mix.observe(Scored(1, 0, (), "a", Outcome.REJECTED), None)
    assert [operator.observed for operator in operators] == [1, 1]
    assert [mix.asks_model(name) for name in ("a", "m", "seed")] == [False, True, False]
    assert mix.named("m") is operators[1]


def member(name: str, tier: Tier, weight: float = 1.0) -> Member:
    return Member(ScriptedModel(["answer"], name=name), tier, weight)


ENSEMBLE = [member("small", Tier.CHEAP, 3), member("other", Tier.CHEAP, 1), member("large", Tier.STRONG)]


def arms_of(mix: OperatorMix, count: int = 3000) -> Counter[Arm]:
    rng = np.random.default_rng(0)
    return Counter(mix.choose(rng) for _ in range(count))


def test_models_are_drawn_by_weight_from_the_tier_the_operator_wants() -> None:
    operators = [Named("syntax"), Named("diff", needs_model=True), Named("shift", needs_model=True)]
    weights = {"syntax": 1.0, "diff": 4.0, "shift": 1.0}
    counts = arms_of(OperatorMix(operators, weights, keyless=False, members=ENSEMBLE, strong=["shift"]), 6000)
    assert set(counts) == {Arm("syntax"), Arm("diff", "small"), Arm("diff", "other"), Arm("shift", "large")}
    assert counts[Arm("diff", "small")] / counts[Arm("diff", "other")] == pytest.approx(3, rel=0.15)
    assert counts[Arm("shift", "large")] / 6000 == pytest.approx(1 / 6, rel=0.15)


def test_a_tier_without_members_is_replaced_by_all_of_them() -> None:
    operators = [Named("shift", needs_model=True)]
    mix = OperatorMix(operators, {"shift": 1.0}, keyless=False, members=ENSEMBLE[:2], strong=["shift"])
    assert set(arms_of(mix)) == {Arm("shift", "small"), Arm("shift", "other")}


def test_an_operator_that_is_never_drawn_can_be_asked_for_by_name() -> None:
    operators = [Named("diff", needs_model=True), Named("distill", needs_model=True)]
    weights = {"diff": 1.0, "distill": 0.0}
    mix = OperatorMix(operators, weights, keyless=False, members=ENSEMBLE, strong=["distill"])
    assert {arm.operator for arm in arms_of(mix)} == {"diff"}
    assert mix.arm("distill", np.random.default_rng(0)) == Arm("distill", "large")
    with pytest.raises(ConfigurationError, match="'distil'"):
        mix.arm("distil", np.random.default_rng(0))


def test_a_strong_operator_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"mutation\.strong names no operator 'shfit'"):
        OperatorMix([Named("shift")], {"shift": 1.0}, keyless=False, strong=["shfit"])
