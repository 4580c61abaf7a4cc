"""Giving orders to a run: what may be ordered when, for commands and pages alike."""

from __future__ import annotations

from dataclasses import dataclass

from evolve.domain.steering import Order, Pause, Stop, kind_of
from evolve.errors import ConfigurationError
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
    """Put an order into a run's inbox. Raises ConfigurationError for one that only a run at work can follow."""
    if isinstance(order, Pause | Stop) and store.holder(info.id) is None:
        what = kind_of(order)
        raise ConfigurationError(f"Nobody works on run {info.id!r} now, so there is nothing to {what}.")
    number = store.order(info.id, order)
    return Given(info.id, number, order, store.holder(info.id))
