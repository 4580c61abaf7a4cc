from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from evolve.errors import ConfigurationError
from evolve.search.stagnation import USUAL, Deed, Ladder, NowAndThen, deed_of


def ladder(**changes: Any) -> Ladder:
    settings: dict[str, Any] = {"reflect_after": 10, "shift_after": 20, "backtrack_after": 30, "share": 0.25}
    return Ladder(**{**settings, **changes})


def test_rungs_begin_where_they_are_set_and_the_last_lasts() -> None:
    rungs = [ladder().rung(count) for count in (0, 9, 10, 19, 20, 29, 30, 10**6)]
    reflect, shift, back = Deed(wants="distill"), Deed(wants="shift"), Deed(backtrack=True)
    assert rungs == [USUAL, USUAL, reflect, reflect, shift, shift, back, back]


def test_a_rung_that_is_left_out_is_never_reached() -> None:
    rungs = {ladder(shift_after=None).rung(count) for count in range(100)}
    assert rungs == {USUAL, Deed(wants="distill"), Deed(backtrack=True)}


def test_only_a_share_of_the_attempts_does_what_the_rung_says() -> None:
    rng = np.random.default_rng(0)
    deeds = [ladder().deed(25, rng) for _ in range(4000)]
    assert deeds.count(Deed(wants="shift")) / 4000 == pytest.approx(0.25, abs=0.03)
    assert set(deeds) == {USUAL, Deed(wants="shift")}


def test_on_the_ground_nothing_is_drawn() -> None:
    rng, untouched = np.random.default_rng(0), np.random.default_rng(0)
    assert ladder().deed(9, rng) == USUAL
    assert rng.random() == untouched.random()


def test_now_and_then_asks_at_its_rate_and_the_first_with_a_say_decides() -> None:
    rng = np.random.default_rng(0)
    often = NowAndThen(operator="shift", every=10)
    deeds = [deed_of([often, ladder(share=1.0)], 10, rng) for _ in range(4000)]
    assert deeds.count(Deed(wants="shift")) / 4000 == pytest.approx(0.1, abs=0.02)
    assert set(deeds) == {Deed(wants="shift"), Deed(wants="distill")}


@pytest.mark.parametrize(
    "changes", [{"share": 1.5}, {"reflect_after": 0}, {"reflect_after": 25}, {"backtrack_after": 5}]
)
def test_impossible_ladders_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="ladder"):
        ladder(**changes)


def test_more_often_than_every_attempt_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="every"):
        NowAndThen(operator="shift", every=0.5)
