"""Taking an order up while a run runs: whether it can be followed, and following it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from dataclasses import replace
from itertools import islice
from typing import Final

from evolve.controller.decisions import Decisions
from evolve.controller.exhibits import Exhibits
from evolve.controller.journal import Journal
from evolve.controller.steering import Given, Taken
from evolve.domain.problem import Problem
from evolve.domain.proposal import Attempt
from evolve.domain.steering import Hint, Inject, Order, Pin, Unpin, Veto, Weigh, misfit
from evolve.errors import ConfigurationError

_AT_A_STRETCH: Final = 200
"""Attempts that a new search is told before other tasks have a turn: some milliseconds."""


def follow_again(decisions: Decisions, taken: Taken, history: Iterable[Attempt]) -> None:
    """Follow an order that was taken up before, when as much was told as then.

    Args:
        history: the attempts on record, in order; more than were told then may follow.
    """
    if not taken.refused:
        deque(decisions.obey(taken, islice(history, decisions.told)), maxlen=0)


class Orders:
    """Takes orders up for a loop.

    Args:
        decisions: what orders change.
        exhibits: programs on record.
        journal: what was told is written before it is told again.
    """

    def __init__(self, *, problem: Problem, decisions: Decisions, exhibits: Exhibits, journal: Journal) -> None:
        self._problem = problem
        self._decisions = decisions
        self._exhibits = exhibits
        self._journal = journal

    async def take_up(self, given: Given, step: int) -> Taken:
        """Follow an order before ``step`` is chosen, or say why not. Nothing may be told or asked meanwhile."""
        taken = Taken(given.number, given.order, self._decisions.told, step, given.refused)
        taken = replace(
            taken, refused=taken.refused or await self._journal.read(lambda: self._refusal(given.order, step))
        )
        if taken.refused:
            return taken
        if isinstance(given.order, Veto | Weigh):
            await self._journal.write()  # the history on record is all that was told
        try:
            await self._journal.outlast(lambda: self._obeyed(taken))
        except ConfigurationError as error:
            return replace(taken, refused=str(error))
        return taken

    async def _obeyed(self, taken: Taken) -> None:
        """Have an order obeyed; nothing has changed if it raises."""
        for count in self._decisions.obey(taken, self._exhibits.history()):
            if count % _AT_A_STRETCH == 0:
                await asyncio.sleep(0)

    def _refusal(self, order: Order, step: int) -> str:
        operators = self._decisions.operators
        match order:
            case Inject(files):
                return misfit(self._problem, files)
            case Hint() if not any(map(operators.asks_model, operators.names)):
                return "No operator of this run asks a model."
            case Veto(vetoed) if vetoed >= step:
                return f"There is no program {vetoed} yet."
            case Pin(pinned):
                return self._refusal_of_pin(pinned)
            case Unpin(pinned) if not self._decisions.steering.pinned(pinned):
                return f"Program {pinned} is not pinned."
            case _:
                return ""

    def _refusal_of_pin(self, step: int) -> str:
        if self._decisions.lens.bans(step):
            return f"Program {step} is vetoed."
        return "" if self._exhibits.is_valid(step) else f"There is no valid program {step}."
