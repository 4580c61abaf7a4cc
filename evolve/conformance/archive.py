"""What every Archive promises, whatever it keeps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evolve.domain.evaluation import Outcome, Scored
from evolve.domain.objective import Feature, constrained_dominates, merit
from evolve.domain.proposal import Placement
from evolve.domain.shape import SHAPE_NAMES
from evolve.interfaces import Archive

FEATURES = (Feature("lines", 0, 10, 3), Feature("speed", 0, 1, 2))
MakeArchive = Callable[[Sequence[Feature]], Archive]

gains = st.tuples(st.integers(0, 4).map(float), st.integers(0, 4).map(float))
features = st.tuples(st.floats(-5, 15), st.floats(-1, 2))
violations = st.sampled_from([0.0, 0.0, 0.0, 0.5, 2.0])
instances = st.dictionaries(st.sampled_from("abc"), st.integers(0, 3).map(float))
shapes = st.just(()) | st.tuples(*[st.integers(0, 40).map(float)] * len(SHAPE_NAMES))
rows = st.lists(st.tuples(gains, features, violations, instances, shapes), min_size=1, max_size=25)
SEED_SHAPE = (9.0,) * len(SHAPE_NAMES)


def history_of(rows: list[tuple[Any, ...]]) -> list[Scored]:
    """Programs of which the first, the seed, has a shape."""
    return [
        Scored(
            step, 0, (), "test", Outcome.VALID, gains, features,
            violation=violation, per_instance=instances, shape=shape if step else SEED_SHAPE,
        )
        for step, (gains, features, violation, instances, shape) in enumerate(rows)
    ]  # fmt: skip


histories = rows.map(history_of)
quick = settings(
    max_examples=60,
    deadline=None,
    # What a fixture gives makes new archives, and classes that inherit a test each run it with their own.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
)


def filled(make: Callable[[], Archive], history: Sequence[Scored]) -> Archive:
    archive = make()
    for scored in history:
        archive.add(scored)
    return archive


class ArchiveSuite:
    """What every Archive promises. A class of yours says how one is made."""

    same_size_in_any_order = True
    """Whether the number of members does not depend on the order of offers."""

    @pytest.fixture
    def make_archive(self) -> MakeArchive:
        """Return what makes an empty archive for programs with these features."""
        raise NotImplementedError("Override the fixture make_archive in your class.")

    @pytest.fixture
    def make(self, make_archive: MakeArchive) -> Callable[[], Archive]:
        return lambda: make_archive(FEATURES)

    def may_displace(self, scored: Scored, better: Scored) -> bool:
        """Whether this archive may give the place of a program to one that it dominates."""
        return False

    @given(history=histories)
    @quick
    def test_the_best_program_ever_offered_is_an_elite(
        self, make: Callable[[], Archive], history: list[Scored]
    ) -> None:
        elites = filled(make, history).elites()
        assert max(map(merit, history)) in [merit(elite) for elite in elites]

    @given(history=histories)
    @quick
    def test_a_program_is_an_elite_right_after_it_was_placed_and_only_then(
        self, make: Callable[[], Archive], history: list[Scored]
    ) -> None:
        archive = make()
        for scored in history:
            before = archive.elites()
            placement, cell = archive.add(scored)
            after = archive.elites()
            assert bool(placement) == bool(cell) == (scored in after)
            gone = [elite for elite in before if elite not in after]
            assert bool(gone) == (placement is Placement.IMPROVED)
            if not placement:
                assert after == before

    @given(history=histories)
    @quick
    def test_offering_everything_again_changes_nothing(
        self, make: Callable[[], Archive], history: list[Scored]
    ) -> None:
        archive = filled(make, history)
        before = archive.elites()
        for elite in before:
            assert archive.add(elite) == (Placement.NOT_PLACED, "")
        assert filled(make, [*history, *history]).elites() == archive.elites() == before

    @given(history=histories, random=st.randoms(use_true_random=False))
    @quick
    def test_the_merits_of_the_elites_do_not_depend_on_the_order_of_offers_after_the_seed(
        self, make: Callable[[], Archive], history: list[Scored], random: Random
    ) -> None:
        shuffled = history[1:]
        random.shuffle(shuffled)
        shuffled.insert(0, history[0])
        first, second = filled(make, history).elites(), filled(make, shuffled).elites()
        assert set(map(merit, first)) == set(map(merit, second))
        if self.same_size_in_any_order:
            assert len(first) == len(second)

    @given(history=histories)
    @quick
    def test_a_displaced_elite_is_not_better_than_what_took_its_place(
        self, make: Callable[[], Archive], history: list[Scored]
    ) -> None:
        archive = make()
        for scored in history:
            before = archive.elites()
            archive.add(scored)
            for gone in [elite for elite in before if elite not in archive.elites()]:
                assert not constrained_dominates(gone, scored) or self.may_displace(scored, gone)

    @given(history=histories)
    @quick
    def test_its_length_is_the_number_of_its_elites_and_each_comes_once(
        self, make: Callable[[], Archive], history: list[Scored]
    ) -> None:
        archive = filled(make, history)
        steps = [elite.step for elite in archive.elites()]
        assert len(archive) == len(steps) == len(set(steps))

    @given(history=histories)
    @quick
    def test_a_program_never_displaces_one_that_breaks_the_constraints_less(
        self, make: Callable[[], Archive], history: list[Scored]
    ) -> None:
        archive = make()
        for scored in history:
            before = archive.elites()
            archive.add(scored)
            after = archive.elites()
            assert all(gone.violation >= scored.violation for gone in before if gone not in after)
