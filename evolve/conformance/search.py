"""What every Search promises."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import pytest

from evolve.domain.evaluation import Outcome, Scored
from evolve.domain.objective import Feature, constrained_dominates, merit
from evolve.domain.proposal import Choice, Placement
from evolve.domain.shape import SHAPE_NAMES
from evolve.errors import SeedNotValid
from evolve.interfaces import Search

FEATURES = (Feature("a", 0, 1, 4), Feature("b", 0, 1, 4))
INSTANCES = ("x", "y", "z")
FAILURES = [outcome for outcome in Outcome if outcome is not Outcome.VALID]
STEPS = 250
MakeSearch = Callable[[Sequence[Feature]], Search]


def seed() -> Scored:
    scores, shape = dict.fromkeys(INSTANCES, 0.0), (20.0,) * len(SHAPE_NAMES)
    return Scored(0, 0, (), "seed", Outcome.VALID, (0.0, 0.0), (0.5, 0.5), per_instance=scores, shape=shape)


def outcome_of(step: int, choice: Choice, rng: np.random.Generator) -> Scored:
    """An attempt that fails one time in three and breaks constraints now and then; ties are common."""
    parents = (choice.parent, *choice.inspirations)
    if rng.random() < 1 / 3:
        return Scored(step, choice.island, parents, "test", FAILURES[int(rng.integers(len(FAILURES)))])
    first, second = map(float, rng.integers(0, 12, size=2))
    return Scored(
        step,
        choice.island,
        parents,
        "test",
        Outcome.VALID,
        (first, second),
        tuple(map(float, rng.random(2))),
        violation=0.5 * float(rng.integers(0, 3)) if rng.random() < 1 / 4 else 0.0,
        per_instance=dict(zip(INSTANCES, map(float, rng.integers(0, 9, size=3)), strict=True)),
        shape=tuple(map(float, rng.integers(1, 60, size=len(SHAPE_NAMES)))),
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


class SearchSuite:
    """What every Search promises. A class of yours says how one is made."""

    @pytest.fixture
    def make_search(self) -> MakeSearch:
        """Return what makes a search for a problem with these features."""
        raise NotImplementedError("Override the fixture make_search in your class.")

    @pytest.fixture
    def make(self, make_search: MakeSearch) -> Callable[[], Search]:
        return lambda: make_search(FEATURES)

    def test_asking_before_the_seed_says_what_is_missing(self, make: Callable[[], Search]) -> None:
        search = make()
        assert search.best() is None
        assert list(search.front()) == []
        search.tell(Scored(0, 0, (), "seed", Outcome.CRASHED))
        with pytest.raises(SeedNotValid, match="seed"):
            search.ask(np.random.default_rng(0))

    def test_with_only_the_seed_told_it_is_every_parent(self, make: Callable[[], Search]) -> None:
        search = make()
        placement, cell = search.tell(seed())
        assert placement is Placement.NEW
        assert cell
        assert search.best() == seed()
        assert list(search.front()) == [seed()]
        assert {(choice.parent, choice.inspirations) for choice in answers(search)} == {(0, ())}

    def test_equal_histories_give_equal_answers(self, make: Callable[[], Search]) -> None:
        first, second = make(), make()
        assert list(live_run(first)) == list(live_run(second))
        assert state(first) == state(second)

    def test_replaying_the_tells_alone_gives_the_live_state(self, make: Callable[[], Search]) -> None:
        live, replayed = make(), make()
        history = [seed(), *(scored for _, scored in live_run(live))]
        places = [replayed.tell(scored) for scored in history]
        assert state(replayed) == state(live)
        again = make()
        assert [again.tell(scored) for scored in history] == places

    def test_a_resumed_run_goes_on_as_if_it_had_not_stopped(self, make: Callable[[], Search]) -> None:
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

    def test_asking_draws_only_from_the_generator_and_changes_nothing(self, make: Callable[[], Search]) -> None:
        search = make()
        list(live_run(search))
        before = state(search)
        for draw in range(50):
            search.ask(np.random.default_rng(draw))
        assert state(search) == before

    def test_parents_and_inspirations_were_told_valid_and_differ(self, make: Callable[[], Search]) -> None:
        search, valid = make(), {0}
        told = live_run(search)
        for _, scored in told:
            if scored.valid:
                valid.add(scored.step)
            choice = search.ask(np.random.default_rng([5, scored.step]))
            assert choice.parent in valid
            assert set(choice.inspirations) <= valid - {choice.parent}
            assert len(set(choice.inspirations)) == len(choice.inspirations)

    def test_inspirations_come_best_first_or_all_rise_towards_the_parent(self, make: Callable[[], Search]) -> None:
        search, merits = make(), {0: merit(seed())}
        for _, scored in live_run(search):
            if scored.valid:
                merits[scored.step] = merit(scored)
        for choice in answers(search):
            shown = [merits[step] for step in choice.inspirations]
            rising = [*shown, merits[choice.parent]]
            assert shown == sorted(shown, reverse=True) or rising == sorted(rising)

    def test_islands_are_within_what_status_says(self, make: Callable[[], Search]) -> None:
        search = make()
        islands = {choice.island for choice, _ in live_run(search)}
        known = int(search.status()["islands"])
        assert islands <= set(range(known))
        assert len(islands) > known / 2  # one that has just begun may not have been asked yet

    def test_failures_get_no_place_and_leave_best_and_front_alone(self, make: Callable[[], Search]) -> None:
        search = make()
        search.tell(seed())
        for step, outcome in enumerate(FAILURES, start=1):
            placed = search.tell(Scored(step, 0, (0,), "test", outcome))
            assert placed == (Placement.NOT_PLACED, "")
        assert search.best() == seed()
        assert list(search.front()) == [seed()]
        assert search.status()["failed"] == len(FAILURES)

    def test_best_is_the_best_valid_program_told_and_ties_go_to_the_earlier_step(
        self, make: Callable[[], Search]
    ) -> None:
        search, told = make(), [seed()]
        for _, scored in live_run(search):
            if scored.valid:
                told.append(scored)
            best = search.best()
            assert best == max(told, key=lambda program: (merit(program), -program.step))

    def test_front_is_the_non_dominated_set_best_first(self, make: Callable[[], Search]) -> None:
        search = make()
        told = [seed(), *(scored for _, scored in live_run(search) if scored.valid)]
        front = search.front()
        expected = {merit(scored) for scored in told if not any(constrained_dominates(other, scored) for other in told)}
        assert [merit(program) for program in front] == sorted(expected, reverse=True)
        assert front[0] == search.best()

    def test_a_feasible_program_comes_before_all_that_break_constraints(self, make: Callable[[], Search]) -> None:
        search = make()
        rows = [(1.0, 9.0), (0.5, 1.0), (0.5, 5.0), (0.0, 0.0), (0.0, 1.0), (0.2, 99.0)]
        told = [
            Scored(step, 0, (0,), "test", Outcome.VALID, (gain, gain), (0.5, 0.5), violation=violation)
            for step, (violation, gain) in enumerate(rows)
        ]
        leaders = []
        for scored in told:
            search.tell(scored)
            best = search.best()
            assert best is not None
            assert list(search.front()) == [best]
            leaders.append(best.step)
        assert leaders == [0, 1, 2, 3, 4, 4]

    def test_hypervolume_is_measured_from_the_declared_reference_or_the_seed(self, make: Callable[[], Search]) -> None:
        for reference, volume in (((-1.0, -1.0), 8.0), ((), 3.0)):
            search = make()
            search.tell(replace(seed(), reference=reference))
            for step, gains in enumerate([(3.0, 1.0), (4.0, -0.5), (1.0, 0.5)], start=1):
                search.tell(Scored(step, 0, (0,), "test", Outcome.VALID, gains, (0.5, 0.5)))
            search.tell(Scored(9, 0, (0,), "test", Outcome.VALID, (9.0, 9.0), (0.5, 0.5), violation=1.0))
            assert search.status()["hypervolume"] == pytest.approx(volume + (0.5 if reference else 0.0))

    def test_a_rival_is_whom_a_program_would_displace(self, make: Callable[[], Search]) -> None:
        search, displaced = make(), 0
        search.tell(seed())
        for _, scored in live_run(make()):
            before = state(search)
            rival = search.rival(scored) if scored.valid else None
            assert state(search) == before, "asking changed something"
            placement, _ = search.tell(scored)
            if rival is not None:
                displaced += 1
                assert placement  # IMPROVED, unless the rival keeps another place
                assert rival.step != scored.step and not constrained_dominates(rival, scored)
        assert displaced or search.rival(scored) is None

    def test_corrected_gains_are_those_of_the_best(self, make: Callable[[], Search]) -> None:
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

    def test_a_place_has_a_cell_and_no_place_has_none(self, make: Callable[[], Search]) -> None:
        search = make()
        places = [search.tell(seed()), *(search.tell(scored) for _, scored in live_run(make()))]
        assert all(bool(placement) == bool(cell) for placement, cell in places)
        assert {placement for placement, _ in places} >= {Placement.NOT_PLACED, Placement.NEW}

    def test_a_problem_without_features_is_searched_too(self, make_search: MakeSearch) -> None:
        search = make_search(())
        rising = [Scored(step, 0, (0,), "test", Outcome.VALID, (float(step),), ()) for step in range(5)]
        for scored in rising:
            assert search.tell(scored)[0]
        assert search.best() == rising[-1]
        assert "hypervolume" not in search.status(), "one objective has none"
        assert search.ask(np.random.default_rng(0)).parent in range(5)
