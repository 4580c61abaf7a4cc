from __future__ import annotations

import dataclasses
from collections import Counter

import numpy as np
import pytest

from evolve.domain.evaluation import Outcome, Scored
from evolve.errors import ConfigurationError
from evolve.interfaces import Arm
from evolve.mutation.bandit import OperatorBandit
from tests.mutation.bandit_world import (
    CHEAP,
    STRONG,
    Always,
    Truth,
    World,
    attempt,
    bandit,
    mix,
    per_dollar,
    play,
)

SEEDS = 20
STEPS = 400
WEIGHTS = {"diff": 6.0, "rewrite": 2.0, "syntax": 2.0, "tune": 1.0}
EVEN = dict.fromkeys(WEIGHTS, 1.0)
PLENTY = 1e9

ORDINARY = {
    Arm("diff", "cheap"): Truth(0.8, 0.1, 0.002),
    Arm("diff", "dear"): Truth(0.95, 0.2, 0.02),
    Arm("rewrite", "cheap"): Truth(0.7, 0.1, 0.004),
    Arm("rewrite", "dear"): Truth(0.9, 0.15, 0.04),
    Arm("syntax"): Truth(0.9, 0.02),
    Arm("tune"): Truth(1.0, 0.03),
}


def world(changed: dict[Arm, Truth] | None = None) -> World:
    truths = {**ORDINARY, **(changed or {})}
    return lambda step: truths


def changing(step: int) -> dict[Arm, Truth]:
    """The best arm is exhausted a third of the way in, and the worst wakes up."""
    if step <= STEPS // 3:
        return {**ORDINARY, Arm("diff", "cheap"): Truth(0.9, 0.6, 0.002)}
    return {**ORDINARY, Arm("diff", "cheap"): Truth(0.9, 0.005, 0.002), Arm("rewrite", "cheap"): Truth(0.9, 0.5, 0.002)}


WORLDS = {
    "a cheap good model": world({Arm("diff", "cheap"): Truth(0.9, 0.4, 0.002)}),
    "dear but better": world(
        {Arm("diff", "dear"): Truth(0.95, 0.6, 0.005), Arm("diff", "cheap"): Truth(0.5, 0.03, 0.002)}
    ),
    "no model needed": world({Arm("tune"): Truth(1.0, 0.15)}),
    "changing": changing,
}


@pytest.mark.parametrize("name", WORLDS)
def test_it_finds_more_per_dollar_than_fixed_and_even_shares(name: str) -> None:
    found = per_dollar(lambda: bandit(mix(WEIGHTS)), WORLDS[name], SEEDS, PLENTY, STEPS)
    assert found > 1.25 * per_dollar(lambda: mix(WEIGHTS), WORLDS[name], SEEDS, PLENTY, STEPS)
    assert found > 1.5 * per_dollar(lambda: mix(EVEN), WORLDS[name], SEEDS, PLENTY, STEPS)


@pytest.mark.parametrize(
    ("name", "best", "share"),
    [("a cheap good model", Arm("diff", "cheap"), 0.5), ("dear but better", Arm("diff", "dear"), 0.6)],
)
def test_regret_against_the_best_arm_is_bounded(name: str, best: Arm, share: float) -> None:
    found = per_dollar(lambda: bandit(mix(WEIGHTS)), WORLDS[name], SEEDS, PLENTY, STEPS)
    assert found > share * per_dollar(lambda: Always(mix(WEIGHTS), best), WORLDS[name], SEEDS, PLENTY, STEPS)


