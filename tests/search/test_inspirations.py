from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.errors import ConfigurationError
from evolve.search.inspirations import (
    BestShot,
    Contrast,
    Inspired,
    Past,
    Showing,
    Shown,
    Trajectory,
    choose_inspirations,
)

NOTHING = Past([], lambda _: [], lambda _: [])


def past(records: list[int], **others: list[int]) -> Past:
    """``of_7`` are the worse children of 7, ``apart_7`` those that 7 cannot be compared with."""
    return Past(records, lambda step: others.get(f"of_{step}", []), lambda step: others.get(f"apart_{step}", []))


@given(size=st.integers(1, 12), count=st.integers(0, 8), top=st.integers(0, 8), seed=st.integers(0, 99), data=st.data())
@settings(max_examples=150, deadline=None)
def test_inspirations_are_the_top_and_others_without_the_parent_best_first(
    size: int, count: int, top: int, seed: int, data: st.DataObject
) -> None:
    ranked = [100 + 7 * position for position in range(size)]
    parent = data.draw(st.integers(0, size - 1))
    chosen = choose_inspirations(ranked, parent, np.random.default_rng(seed), count=count, top=top)
    others = [step for step in ranked if step != ranked[parent]]
    assert len(chosen) == min(count, len(others))
    assert list(chosen) == [step for step in others if step in chosen]
    assert list(chosen[: min(top, count)]) == others[: min(top, count)]


@pytest.mark.parametrize("count", [1, 2, 4])
def test_the_drawn_ones_are_equally_likely(count: int) -> None:
    rng, draws = np.random.default_rng(0), 6000
    seen = Counter(step for _ in range(draws) for step in choose_inspirations(range(8), 3, rng, count=count + 1, top=1))
    assert seen.pop(0) == draws
    assert set(seen) == {1, 2, 4, 5, 6, 7}
    for times in seen.values():
        assert times / draws == pytest.approx(count / 6, abs=0.04)


def test_a_best_shot_prompt_rises_towards_its_parent() -> None:
    ranked, cumulative = [7, 3, 9, 1], np.array([0.4, 0.7, 0.9, 1.0])
    seen = set()
    for draw in range(200):
        shown = BestShot(programs=3).choose(ranked, cumulative, NOTHING, np.random.default_rng(draw))
        rising = [*shown.inspirations, shown.parent]
        assert [ranked.index(step) for step in rising] == sorted((ranked.index(s) for s in rising), reverse=True)
        assert len(set(rising)) == 3
        seen.add(tuple(rising))
    assert len(seen) == 4


def test_best_shot_prompts_take_programs_with_a_chance_alone() -> None:
    shown = BestShot(programs=3).choose([7, 3, 9], np.array([0.0, 1.0, 1.0]), NOTHING, np.random.default_rng(0))
    assert shown == Shown(3, ())


def test_a_trajectory_is_the_best_and_what_was_it_before() -> None:
    rng = np.random.default_rng(0)
    leader, other = np.array([1.0, 1.0, 1.0]), np.array([0.0, 0.0, 1.0])
    assert Trajectory(count=2).choose([7, 3, 9], leader, past([5, 4, 2]), rng) == Shown(7, (5, 4))
    assert Trajectory(count=2).choose([7, 3, 9], other, past([5, 4, 2]), rng) == Shown(9, (7, 5))
    assert Trajectory(count=3).choose([7, 3, 9], other, past([9]), rng) == Shown(9, (7,))


def test_a_contrast_is_nothing_that_dominates_the_parent() -> None:
    leader, other = np.array([1.0, 1.0, 1.0]), np.array([0.0, 0.0, 1.0])
    known = past([5, 4], of_7=[11, 12, 13], of_9=[5])
    rng = np.random.default_rng(0)
    drawn = [Contrast(records=1, worse=1).choose([7, 3, 9], leader, known, rng) for _ in range(60)]
    assert {shown.parent for shown in drawn} == {7}
    assert {shown.inspirations for shown in drawn} == {(5, 11), (5, 12), (5, 13)}
    assert Contrast(records=2, worse=0).choose([7, 3, 9], leader, known, rng) == Shown(7, (5, 4))
    assert Contrast(records=1, worse=2).choose([7, 3, 9], other, known, rng) == Shown(9, (5,))
    assert Contrast(records=1, worse=1).choose([7, 3, 9], leader, past([5], of_7=[5]), rng) == Shown(7, (5,))
    apart = past([5], of_9=[5], apart_9=[7, 2])
    assert Contrast(records=1, worse=1).choose([7, 3, 9], other, apart, rng) == Shown(9, (7, 5))
    assert Contrast(records=1, worse=1).beside([7, 3, 9], 4, rng) == Shown(4, ())


@pytest.mark.parametrize("showing", [Inspired(count=2, top=1), Trajectory(count=2), BestShot(programs=3)])
def test_beside_a_parent_from_elsewhere_stand_two_others(showing: Showing) -> None:
    for parent in (3, 100):
        shown = showing.beside([7, 3, 9, 1], parent, np.random.default_rng(0))
        assert shown.parent == parent
        assert len(set(shown.inspirations) - {parent}) == 2


@pytest.mark.parametrize(
    "make",
    [
        lambda: Inspired(count=-1, top=0),
        lambda: Trajectory(count=-1),
        lambda: Contrast(records=-1, worse=0),
        lambda: BestShot(programs=0),
    ],
)
def test_impossible_prompts_are_refused(make: Callable[[], Showing]) -> None:
    with pytest.raises(ConfigurationError, match="must be at least"):
        make()
