"""Noise is never taken for progress, and problems without noise pay next to nothing for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from evolve.bench.noisy_worlds import STEP_FEATURES, Steps
from evolve.domain.evaluation import Outcome, Scored
from evolve.domain.proposal import AUDIT, REPEATS, RESCORE, Choice, Placement
from evolve.errors import ConfigurationError
from evolve.interfaces import Search
from evolve.search.allocation import EvenAllocation
from evolve.search.controls import Greedy
from evolve.search.grid import GridArchive
from evolve.search.inspirations import Inspired
from evolve.search.islands import IslandSearch
from evolve.search.parents import RankedParents
from evolve.search.topology import Migration
from evolve.search.trials import Trials
from tests.search.noisy_world import Ledger

SETTINGS: dict[str, Any] = {
    "first_repeats": 1,
    "watch_share": 0.02,
    "share": 0.5,
    "elites": True,
    "held": 16,
    "breed": 0.9,
    "most": 24,
    "margin": 0.7,
    "worth": 1.5,
    "false_share": 0.05,
    "surprise": 4.0,
}
RUNS, PROPOSALS = 16, 600


def greedy() -> Search:
    return Greedy(features=STEP_FEATURES)


def islands() -> Search:
    return IslandSearch(
        features=STEP_FEATURES,
        archive=GridArchive,
        parents=RankedParents(exploit=0.7, top=3.0),
        showing=Inspired(count=3, top=1),
        islands=2,
        allocation=EvenAllocation(),
        migration=Migration(topology="ring", interval=25, migrants=1),
        renewal=[],
        relief=[],
    )


def trials(inner: Callable[[], Search] = greedy, **settings: Any) -> Trials:
    return Trials(inner(), **{**SETTINGS, **settings})


def scored(step: int, value: float, *, parent: int = 0, outcome: Outcome = Outcome.VALID) -> Scored:
    gains = (value,) if outcome is Outcome.VALID else ()
    return Scored(step, 0, (parent,) if step else (), "test", outcome, gains, (0.5,) if gains else ())


def again(step: int, of: int, value: float, operator: str = RESCORE, outcome: Outcome = Outcome.VALID) -> Scored:
    return replace(scored(step, value, outcome=outcome), parents=(), operator=operator, rescored=of)


def wishes(search: Search, draws: int = 60) -> set[tuple[int, str]]:
    """Return what is asked for beside ordinary proposals."""
    choices = [search.ask(np.random.default_rng(draw)) for draw in range(draws)]
    return {(choice.parent, choice.wants) for choice in choices if choice.wants}


def noisy_trials(**settings: Any) -> Trials:
    """Return a search that knows a noise of about 1 from five scores of the seed, whose mean is 0."""
    search = trials(**settings)
    search.tell(scored(0, 1.2))
    for step, value in enumerate((-1.2, 0.7, -0.7, 0.0), start=1):
        search.tell(again(step, 0, value))
    return search


# ── what it is for ────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("inner", [greedy, islands])
@pytest.mark.parametrize("in_flight", [1, 8])
def test_on_a_noisy_landscape_few_improvements_are_false_and_the_best_is_found(
    inner: Callable[[], Search], in_flight: int
) -> None:
    plain, ours = Ledger(), Ledger()
    for run in range(RUNS):
        plain.run(inner, run, PROPOSALS, in_flight=in_flight)
        ours.run(lambda: trials(inner), run, PROPOSALS, in_flight=in_flight)
    assert plain.false > 0.25 * plain.accepted, "the landscape does not mislead anybody"
    assert np.mean(plain.overstated) > 0.03
    assert ours.accepted >= 3 * RUNS
    assert ours.false < 0.05 * ours.accepted
    assert np.mean(ours.short_of_best) < 0.02
    assert abs(np.mean(ours.overstated)) < 0.015
    assert ours.repeats < 0.52 * ours.proposals


def test_where_nothing_is_better_next_to_nothing_is_accepted() -> None:
    accepted = 0
    for run in range(60):
        rng, search = np.random.default_rng([run, 0]), trials()
        search.tell(scored(0, rng.normal()))
        for step in range(1, 200):
            choice = search.ask(np.random.default_rng([run, step]))
            value = float(rng.normal())
            search.tell(again(step, choice.parent, value) if choice.wants else scored(step, value))
        accepted += int(search.status()["accepted"])
    assert accepted <= 6  # 5 % of 60 runs, and what chance adds


# ── without noise ─────────────────────────────────────────────────────────────────────────────
def test_a_search_without_noise_decides_as_if_nothing_stood_before_it() -> None:
    bare, ours, world = islands(), trials(islands, surprise=0.0), Steps(np.random.default_rng(0), sd=0.02)
    seed = replace(scored(0, world.truth[0]), features=(world.kind[0],))
    assert bare.tell(seed) == ours.tell(seed)
    repeats = 0
    for step in range(1, 400):
        choice = ours.ask(np.random.default_rng(step))
        if choice.wants:
            repeats += 1
            known = world.truth[choice.parent]
            assert ours.tell(again(step, choice.parent, known)) == (Placement.NOT_PLACED, "")
            continue
        made = world.attempt(step, choice)
        made = replace(made, gains=(world.truth[step],))
        assert ours.tell(made) == bare.tell(made)
        assert ours.best() == bare.best()
    assert 1 <= repeats <= 10
    assert ours.status()["noise_sd"] == 0


def test_nothing_is_judged_again_when_it_is_off() -> None:
    search = trials(first_repeats=0, watch_share=0.0, share=0.0, surprise=0.0)
    search.tell(scored(0, 0.0))
    assert not wishes(search)
    assert search.tell(scored(1, 1e9))[0]
    assert not wishes(search)


# ── trials ────────────────────────────────────────────────────────────────────────────────────
def test_the_seed_is_judged_again_first_and_more_often_where_it_differs() -> None:
    search = trials()
    search.tell(scored(0, 1.0))
    assert wishes(search) == {(0, RESCORE)}
    search.tell(again(1, 0, 1.0))
    assert not wishes(search)
    search = trials()
    search.tell(scored(0, 1.0))
    search.tell(again(1, 0, 1.5))
    assert wishes(search) == {(0, RESCORE)}


def test_the_score_that_made_a_challenger_is_no_evidence() -> None:
    search = noisy_trials(surprise=0.0)
    assert search.tell(scored(10, 8.0)) == (Placement.NOT_PLACED, "on trial")
    best = search.best()
    assert best is not None and best.step == 0
    told = [search.tell(again(11 + turn, 10, -0.5)) for turn in range(4)]
    assert any("10 refuted" in words for _, words in told)
    assert search.best() == best


def test_fresh_repeats_that_agree_make_it_the_best_with_their_mean() -> None:
    search = noisy_trials(surprise=0.0)
    search.tell(scored(10, 9.0))
    told = [search.tell(again(11 + turn, 10, value)) for turn, value in enumerate((6.1, 5.9, 6.0, 6.0))]
    assert (Placement.IMPROVED, "2 (10)") in told
    best = search.best()
    assert best is not None and best.step == 10
    assert best.gains[0] == pytest.approx(6.0, abs=0.11)
    assert search.ask(np.random.default_rng(0)).parent == 10


def test_the_most_promising_program_on_trial_is_a_parent_and_not_the_best() -> None:
    search = noisy_trials(surprise=0.0)
    search.tell(scored(10, 5.0))
    search.tell(scored(11, 8.0))
    choices = [search.ask(np.random.default_rng(draw)) for draw in range(400)]
    bred = [choice.parent for choice in choices if not choice.wants]
    assert set(bred) == {0, 11}
    assert 0.85 * len(bred) < bred.count(11) < 0.95 * len(bred)
    best = search.best()
    assert best is not None and best.step == 0
    assert [program.step for program in search.front()] == [0]


def test_a_program_on_trial_that_is_likely_no_better_is_no_parent() -> None:
    search = noisy_trials(surprise=0.0, worth=0.5)
    search.tell(scored(10, 1.0))
    search.tell(again(11, 10, -0.8))
    search.tell(again(12, 10, -0.8))
    assert search.status()["on_trial"] == 1
    choices = [search.ask(np.random.default_rng(draw)) for draw in range(100)]
    assert {choice.parent for choice in choices if not choice.wants} == {0}


def test_of_equal_scores_that_of_the_more_promising_parent_promises_more() -> None:
    search = noisy_trials(surprise=0.0)
    search.tell(scored(10, 6.0))
    search.tell(scored(12, 7.0, parent=0))
    search.tell(scored(11, 7.0, parent=10))
    choices = [search.ask(np.random.default_rng(draw)) for draw in range(100)]
    assert {choice.parent for choice in choices if not choice.wants} == {0, 11}


def test_children_of_a_program_on_trial_may_prove_themselves_before_it() -> None:
    search = noisy_trials(surprise=0.0)
    search.tell(scored(10, 6.0))
    search.tell(scored(11, 9.0, parent=10))
    for turn in range(4):
        search.tell(again(12 + turn, 11, 8.0))
    best = search.best()
    assert best is not None and best.step == 11
    assert best.parents == (10,)


@pytest.mark.parametrize("wrong", [{"breed": 0.0}, {"surprise": 4.0, "known": 1.0}])
def test_nothing_on_trial_is_a_parent_where_that_is_off_or_its_score_is_too_good(wrong: dict[str, Any]) -> None:
    search = noisy_trials(**{"surprise": 0.0, **wrong})
    search.tell(scored(10, 8.0))
    choices = [search.ask(np.random.default_rng(draw)) for draw in range(100)]
    assert {choice.parent for choice in choices if not choice.wants} <= {0}


def test_with_several_objectives_nothing_is_bred_from_before_its_trial_has_ended() -> None:
    search = trials(surprise=0.0)
    search.tell(replace(scored(0, 1.2), gains=(1.2, 0.0)))
    for step, value in enumerate((-1.2, 0.7, -0.7, 0.0), start=1):
        search.tell(replace(again(step, 0, value), gains=(value, 0.0)))
    assert search.tell(replace(scored(10, 8.0), gains=(8.0, 0.0)))[1] == "on trial"
    choices = [search.ask(np.random.default_rng(draw)) for draw in range(100)]
    assert {choice.parent for choice in choices if not choice.wants} == {0}


def test_breeding_before_the_verdict_gets_further_in_few_proposals() -> None:
    early, late = Ledger(), Ledger()
    for run in range(RUNS):
        early.run(lambda: trials(islands), run, 300)
        late.run(lambda: trials(islands, breed=0.0), run, 300)
    assert np.mean(early.short_of_best) < 0.7 * np.mean(late.short_of_best)
    assert early.false <= 0.05 * early.accepted


def test_asks_in_parallel_do_not_all_want_the_same() -> None:
    search = noisy_trials(surprise=0.0)
    for step in range(10, 14):
        search.tell(scored(step, 5.0 + step))
    choices = [search.ask(np.random.default_rng(draw)) for draw in range(100)]
    wanted = [choice.parent for choice in choices if choice.wants]
    assert len(set(wanted)) >= 3
    assert len(wanted) < len(choices)


def test_repeats_stay_within_their_share_and_so_do_programs_on_trial() -> None:
    search, world, most = trials(share=0.2, held=3), Steps(np.random.default_rng(2), sd=0.05), 0.0
    search.tell(replace(scored(0, world.score(0)), features=(0.5,)))
    repeats = 0
    for step in range(1, 500):
        choice = search.ask(np.random.default_rng(step))
        repeats += choice.wants in REPEATS
        search.tell(world.attempt(step, choice))
        most = max(most, search.status()["on_trial"])
    assert 0.05 * 500 < repeats <= 0.2 * 500 + 1
    assert most == 3


def test_a_challenger_whose_repeats_fail_is_refuted() -> None:
    search = noisy_trials(surprise=0.0)
    search.tell(scored(10, 8.0))
    assert "10 refuted" in search.tell(again(11, 10, 0.0, outcome=Outcome.CRASHED))[1]


def test_our_own_failures_refute_nobody_but_do_not_go_on_for_ever() -> None:
    search = noisy_trials(surprise=0.0, most=3)
    search.tell(scored(10, 8.0))
    told = [search.tell(again(11 + turn, 10, 0.0, outcome=Outcome.INFRASTRUCTURE)) for turn in range(9)]
    assert told[0] == (Placement.NOT_PLACED, "")
    assert "10 refuted" in told[-1][1]


def test_a_better_second_objective_counts_where_the_first_is_equal_and_free_of_noise() -> None:
    search = trials(surprise=0.0)
    seed = replace(scored(0, 1.0), gains=(1.0, 0.0))
    search.tell(seed)
    for step, value in enumerate((1.0, -1.0, 0.5, -0.5), start=1):
        search.tell(replace(again(step, 0, 1.0), gains=(1.0, value)))
    assert search.tell(replace(scored(10, 1.0), gains=(1.0, 9.0)))[1] == "on trial"
    told = [search.tell(replace(again(11 + turn, 10, 1.0), gains=(1.0, 7.0))) for turn in range(4)]
    assert any(placement is Placement.IMPROVED for placement, _ in told)


# ── too good to believe ───────────────────────────────────────────────────────────────────────
def improved(**settings: Any) -> Trials:
    """Return a search without noise after six improvements by 1."""
    search = trials(watch_share=0.0, **settings)
    for step in range(7):
        search.tell(scored(step, float(step), parent=max(0, step - 1)))
    search.tell(again(7, 0, 0.0))
    return search


def test_a_score_far_ahead_waits_until_it_came_again() -> None:
    search = improved()
    assert search.tell(scored(10, 60.0)) == (Placement.NOT_PLACED, "on trial: its score is too good to believe")
    assert wishes(search) == {(10, RESCORE)}
    assert search.tell(again(11, 10, 60.0)) == (Placement.IMPROVED, "2 (10)")


def test_a_score_far_ahead_that_fails_is_quarantined_with_its_children() -> None:
    search = improved()
    search.tell(scored(10, 60.0))
    assert search.tell(again(11, 10, 0.0, outcome=Outcome.INVALID))[1] == "10 quarantined: its score did not come again"
    placement, words = search.tell(scored(12, 61.0, parent=10))
    assert not placement and "quarantined" in words
    best = search.best()
    assert best is not None and best.step == 6


@pytest.mark.parametrize(("theirs", "accepted"), [(0.5, True), (2.0, False)])
def test_with_a_sealed_stage_both_are_judged_there(theirs: float, accepted: bool) -> None:
    search = improved(sealed=True)
    search.tell(scored(10, 60.0))
    assert search.tell(again(11, 10, 60.0)) == (Placement.NOT_PLACED, "")
    assert wishes(search) == {(10, AUDIT), (6, AUDIT)}
    search.tell(again(12, 10, 1.0, AUDIT))
    placement, words = search.tell(again(13, 6, theirs, AUDIT))
    assert bool(placement) == accepted
    assert ("quarantined" in words) != accepted


def test_what_beats_the_best_known_value_is_audited_once() -> None:
    search = trials(known=2.0, watch_share=0.0)
    search.tell(scored(0, 1.0))
    search.tell(again(1, 0, 1.0))
    assert "too good" in search.tell(scored(2, 2.5))[1]
    search.tell(again(3, 2, 2.5))
    assert search.tell(scored(4, 2.4, parent=2))[0] is Placement.NOT_PLACED
    assert "too good" in search.tell(scored(5, 2.6, parent=2))[1]


@pytest.mark.parametrize(("value", "too_good"), [(4.0, False), (9.0, True)])
def test_where_scores_are_noisy_it_is_by_chance_that_some_beat_the_best_known_value(
    value: float, too_good: bool
) -> None:
    search = noisy_trials(known=3.0)
    assert ("too good" in search.tell(scored(10, value))[1]) == too_good


# ── a pure fold ───────────────────────────────────────────────────────────────────────────────
def test_telling_a_history_again_gives_the_same_state_and_answers() -> None:
    live, world, history = trials(islands), Steps(np.random.default_rng(3)), []
    history.append(replace(scored(0, world.score(0)), features=(0.5,)))
    places = [live.tell(history[0])]
    for step in range(1, 300):
        history.append(world.attempt(step, live.ask(np.random.default_rng(step))))
        places.append(live.tell(history[-1]))
    replayed = trials(islands)
    assert [replayed.tell(item) for item in history] == places
    assert replayed.best() == live.best() and list(replayed.front()) == list(live.front())
    assert replayed.status() == live.status()
    assert [_ask(replayed, draw) for draw in range(50)] == [_ask(live, draw) for draw in range(50)]


def _ask(search: Search, draw: int) -> tuple[Choice, str]:
    choice = search.ask(np.random.default_rng(draw))
    return choice, choice.wants


@pytest.mark.parametrize("wrong", [{"share": 1.0}, {"held": 0}, {"false_share": 0.0}, {"margin": -1.0}, {"breed": 1.5}])
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="noise"):
        trials(**wrong)
