"""What became of a person's orders: pins, hints and injected programs, as a fold over the orders taken up.

Taking an order up is an event on record. It says how many attempts had been told then, and which step
was the next to be chosen, so that a resume or a replay takes it up in the same place.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import numpy as np

from evolve.domain.evaluation import Scored
from evolve.domain.problem import Problem
from evolve.domain.program import Program
from evolve.domain.proposal import RESCORE, Attempt, Choice, Event, Lesson, LessonKind
from evolve.domain.rules import Lens, Rules
from evolve.domain.steering import (
    Hint,
    Inject,
    Order,
    Pause,
    Pin,
    RemoveHint,
    Stop,
    Unpin,
    Veto,
    Weigh,
    order_data,
    parse_order,
    weight_vector,
)
from evolve.interfaces import Context, Draft

STEERED: Final = "steered"
"""Kind of the events that say that an order was taken up."""
NOBODY_AT_WORK: Final = "Nobody was working on the run when it was given."
PIN_SHARE = 0.5
"""Of the proposals that have a pinned program as parent, while there is one."""


@dataclass(frozen=True, slots=True)
class Given:
    """An order out of the inbox. ``refused`` says why it is not to be followed, if so."""

    number: int
    order: Order
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Taken:
    """An order that was taken up.

    Args:
        number: its number in the store.
        order: what it says.
        told: attempts that the search had been told of.
        step: the next step to be chosen then; an injected program has this one.
        refused: why it had no effect, if it had none.
    """

    number: int
    order: Order
    told: int
    step: int
    refused: str = ""

    def event(self) -> Event:
        """Return it as the record keeps it."""
        when: dict[str, object] = {"number": self.number, "told": self.told, "step": self.step}
        return Event(STEERED, {**when, "refused": self.refused, "order": order_data(self.order)})


def taken_orders(events: Iterable[Event]) -> list[Taken]:
    """Return the orders that a run has taken up, in that order."""
    return [_taken(event.data) for event in events if event.kind == STEERED]


def _taken(data: Mapping[str, Any]) -> Taken:
    return Taken(data["number"], parse_order(data["order"]), data["told"], data["step"], data["refused"])


def rules_after(rules: Rules, order: Order, problem: Problem) -> Rules:
    """Return what an order makes of the rules. Raises ConfigurationError for unknown objectives."""
    match order:
        case Veto():
            return rules.without(order.step, order.descendants)
        case Weigh():
            return Rules(weight_vector(problem, order.weights), rules.vetoed, rules.tainted)
        case _:
            return rules


def final_rules(rules: Rules, taken: Iterable[Taken], problem: Problem) -> Rules:
    """Return the rules after all orders that were not refused."""
    for item in taken:
        if not item.refused:
            rules = rules_after(rules, item.order, problem)
    return rules


def interleaved(history: Iterable[Attempt], taken: Sequence[Taken]) -> Iterator[Attempt | Taken]:
    """Yield attempts and orders in the order in which they took effect."""
    waiting = list(reversed(taken))
    for told, attempt in enumerate(history):
        while waiting and waiting[-1].told <= told:
            yield waiting.pop()
        yield attempt
    yield from reversed(waiting)


@dataclass(frozen=True, slots=True)
class _Shown:
    """A hint, and the number of told attempts from which on it is shown no more."""

    lesson: Lesson
    until: float

    def ended(self, told: int) -> _Shown:
        return _Shown(self.lesson, min(self.until, told))


class _Injector:
    """Proposes what a person wrote; implements Operator."""

    needs_model = False

    def __init__(self, name: str, number: int, order: Inject) -> None:
        self.name = name
        self._number, self._order = number, order

    async def propose(self, context: Context) -> Draft:
        """Return the program as it was given."""
        detail: dict[str, object] = {"order": self._number}
        return Draft(self._order.files, {**detail, "summary": self._order.note} if self._order.note else detail)

    def observe(self, scored: Scored, program: Program | None) -> None:
        """Learns nothing: it is used once."""


class Steering:
    """The orders that are in force. State comes from ``take`` and ``forget`` alone."""

    def __init__(self) -> None:
        self._pins: list[int] = []
        self._hints: dict[int, _Shown] = {}  # none is forgotten: attempts in flight may still show it
        self._injected: dict[int, Taken] = {}

    def take(self, taken: Taken) -> None:
        """Follow an order, if it was not refused."""
        if taken.refused:
            return
        match taken.order:
            case Inject():
                self._injected[taken.step] = taken
            case Hint(text, lasts):
                lesson = Lesson(-taken.number, LessonKind.HINT, text, confidence=1.0, expires_after=lasts)
                self._hints[lesson.id] = _Shown(lesson, float("inf") if lasts is None else taken.told + lasts)
            case RemoveHint(number):
                gone = self._hints if number is None else [-number]
                self._hints.update({id: self._hints[id].ended(taken.told) for id in gone if id in self._hints})
            case Pin(step):
                self._pins = [pin for pin in self._pins if pin != step] + [step]
            case Unpin(step):
                self._pins = [pin for pin in self._pins if pin != step]
            case Veto() | Weigh() | Pause() | Stop():
                pass  # these change the rules, or end the session

    def forget(self, step: int) -> None:
        """Let go of a program that was injected as ``step``: its attempt is over."""
        self._injected.pop(step, None)

    def pinned(self, step: int) -> bool:
        """Whether a program is pinned."""
        return step in self._pins

    def chosen(self, choice: Choice, rng: np.random.Generator, lens: Lens) -> Choice:
        """Return the search's choice, or one with a pinned parent. Draws from nothing while nothing is pinned."""
        pins = [step for step in self._pins if not lens.bans(step)]
        if not pins or choice.wants == RESCORE or rng.random() >= PIN_SHARE:
            return choice
        parent = pins[int(rng.random() * len(pins))]
        others = tuple(step for step in choice.inspirations if step != parent)
        return Choice(parent, others, choice.island, choice.wants)

    def hints(self, told: int) -> tuple[int, ...]:
        """Return the ids of the hints to show after so many attempts, the latest first."""
        return tuple(id for id, shown in reversed(self._hints.items()) if told < shown.until)

    def lessons(self, ids: Sequence[int]) -> list[Lesson]:
        """Return those lessons of ``ids`` that are hints."""
        return [self._hints[id].lesson for id in ids if id in self._hints]

    def injects(self, step: int) -> bool:
        """Whether the program of a step is given by an order."""
        return step in self._injected

    def injector(self, name: str, step: int) -> _Injector:
        """Return the operator of an injected program."""
        taken = self._injected[step]
        return _Injector(name, taken.number, cast(Inject, taken.order))
