from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.search.inspirations import choose_inspirations


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
