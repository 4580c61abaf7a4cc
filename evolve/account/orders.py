"""What was ordered of a run, and what its selection sees because of it: for show, best and steer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from evolve import wiring
from evolve.controller.decisions import Ended, scored_of
from evolve.controller.steering import Taken, final_rules, rules_after, taken_orders
from evolve.domain.evaluation import Scored
from evolve.domain.problem import Problem
from evolve.domain.rules import Lens, Rules
from evolve.domain.steering import Inject, Order, kind_of, order_data
from evolve.interfaces import RunInfo, Store

WAITING: Final = "waiting"
REFUSED: Final = "refused"


@dataclass(frozen=True, slots=True)
class Ordered:
    """An order with what became of it; ``taken`` is None while it waits in the inbox."""

    number: int
    order: Order
    given_at: float | None
    taken: Taken | None = None
    taken_at: float | None = None

    @property
    def state(self) -> str:
        """``waiting``, ``refused`` or ``in effect``."""
        if self.taken is None:
            return WAITING
        return REFUSED if self.taken.refused else "in effect"


def orders_of(store: Store, info: RunInfo) -> list[Ordered]:
    """Return the orders of a run by number; those that a fork took over have no time at which they were given."""
    taken = [(at, item) for at, event in store.events(info.id) for item in taken_orders([event])]
    known = {number: (at, order) for number, at, order in store.orders(info.id, 0)}
    found = [
        Ordered(item.number, item.order, known[item.number][0] if item.number in known else None, item, at)
        for at, item in taken
    ]
    over = {item.number for item in found}
    waiting = [Ordered(number, order, at) for number, (at, order) in known.items() if number not in over]
    return sorted([*found, *waiting], key=lambda item: item.number)


def order_rows(store: Store, info: RunInfo) -> list[dict[str, object]]:
    """Return the orders of a run as data: what was ordered, when, and since when it has been in effect."""
    return [_row(item) for item in orders_of(store, info)]


def _row(item: Ordered) -> dict[str, object]:
    data = order_data(item.order)
    if isinstance(item.order, Inject):
        data["files"] = sorted(item.order.files)
    taken = item.taken
    return {
        "number": item.number,
        "kind": kind_of(item.order),
        "what": {name: value for name, value in data.items() if name != "kind"},
        "state": item.state,
        "refused": taken.refused if taken is not None else "",
        "given_at": item.given_at,
        "taken_at": item.taken_at,
        "told": taken.told if taken is not None else None,
        "step": taken.step if taken is not None else None,
    }


def rules_in_force(store: Store, info: RunInfo, problem: Problem) -> Rules:
    """Return the rules that the search of a run goes by."""
    taken = taken_orders(event for _, event in store.events(info.id))
    return final_rules(wiring.build_rules(info.config, problem), taken, problem)


def rules_with(rules: Rules, orders: Sequence[Ordered], problem: Problem) -> Rules:
    """Return the rules after the orders that wait."""
    for item in orders:
        if item.taken is None:
            rules = rules_after(rules, item.order, problem)
    return rules


def selectable(store: Store, info: RunInfo, problem: Problem, rules: Rules) -> Iterator[Scored]:
    """Yield the VALID programs of a run as selection sees them under some rules, vetoed ones left out."""
    lens = Lens(rules)
    for attempt in store.history(info.id):
        seen = lens.seen(scored_of(problem, Ended.on_record(attempt)))
        if seen.valid:
            yield seen
