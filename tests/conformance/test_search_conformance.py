"""What every Search promises. Each preset under conf/search is tested; odd settings are added here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf

from evolve.domain.evaluation import Outcome, Scored
from evolve.domain.objective import Feature, dominates
from evolve.domain.proposal import Choice, Placement
from evolve.errors import SeedNotValid
from evolve.interfaces import Search
from evolve.search.controls import Control
from evolve.search.islands import IslandSearch
from evolve.search.parents import RankedParents

FEATURES = (Feature("a", 0, 1, 4), Feature("b", 0, 1, 4))
PRESETS = Path(__file__).parents[2] / "conf" / "search"
FAILURES = [outcome for outcome in Outcome if outcome is not Outcome.VALID]
STEPS = 250


def preset(path: Path) -> Callable[[], Search]:
    def make() -> Search:
        search: Search = instantiate(OmegaConf.load(path), _partial_=True)(features=FEATURES)
        return search

    return make


def small_islands() -> Search:
    return IslandSearch(
        features=FEATURES,
        parents=RankedParents(exploit=0.5, top=2.0),
        islands=3,
        migration_interval=1,
        migrants=5,
        inspirations=6,
        top_inspirations=2,
    )


def on_trial() -> Search:
    """Return a search that takes every score as it comes, behind trials that are off."""
    path = PRESETS.parent / "noise" / "off.yaml"
    search: Search = instantiate(OmegaConf.load(path), _partial_=True)(search=small_islands())
    return search


SEARCHES: dict[str, Callable[[], Search]] = {
    **{path.stem: preset(path) for path in sorted(PRESETS.glob("*.yaml"))},
    "small_islands": small_islands,
    "behind_trials_that_are_off": on_trial,
}


@pytest.fixture(params=SEARCHES)
def make(request: pytest.FixtureRequest) -> Callable[[], Search]:
    return SEARCHES[request.param]


def seed() -> Scored:
    return Scored(0, 0, (), "seed", Outcome.VALID, (0.0, 0.0), (0.5, 0.5))


def outcome_of(step: int, choice: Choice, rng: np.random.Generator) -> Scored:
    """An attempt that fails one time in three, with coarse gains so that there are ties."""
    parents = (choice.parent, *choice.inspirations)
    if rng.random() < 1 / 3:
        return Scored(step, choice.island, parents, "test", FAILURES[int(rng.integers(len(FAILURES)))])
    first, second = rng.integers(0, 12, size=2)
    a, b = rng.random(2)
    return Scored(
        step, choice.island, parents, "test", Outcome.VALID, (float(first), float(second)), (float(a), float(b))
    )


def live_run(search: Search, steps: int = STEPS, in_flight: int = 3) -> Iterator[tuple[Choice, Scored]]:
    """Run a search with several attempts in flight that end out of order; yield as each is told."""
    world = np.random.default_rng(7)
    search.tell(seed())
    pending: list[tuple[Choice, Scored]] = []
    for step in range(1, steps):
        choice = search.ask(np.random.default_rng([1, step]))
        pending.append((choice, outcome_of(step, choice, world)))
        if len(pending) > in_flight:
            choice, scored = pending.pop(int(world.integers(len(pending))))
            search.tell(scored)
            yield choice, scored


def answers(search: Search) -> list[Choice]:
    return [search.ask(np.random.default_rng([2, draw])) for draw in range(40)]


def state(search: Search) -> object:
    return search.best(), list(search.front()), dict(search.status()), answers(search)


def test_asking_before_the_seed_says_what_is_missing(make: Callable[[], Search]) -> None:
    search = make()
    assert search.best() is None
    assert list(search.front()) == []
    search.tell(Scored(0, 0, (), "seed", Outcome.CRASHED))
    with pytest.raises(SeedNotValid, match="seed"):
        search.ask(np.random.default_rng(0))


def test_with_only_the_seed_told_it_is_every_parent(make: Callable[[], Search]) -> None:
    search = make()
    placement, cell = search.tell(seed())
    assert placement is Placement.NEW
    assert cell
    assert search.best() == seed()
    assert list(search.front()) == [seed()]
    assert {(choice.parent, choice.inspirations) for choice in answers(search)} == {(0, ())}


def test_equal_histories_give_equal_answers(make: Callable[[], Search]) -> None:
    first, second = make(), make()
    assert list(live_run(first)) == list(live_run(second))
    assert state(first) == state(second)


def test_replaying_the_tells_alone_gives_the_live_state(make: Callable[[], Search]) -> None:
    live, replayed = make(), make()
    history = [seed(), *(scored for _, scored in live_run(live))]
    places = [replayed.tell(scored) for scored in history]
    assert state(replayed) == state(live)
    again = make()
    assert [again.tell(scored) for scored in history] == places


def test_a_resumed_run_goes_on_as_if_it_had_not_stopped(make: Callable[[], Search]) -> None:
    whole = list(live_run(make()))
    search, told = make(), [seed(), *(scored for _, scored in whole)]
    for scored in told[: STEPS // 2]:
        search.tell(scored)
    search.ask(np.random.default_rng(3))
    resumed = make()
    for scored in told[: STEPS // 2]:
        resumed.tell(scored)
    for scored in told[STEPS // 2 :]:
        assert resumed.tell(scored) == search.tell(scored)
        assert resumed.ask(np.random.default_rng([4, scored.step])) == search.ask(
            np.random.default_rng([4, scored.step])
        )


def test_asking_draws_only_from_the_generator_and_changes_nothing(make: Callable[[], Search]) -> None:
    search = make()
    list(live_run(search))
    before = state(search)
    for draw in range(50):
        search.ask(np.random.default_rng(draw))
    assert state(search) == before


def test_parents_and_inspirations_were_told_valid_and_differ(make: Callable[[], Search]) -> None:
    search, valid = make(), {0}
    told = live_run(search)
    for _, scored in told:
        if scored.valid:
            valid.add(scored.step)
        choice = search.ask(np.random.default_rng([5, scored.step]))
        assert choice.parent in valid
        assert set(choice.inspirations) <= valid - {choice.parent}
        assert len(set(choice.inspirations)) == len(choice.inspirations)


def test_inspirations_come_best_first(make: Callable[[], Search]) -> None:
    search, gains = make(), {0: seed().gains}
    for _, scored in live_run(search):
        if scored.valid:
            gains[scored.step] = scored.gains
    for choice in answers(search):
        shown = [gains[step] for step in choice.inspirations]
        assert shown == sorted(shown, reverse=True)


def test_islands_are_within_what_status_says(make: Callable[[], Search]) -> None:
    search = make()
    islands = {choice.island for choice, _ in live_run(search)}
    assert islands == set(range(int(search.status()["islands"])))


def test_failures_get_no_place_and_leave_best_and_front_alone(make: Callable[[], Search]) -> None:
    search = make()
    search.tell(seed())
    for step, outcome in enumerate(FAILURES, start=1):
        placed = search.tell(Scored(step, 0, (0,), "test", outcome))
        assert placed == (Placement.NOT_PLACED, "")
    assert search.best() == seed()
    assert list(search.front()) == [seed()]
    assert search.status()["failed"] == len(FAILURES)


def test_best_is_the_best_valid_program_told_and_ties_go_to_the_earlier_step(make: Callable[[], Search]) -> None:
    search, told = make(), [seed()]
    for _, scored in live_run(search):
        if scored.valid:
            told.append(scored)
        best = search.best()
        assert best == max(told, key=lambda program: (program.gains, -program.step))


def test_front_is_the_non_dominated_set_best_first(make: Callable[[], Search]) -> None:
    search = make()
    told = [seed(), *(scored for _, scored in live_run(search) if scored.valid)]
    front = search.front()
    expected = {scored.gains for scored in told if not any(dominates(other.gains, scored.gains) for other in told)}
    assert [program.gains for program in front] == sorted(expected, reverse=True)
    assert front[0] == search.best()


def test_a_rival_is_whom_a_program_would_displace(make: Callable[[], Search]) -> None:
    search, displaced = make(), 0
    search.tell(seed())
    for _, scored in live_run(make()):
        before = state(search)
        rival = search.rival(scored) if scored.valid else None
        assert state(search) == before, "asking changed something"
        placement, _ = search.tell(scored)
        if rival is not None:
            displaced += 1
            assert placement is Placement.IMPROVED
            assert rival.step != scored.step and not dominates(rival.gains, scored.gains)
    assert displaced or isinstance(search, Control)


def test_corrected_gains_are_those_of_the_best(make: Callable[[], Search]) -> None:
    search = make()
    for _ in live_run(search):
        pass
    best = search.best()
    assert best is not None
    higher = replace(best, gains=(best.gains[0] + 5, best.gains[1] + 5))
    search.correct(higher)
    assert search.best() == higher and list(search.front()) == [higher]
    before = state(search)
    search.correct(replace(higher, step=10_000, gains=(99.0, 99.0)))
    assert state(search) == before, "a program that was never told was taken in"


def test_a_place_has_a_cell_and_no_place_has_none(make: Callable[[], Search]) -> None:
    search = make()
    places = [search.tell(seed()), *(search.tell(scored) for _, scored in live_run(make()))]
    assert all(bool(placement) == bool(cell) for placement, cell in places)
    assert {placement for placement, _ in places} == set(Placement)


@pytest.mark.parametrize("path", sorted(PRESETS.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_problem_without_features_is_searched_too(path: Path) -> None:
    search: Search = instantiate(OmegaConf.load(path), _partial_=True)(features=())
    rising = [Scored(step, 0, (0,), "test", Outcome.VALID, (float(step),), ()) for step in range(5)]
    for scored in rising:
        assert search.tell(scored)[0]
    assert search.best() == rising[-1]
    assert search.ask(np.random.default_rng(0)).parent in range(5)
