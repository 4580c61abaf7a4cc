"""What is said of orders, without a browser."""

from __future__ import annotations

import pytest

from evolve.account.orders import Ordered
from evolve.account.steering import hints, pins
from evolve.controller.steering import Taken
from evolve.dashboard.asked import attempt_number
from evolve.dashboard.views import steer
from evolve.dashboard.views.steer import Force
from evolve.domain.objective import Direction, Objective
from evolve.domain.rules import Rules
from evolve.domain.steering import Hint, Inject, Order, Pause, Pin, RemoveHint, Unpin, Veto, Weigh
from evolve.errors import ConfigurationError, NotFound

AIMS = (Objective("score", Direction.MAXIMIZE), Objective("size", Direction.MINIMIZE))


def _taken(number: int, order: Order, refused: str = "") -> Ordered:
    return Ordered(number, order, 100.0, Taken(number, order, 7, 9, refused), 101.0)


def _waiting(number: int, order: Order) -> Ordered:
    return Ordered(number, order, 100.0)


def test_pins_and_hints_are_those_that_were_not_taken_back() -> None:
    orders = [
        _taken(1, Pin(4)),
        _taken(2, Pin(5)),
        _waiting(3, Unpin(4)),
        _taken(4, Pin(8), refused="no"),
        _taken(5, Hint("first")),
        _waiting(6, Hint("second", 20)),
        _taken(7, RemoveHint(5)),
    ]
    assert pins(orders) == [5]
    assert hints(orders) == {6: Hint("second", 20)}
    assert hints([*orders, _waiting(8, RemoveHint())]) == {}


def test_what_is_in_force_is_told_in_words() -> None:
    rules = Rules((2.0, 0.0)).without(3, descendants=True).without(6, descendants=False)
    rows = steer.force_rows(Force(rules, [5], {6: Hint("look")}), AIMS)
    assert {row.key: row.cells["what"].text for row in rows} == {
        "pinned": "5",
        "selected by": "the weighted sum 2 × score, as gains",
        "vetoed": "3 and what descends from it, 6",
        "hint 6": "look",
    }
    (alone,) = steer.force_rows(Force(Rules(), [], {}), AIMS)
    assert alone.cells["what"].text == "all objectives"
    assert steer.force_rows(Force(None, [], {}), AIMS) == []


@pytest.mark.parametrize(
    ("order", "words", "href"),
    [
        (Inject({"a.py": "x"}, "mine"), "attempt 9 mine", "at 9"),
        (Pin(4), "4", "at 4"),
        (Veto(4, True), "4 and what descends from it", "at 4"),
        (Weigh({"score": 0.5}), "score=0.5", ""),
        (Weigh(None), "by all objectives", ""),
        (Hint("h" * 300, 5), "for 5 attempts: " + "h" * 184 + "…", ""),
        (RemoveHint(), "all hints", ""),
        (Pause(), "", ""),
    ],
)
def test_each_order_is_told_with_what_it_is_about(order: Order, words: str, href: str) -> None:
    (row,) = steer.log_rows([_taken(1, order)], lambda step: f"at {step}", 200.0)
    assert (row.cells["what"].text, row.cells["what"].href) == (words, href)
    assert row.cells["effect"].text.startswith("after 7 attempts")


def test_a_refused_order_says_why_and_one_that_waits_says_when() -> None:
    waits, refused = steer.log_rows([_taken(1, Pin(4), refused="It is gone."), _waiting(2, Pin(5))], str, 200.0)
    assert (refused.cells["state"].text, refused.cells["effect"].text) == ("refused", "It is gone.")
    assert waits.cells["state"].text == "waiting" and "resumed" in waits.cells["effect"].text


def test_what_people_type_is_read_or_refused() -> None:
    assert (attempt_number(" 7 "), steer.lasting(" "), steer.lasting("5")) == (7, None, 5)
    assert steer.weights_of({"score": "0.5", "size": " "}) == {"score": 0.5}
    for read, text in (
        (attempt_number, "-1"),
        (attempt_number, "9" * 11),
        (attempt_number, "2147483648"),
        (steer.lasting, "x"),
    ):
        with pytest.raises(NotFound, match=repr(text)):
            read(text)
    with pytest.raises(ConfigurationError, match="Weight of size"):
        steer.weights_of({"size": "much"})
