"""Giving orders to a run: what may be ordered when, for commands and pages alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from evolve import wiring
from evolve.account.orders import REFUSED, Ordered, orders_of, rules_in_force, rules_with, selectable
from evolve.controller.steering import rules_after
from evolve.domain.evaluation import Outcome
from evolve.domain.problem import Problem
from evolve.domain.questions import AttemptRow
from evolve.domain.rules import Rules
from evolve.domain.steering import (
    INJECT,
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
    kind_of,
    misfit,
)
from evolve.errors import ConfigurationError, NotFound
from evolve.interfaces import RunInfo, Store


@dataclass(frozen=True, slots=True)
class Given:
    """An order was put into a run's inbox: its number, and who works on the run, if anybody does."""

    run: str
    number: int
    order: Order
    holder: str | None

    def in_words(self) -> str:
        """Say what happens next."""
        if self.holder is not None:
            return f"Order {self.number} is given; {self.holder} works on {self.run} and takes it up within seconds."
        return (
            f"Order {self.number} is given. Nobody works on {self.run} now; it is taken up by: evolve resume {self.run}"
        )


def give(store: Store, info: RunInfo, order: Order) -> Given:
    """Put an order into a run's inbox.

    Raises ConfigurationError or NotFound, with the reason, for one that the run could not follow: what waits in the
    inbox counts as followed.
    """
    _check(store, info, order)
    number = store.order(info.id, order)
    return Given(info.id, number, order, store.holder(info.id))


def _check(store: Store, info: RunInfo, order: Order) -> None:
    match order:
        case Pause() | Stop():
            _check_at_work(store, info, order)
        case Inject(files):
            _check_fits(info, files)
        case Hint():
            _check_asks(info)
        case RemoveHint(number):
            _check_hint(store, info, number)
        case Pin(step):
            _check_usable(store, info, step)
        case Unpin(step):
            _check_pinned(store, info, step)
        case Veto(step):
            _check_program(store, info, step)
            _check_leaves_something(store, info, order)
        case Weigh():
            problem, rules = coming_rules(store, info)
            rules_after(rules, order, problem)  # raises ConfigurationError for unknown names


def coming_rules(store: Store, info: RunInfo) -> tuple[Problem, Rules]:
    """Return the problem, and the rules that the search will go by when all that waits is taken up."""
    problem = wiring.problem_of(info)
    return problem, rules_with(rules_in_force(store, info, problem), orders_of(store, info), problem)


def pins(orders: Iterable[Ordered]) -> list[int]:
    """Return the programs that are pinned when all that waits is taken up."""
    pinned: list[int] = []
    for item in orders:
        if item.state != REFUSED and isinstance(item.order, Pin | Unpin):
            pinned = [step for step in pinned if step != item.order.step]
            pinned += [item.order.step] if isinstance(item.order, Pin) else []
    return pinned


def hints(orders: Iterable[Ordered]) -> dict[int, Hint]:
    """Return number -> hint, of those that nobody took back; some may be over by themselves."""
    shown: dict[int, Hint] = {}
    for item in orders:
        match item.order:
            case Hint() if item.state != REFUSED:
                shown[item.number] = item.order
            case RemoveHint(number) if item.state != REFUSED:
                shown = {} if number is None else {key: hint for key, hint in shown.items() if key != number}
    return shown


# ── what keeps an order from being followed ───────────────────────────────────────────────────
def _check_at_work(store: Store, info: RunInfo, order: Order) -> None:
    if store.holder(info.id) is None:
        what = kind_of(order)
        raise ConfigurationError(f"Nobody works on run {info.id!r} now, so there is nothing to {what}.")


def _check_fits(info: RunInfo, files: Mapping[str, str]) -> None:
    problem = wiring.problem_of(info)
    reason = misfit(problem, files)
    if reason:
        raise ConfigurationError(f"This is no program for {problem.name}: {reason}")


def _check_asks(info: RunInfo) -> None:
    llm = info.config.get("llm")
    if not isinstance(llm, Mapping) or "_target_" not in llm:
        raise ConfigurationError(
            f"Run {info.id!r} asks no model (llm=none), so there are no prompts to show a hint in."
        )


def _check_hint(store: Store, info: RunInfo, number: int | None) -> None:
    shown = hints(orders_of(store, info))
    if not shown or (number is not None and number not in shown):
        which = "" if number is None else f" {number}"
        known = f"Orders that are hints: {', '.join(map(str, shown))}." if shown else "It has none."
        raise ConfigurationError(f"Run {info.id!r} has no hint{which}. {known}")


def _check_program(store: Store, info: RunInfo, step: int) -> None:
    try:
        store.program(info.id, step)
    except NotFound as error:
        raise NotFound(f"Run {info.id!r} has no program {step}; it has made {info.proposals} attempts.") from error


def _check_usable(store: Store, info: RunInfo, step: int) -> None:
    _check_program(store, info, step)
    _, rules = coming_rules(store, info)
    rows = store.questions().attempts(info.id, [step])
    is_valid = bool(rows) and rows[0].outcome is Outcome.VALID
    if not is_valid or step in rules.vetoed or _is_tainted(store.questions().lineage(info.id, step), rules):
        raise NotFound(f"Program {step} of run {info.id!r} is not valid, not finished, or vetoed: it is no parent.")


def _is_tainted(line: Sequence[AttemptRow], rules: Rules) -> bool:
    """Whether a veto holds for a program because of its ancestry; what a person wrote has none."""
    for row in line:
        if row.step in rules.tainted:
            return True
        if row.operator == INJECT:
            return False
    return False


def _check_pinned(store: Store, info: RunInfo, step: int) -> None:
    if step not in pins(orders_of(store, info)):
        raise ConfigurationError(
            f"Program {step} of run {info.id!r} is not pinned. `evolve show {info.id}` lists what was ordered."
        )


def _check_leaves_something(store: Store, info: RunInfo, order: Veto) -> None:
    problem, rules = coming_rules(store, info)
    if next(selectable(store, info, problem, rules_after(rules, order, problem)), None) is None:
        raise ConfigurationError(f"Without program {order.step} there would be no valid program to go on from.")
