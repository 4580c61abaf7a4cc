from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from evolve.domain.evaluation import Outcome, Scored
from evolve.domain.program import Program
from evolve.errors import ConfigurationError
from evolve.interfaces import Context, Draft
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
    return Counter(mix.choose(rng).name for _ in range(count))


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