def test_a_change_is_noticed() -> None:
    late: Counter[Arm] = Counter()
    for seed in range(SEEDS):
        early = play(bandit(mix(WEIGHTS)), changing, seed, budget_usd=PLENTY, steps=STEPS // 3).chosen
        whole = play(bandit(mix(WEIGHTS)), changing, seed, budget_usd=PLENTY, steps=2 * STEPS).chosen
        late += whole - early
    assert late[Arm("rewrite", "cheap")] > 1.5 * late[Arm("diff", "cheap")]


def test_neither_free_nor_dear_arms_take_everything() -> None:
    equal = dict.fromkeys(WEIGHTS, 1.0)
    for winner in (Arm("tune"), Arm("diff", "dear")):
        truths = {arm: dataclasses.replace(truth, improves=0.001) for arm, truth in ORDINARY.items()}
        truths[winner] = dataclasses.replace(truths[winner], improves=0.9)
        chosen: Counter[Arm] = Counter()
        for seed in range(3):
            chosen += play(bandit(mix(equal)), lambda step: truths, seed, budget_usd=PLENTY, steps=2000).chosen  # noqa: B023
        assert min(chosen[arm] for arm in ORDINARY) >= 6000 * 0.05 * 0.125 / 2
        assert chosen.most_common(1)[0][0] == winner


def test_unusable_answers_count_against_an_arm() -> None:
    """Before any improvement was seen, the arm whose answers can be used is chosen more often."""
    truths = {arm: Truth(1.0, 0.0, 0.002) for arm in ORDINARY}
    truths[Arm("diff", "cheap")] = Truth(0.1, 0.0, 0.002)
    equal = bandit(mix({"diff": 1.0, "rewrite": 1.0}), warmup=10)
    chosen = play(equal, lambda step: truths, 0, budget_usd=PLENTY, steps=600).chosen
    others = [chosen[arm] for arm in chosen if arm != Arm("diff", "cheap")]
    assert chosen[Arm("diff", "cheap")] < min(others)


def test_where_everything_fails_every_arm_is_still_tried() -> None:
    truths = {arm: Truth(0.0, 0.0, truth.cost_usd) for arm, truth in ORDINARY.items()}
    chosen = play(bandit(mix(EVEN)), lambda step: truths, 0, budget_usd=PLENTY, steps=1000).chosen
    assert set(chosen) == set(ORDINARY)


def test_it_starts_as_the_fixed_mix() -> None:
    fresh = bandit(mix(WEIGHTS))
    fixed = mix(WEIGHTS)
    counts, expected = (
        Counter(chooser.choose(np.random.default_rng(seed)) for seed in range(4000)) for chooser in (fresh, fixed)
    )
    for arm in ORDINARY:
        assert counts[arm] == pytest.approx(expected[arm], abs=4 * expected[arm] ** 0.5)


def test_what_it_knows_is_a_fold_over_the_attempts() -> None:
    rng = np.random.default_rng(5)
    arms = sorted(ORDINARY, key=str)
    history = [attempt(step, arms[step % len(arms)], ORDINARY[arms[step % len(arms)]], rng) for step in range(1, 700)]
    live, again = bandit(mix(WEIGHTS)), bandit(mix(WEIGHTS))
    for chooser in (live, again):
        chooser.observe(Scored(0, 0, (), "seed", Outcome.VALID, (0.0,)), None)
    for scored in history:
        live.observe(scored, None)
        live.choose(np.random.default_rng(scored.step))
    for scored in history:
        again.observe(scored, None)
    assert live.status() == again.status()
    assert [live.choose(np.random.default_rng(s)) for s in range(50)] == [
        again.choose(np.random.default_rng(s)) for s in range(50)
    ]


def test_failures_of_ours_and_attempts_of_others_change_no_arm() -> None:
    chooser = bandit(mix(WEIGHTS))
    before = chooser.status()
    chooser.observe(Scored(1, 0, (0,), "diff", Outcome.INFRASTRUCTURE, model="cheap", cost_usd=1.0), None)
    chooser.observe(Scored(2, 0, (), "distill", Outcome.REJECTED, model="cheap", cost_usd=1.0), None)
    assert chooser.status() == before


def test_scores_on_another_scale_teach_the_same() -> None:
    rng = np.random.default_rng(3)
    arms = sorted(ORDINARY, key=str)
    history = [attempt(step, arms[step % len(arms)], ORDINARY[arms[step % len(arms)]], rng) for step in range(1, 300)]
    plain, curved = bandit(mix(WEIGHTS)), bandit(mix(WEIGHTS))
    for scored in [Scored(0, 0, (), "seed", Outcome.VALID, (0.0,)), *history]:
        plain.observe(scored, None)
        curved.observe(dataclasses.replace(scored, gains=tuple(1e6 * np.exp(5 * gain) for gain in scored.gains)), None)
    assert plain.status() == curved.status()


def stuck(attempts: int, patience: int) -> OperatorBandit:
    base = mix({"diff": 3.0, "syntax": 1.0, "shift": 1.0}, (CHEAP, STRONG), ("shift",))
    chooser = bandit(base, patience=patience, stuck_share=0.5)
    chooser.observe(Scored(0, 0, (), "seed", Outcome.VALID, (0.0,)), None)
    for step in range(1, attempts + 1):
        chooser.observe(Scored(step, 0, (0,), "diff", Outcome.VALID, (-1.0,), model="cheap", cost_usd=0.01), None)
    return chooser


def asked(chooser: OperatorBandit) -> Counter[Arm]:
    return Counter(chooser.choose(np.random.default_rng(seed)) for seed in range(1000))


def test_a_strong_model_makes_ordinary_edits_only_when_nothing_improves() -> None:
    assert asked(stuck(20, 20))[Arm("diff", "strong")] == 0
    some, more = asked(stuck(30, 20)), asked(stuck(60, 20))
    assert 0 < some[Arm("diff", "strong")] < more[Arm("diff", "strong")]
    assert more[Arm("diff", "strong")] + more[Arm("shift", "strong")] >= 450
    assert asked(stuck(60, 0))[Arm("diff", "strong")] == 0


def test_a_record_in_any_objective_ends_the_stagnation() -> None:
    chooser = stuck(60, 20)
    assert chooser.stagnation == 1.0
    chooser.observe(Scored(61, 0, (0,), "diff", Outcome.VALID, (0.5,), model="strong"), None)
    assert chooser.stagnation == 0.0


@pytest.mark.parametrize(
    "settings", [{"usd_per_evaluation_second": 0.0}, {"half_life": 0}, {"explore": 1.5}, {"stuck_share": -0.1}]
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(settings))):
        OperatorBandit(mix(WEIGHTS), **settings)  # type: ignore[arg-type]
