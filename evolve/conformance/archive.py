"""What every Archive promises, whatever it keeps."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.domain.evaluation import Outcome, Scored
from evolve.domain.objective import Feature, constrained_dominates, merit
from evolve.domain.proposal import Placement
from evolve.domain.shape import SHAPE_NAMES
from evolve.interfaces import Archive
from evolve.search.cvt import CVTArchive
from evolve.search.grid import GridArchive
from evolve.search.instances import InstanceWinners
from evolve.search.pareto import ParetoFront
from evolve.search.several import SeveralArchives
from evolve.search.signatures import SignatureClusters

FEATURES = (Feature("lines", 0, 10, 3), Feature("speed", 0, 1, 2))


def several() -> Archive:
    return SeveralArchives(
        features=FEATURES,
        archives={
            "grid": GridArchive,
            "clusters": partial(SignatureClusters, clusters=100, members=2),
        },
    )


ARCHIVES: dict[str, Callable[[], Archive]] = {
    "grid": partial(GridArchive, features=FEATURES),
    "pareto": partial(ParetoFront, features=FEATURES),
    "instances": partial(InstanceWinners, features=FEATURES),
    "cvt_features": partial(CVTArchive, features=FEATURES, cells=5, axes="features", seed=0),
    "cvt_shape": partial(CVTArchive, features=FEATURES, cells=9, axes="shape", seed=1),
    "cvt_both": partial(CVTArchive, features=FEATURES, cells=9, axes="both", seed=2),
    "several": several,
    "signatures": partial(SignatureClusters, features=FEATURES, clusters=100, members=3),
}

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
every_archive = pytest.mark.parametrize("make", ARCHIVES.values(), ids=ARCHIVES)
quick = settings(max_examples=60, deadline=None)


def filled(make: Callable[[], Archive], history: Sequence[Scored]) -> Archive:
    archive = make()
    for scored in history:
        archive.add(scored)
    return archive


@every_archive
@given(history=histories)
@quick
def test_the_best_program_ever_offered_is_an_elite(make: Callable[[], Archive], history: list[Scored]) -> None:
    elites = filled(make, history).elites()
    assert max(map(merit, history)) in [merit(elite) for elite in elites]


@every_archive
@given(history=histories)
@quick
def test_a_program_is_an_elite_right_after_it_was_placed_and_only_then(
    make: Callable[[], Archive], history: list[Scored]
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


@every_archive
@given(history=histories)
@quick
def test_offering_everything_again_changes_nothing(make: Callable[[], Archive], history: list[Scored]) -> None:
    archive = filled(make, history)
    before = archive.elites()
    for elite in before:
        assert archive.add(elite) == (Placement.NOT_PLACED, "")
    assert filled(make, [*history, *history]).elites() == archive.elites() == before


@every_archive
@given(history=histories, random=st.randoms(use_true_random=False))
@quick
def test_the_merits_of_the_elites_do_not_depend_on_the_order_of_offers_after_the_seed(
    make: Callable[[], Archive], history: list[Scored], random: Random
) -> None:
    shuffled = history[1:]
    random.shuffle(shuffled)
    shuffled.insert(0, history[0])
    first, second = filled(make, history).elites(), filled(make, shuffled).elites()
    assert set(map(merit, first)) == set(map(merit, second))
    if make is not several:  # of equal programs, one archive may hold another one than the next
        assert len(first) == len(second)


@every_archive
@given(history=histories)
@quick
def test_a_displaced_elite_is_not_better_than_what_took_its_place(
    make: Callable[[], Archive], history: list[Scored]
) -> None:
    archive = make()
    for scored in history:
        before = archive.elites()
        archive.add(scored)
        for gone in [elite for elite in before if elite not in archive.elites()]:
            better_on = [name for name in "abc" if score(scored, name) > score(gone, name)]
            assert better_on or isinstance(archive, SeveralArchives) or not constrained_dominates(gone, scored)
            if not isinstance(archive, InstanceWinners | SeveralArchives):  # one of the latter may go by length
                assert not constrained_dominates(gone, scored)


def score(scored: Scored, instance: str) -> float:
    return scored.per_instance.get(instance, -math.inf)


@every_archive
@given(history=histories)
@quick
def test_its_length_is_the_number_of_its_elites_and_each_comes_once(
    make: Callable[[], Archive], history: list[Scored]
) -> None:
    archive = filled(make, history)
    steps = [elite.step for elite in archive.elites()]
    assert len(archive) == len(steps) == len(set(steps))


@every_archive
@given(history=histories)
@quick
def test_a_program_never_displaces_one_that_breaks_the_constraints_less(
    make: Callable[[], Archive], history: list[Scored]
) -> None:
    archive = make()
    for scored in history:
        before = archive.elites()
        archive.add(scored)
        after = archive.elites()
        assert all(gone.violation >= scored.violation for gone in before if gone not in after)
