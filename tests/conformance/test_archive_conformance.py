"""What every Archive promises, whatever it keeps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.domain.evaluation import Outcome, Scored
from evolve.domain.objective import Feature, dominates
from evolve.domain.proposal import Placement
from evolve.interfaces import Archive
from evolve.search.grid import GridArchive
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
    "grid": lambda: GridArchive(features=FEATURES),
    "pareto": ParetoFront,
    "several": several,
    "signatures": lambda: SignatureClusters(features=FEATURES, clusters=100, members=3),
}

gains = st.tuples(st.integers(0, 4).map(float), st.integers(0, 4).map(float))
features = st.tuples(st.floats(-5, 15), st.floats(-1, 2))
histories = st.lists(st.tuples(gains, features), min_size=1, max_size=25).map(
    lambda rows: [
        Scored(step, 0, (), "test", Outcome.VALID, row_gains, row_features)
        for step, (row_gains, row_features) in enumerate(rows)
    ]
)
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
    assert max(scored.gains for scored in history) in [elite.gains for elite in elites]


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
def test_the_gains_of_the_elites_do_not_depend_on_the_order_of_offers(
    make: Callable[[], Archive], history: list[Scored], random: Random
) -> None:
    shuffled = list(history)
    random.shuffle(shuffled)
    first, second = filled(make, history).elites(), filled(make, shuffled).elites()
    assert {elite.gains for elite in first} == {elite.gains for elite in second}
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
            assert not dominates(gone.gains, scored.gains)
