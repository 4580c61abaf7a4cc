"""The loop: ask, propose, judge, tell - until the budget is used.

Decisions (``search.ask`` and ``search.tell``) happen in one task, in the order the record keeps, so
the search needs no locks and a replay needs no guesses. Attempts wait in tasks of their own;
proposals and evaluations have separate widths.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from evolve.controller.attempt import MODEL_ERROR, Attempts, OnRecord
from evolve.controller.budget import Budget, InFlight, Spent
from evolve.controller.decisions import Decisions, Ended
from evolve.controller.estimate import Estimate
from evolve.controller.exhibits import Exhibits
from evolve.controller.journal import Journal
from evolve.controller.ledger import Ledger
from evolve.controller.orders import Orders, follow_again
from evolve.controller.sessions import Office
from evolve.controller.standards import Standards
from evolve.controller.steering import Given, Taken, final_rules
from evolve.domain.evaluation import Outcome, Scored
from evolve.domain.problem import Problem
from evolve.domain.program import SEED_STEP, Program
from evolve.domain.proposal import Attempt, Event, Finished, Placement, Selected, Unfinished
from evolve.domain.steering import Inject, Pause, Stop
from evolve.evaluation.cascade import Cascade
from evolve.interfaces import Exhibit, LanguageModel, Workshop
from evolve.mutation.novelty import Novelty

PAUSED = "paused on request"
STOPPED = "stopped on request"
_MODEL_ERRORS_IN_A_ROW = 10
_INFRASTRUCTURE_IN_A_ROW = 5
_ORDERED_WINDOW = 2  # one attempt is judged while the next is made


@dataclass(frozen=True, slots=True, kw_only=True)
class Widths:
    """How much happens at once.

    Args:
        propose: model proposals in the making.
        queue: programs being judged or waiting for it, before no new proposal is begun: more keep
            the sandboxes busier, fewer breed from fresher parents.
        ordered: finish attempts in the order of their numbers: with a deterministic model two runs
            of equal seed are then identical.
        stall: attempts in a row without a new program before the run gives up.
    """

    propose: int
    queue: int
    ordered: bool
    stall: int


@dataclass
class Progress:
    """Where a run stands; read by views, written by the loop only."""

    spent: Spent = field(default_factory=Spent)
    outcomes: Counter[str] = field(default_factory=Counter)
    causes: Counter[str] = field(default_factory=Counter)
    proposed: Counter[str] = field(default_factory=Counter)
    placed: Counter[str] = field(default_factory=Counter)
    estimate: Estimate | None = None
    repeats: int = 0  # evaluations of programs that had one
    noise_sd: float = 0.0  # of one score in the first objective; 0 while none was found
    seed: Scored | None = None
    best: Scored | None = None
    squeezed: frozenset[str] = frozenset()
    """Sections of prompts that were shortened because a model reads no more at once."""
    stop_reason: str = ""
    gave_up: bool = False  # because models or sandboxes failed every time, not because the work was done


class Loop:
    """One run's loop. Create, ``restore`` what is on record, then ``run``."""

    def __init__(
        self,
        *,
        problem: Problem,
        decisions: Decisions,
        model: LanguageModel | None,
        novelty: Novelty | None,
        cascade: Cascade,
        journal: Journal,
        exhibits: Exhibits,
        budget: Budget,
        widths: Widths,
        workshop: Workshop | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.progress = Progress()
        self._problem = problem
        self._decisions = decisions
        self._operators = decisions.operators
        self._journal = journal
        self._exhibits = exhibits
        self._budget = budget
        self._widths = widths
        self._clock = clock
        self._started_at = clock()
        self._elapsed_before_s = 0.0
        self._next_step = 1
        self._asked = 0
        self._in_a_row: Counter[str] = Counter()
        self._open: dict[int, asyncio.Task[Ended]] = {}
        self._paying: set[int] = set()
        self._early: dict[int, Ended] = {}
        self._redo: list[tuple[Selected, Coroutine[Any, Any, Ended]]] = []
        self._news: asyncio.Queue[asyncio.Task[Ended] | None] = asyncio.Queue()
        self._heard: deque[Given] = deque()
        self._orders = Orders(problem=problem, decisions=decisions, exhibits=exhibits, journal=journal)
        self._ledger = Ledger(
            budget,
            spent=lambda: self.progress.spent,
            in_flight=self.in_flight,
            elapsed_s=self.elapsed_s,
            stopping=lambda: self.progress.stop_reason,
            count=self._count_session_evaluation,
        )
        office = None
        if workshop is not None:
            office = Office(workshop=workshop, problem=problem, cascade=cascade, journal=journal, ledger=self._ledger)
        self._attempts = Attempts(
            office=office,
            decisions=decisions,
            model=model,
            cascade=cascade,
            standards=Standards(problem, exhibits.evaluations),
            journal=journal,
            novelty=novelty,
            final_stage=problem.stages[-1].name,
            propose_width=1 if widths.ordered else widths.propose,
            resolved=lambda: self._news.put_nowait(None),
        )

    def restore(
        self,
        history: Iterable[Attempt],
        unfinished: Sequence[tuple[Unfinished, OnRecord]],
        elapsed_s: float,
        taken: Sequence[Taken] = (),
        agents: Mapping[int, int] = MappingProxyType({}),
    ) -> None:
        """Fold the record into what is decided from; take note of what a crash cut off.

        ``unfinished`` pairs each attempt with the model calls it made. It is prepared when as much was
        told as when it was chosen, so that it is done as it would have been. ``taken`` are the orders on
        record. The search begins under the rules that were in force when the first of what was cut off
        was chosen, which are those in force now if nothing was: what it is told again then is told once.
        ``agents`` is how many evaluations the coding agent of a step had made.
        """
        self._attempts.remember(agents)
        spent = self.progress.spent
        self.progress.spent = replace(spent, evaluations=spent.evaluations + sum(agents.values()))
        self._elapsed_before_s = elapsed_s
        earliest = min((item.selected.step for item, _ in unfinished), default=None)
        settled = [item for item in taken if earliest is None or item.step <= earliest]
        self._decisions.begin(final_rules(self._decisions.rules, settled, self._problem))
        for item in settled:
            self._decisions.steering.take(item)
        orders = deque(taken[len(settled) :])
        waiting = deque(sorted(unfinished, key=lambda item: item[0].selected.finished_before))
        for past in history:
            self._catch_up(waiting, orders)
            if past.program is not None:
                self._attempts.know(past.selected.step, past.fingerprint, past.program.detail)
            self._tell(Ended.on_record(past))
            self._next_step = max(self._next_step, past.selected.step + 1)
        self._catch_up(waiting, orders)
        self._next_step = max([self._next_step, *(item.selected.step + 1 for item, _ in unfinished)])
        self.progress.best = self._decisions.best()

    def _catch_up(self, waiting: deque[tuple[Unfinished, OnRecord]], orders: deque[Taken]) -> None:
        """Prepare what was chosen by now, and follow what was ordered by now, in the order in which it was."""
        told = self._decisions.told
        while True:
            order = orders[0] if orders and orders[0].told <= told else None
            item = waiting[0][0] if waiting and waiting[0][0].selected.finished_before <= told else None
            if order is not None and (item is None or order.step <= item.selected.step):
                follow_again(self._decisions, orders.popleft(), self._exhibits.history())
            elif item is not None:
                self._redo.append((item.selected, self._attempts.resume(*waiting.popleft())))
            else:
                return

    async def run(self) -> str:
        """Work until nothing may start and nothing is open; return why it stopped."""
        try:
            while self._redo:
                self._begin(*self._redo.pop(0))
            await self._obey()
            await self._top_up()
            while self._open:
                news = await self._news.get()
                await self._obey()
                if news is None:
                    await self._top_up()
                else:
                    await self._settle(news.result())
        finally:
            await self._abandon()
        return self.progress.stop_reason

    def stop(self, reason: str) -> None:
        """Begin nothing new; what is in flight is finished and kept."""
        self.progress.stop_reason = self.progress.stop_reason or reason

    def hear(self, given: Sequence[Given]) -> None:
        """Hand orders over; they are taken up between two decisions, in their order, until one of them, or
        anything else, ends the session. Those that are not taken up by then stay in the inbox."""
        self._heard.extend(given)
        self._news.put_nowait(None)

    def resize(self, widths: Widths) -> None:
        """Do more or less at once from now on; what is begun is finished."""
        if widths != self._widths:
            self._widths = widths
            self._attempts.widen(widths.propose)
            self._news.put_nowait(None)

    def elapsed_s(self) -> float:
        """Seconds some controller has worked on this run."""
        return self._elapsed_before_s + self._clock() - self._started_at

    @property
    def away(self) -> str:
        """Why the store is away and the run waits, in words; empty while it is not."""
        return self._journal.away

    def in_flight(self) -> InFlight:
        """What is begun and not finished."""
        return InFlight(len(self._open), len(self._paying), self._ledger.evaluating)

    # ── steering ──────────────────────────────────────────────────────────────────────────────
    async def _obey(self) -> None:
        while self._heard and self._decisions.told and not self.progress.stop_reason:
            taken = await self._orders.take_up(self._heard.popleft(), self._next_step)
            if taken.refused:
                self._journal.post(taken.event())
            else:
                await self._follow(taken)

    async def _follow(self, taken: Taken) -> None:
        """Write that an order was taken up, with the attempt that it begins if it does, and do what else it asks."""
        match taken.order:
            case Inject():
                selected = self._decisions.next(self._next_step)
                self._next_step += 1
                self._journal.post(taken.event(), selected)
                self._begin(selected, await self._started(selected))
                return
            case Pause():
                self.stop(PAUSED)
            case Stop():
                self.stop(STOPPED)
        self._journal.post(taken.event())
        self.progress.best = await self._journal.read(self._decisions.best)

    # ── starting ──────────────────────────────────────────────────────────────────────────────
    async def _top_up(self) -> None:
        while not self.progress.stop_reason and self._room():
            await self._journal.ready()
            self._note_elapsed()
            reason = self._budget.exhausted(self.progress.spent, self.in_flight(), self._asked)
            if not reason:
                await self._ask()
            elif self._open:
                return  # an attempt in flight may yet be rejected and give its share back
            else:
                self.stop(reason)

    def _room(self) -> bool:
        if self._decisions.told == 0:
            return False  # nothing to breed from before the seed is placed
        if self._widths.ordered:
            return not self._open or self._next_step - min(self._open) < _ORDERED_WINDOW
        proposing = len(self._attempts.proposing)
        return proposing < self._widths.propose and len(self._open) - proposing < self._widths.queue

    async def _ask(self) -> None:
        step = self._next_step
        self._next_step += 1
        selected = self._decisions.next(step)
        self._journal.post(selected)
        self._begin(selected, await self._started(selected))

    async def _started(self, selected: Selected) -> Coroutine[Any, Any, Ended]:
        """Return the work of an attempt, for which its parents are read."""
        return await self._journal.read(lambda: self._attempts.start(selected))

    def _begin(self, selected: Selected, work: Coroutine[Any, Any, Ended]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._open[selected.step] = task
        if self._operators.asks_model(selected.operator):
            self._paying.add(selected.step)
        task.add_done_callback(self._news.put_nowait)

    # ── finishing ─────────────────────────────────────────────────────────────────────────────
    async def _settle(self, ended: Ended) -> None:
        if not self._widths.ordered:
            await self._finish(ended)
            await self._top_up()
            return
        self._early[ended.selected.step] = ended
        while self._open and (first := min(self._open)) in self._early:
            await self._finish(self._early.pop(first))
            await self._top_up()

    async def _finish(self, ended: Ended) -> None:
        step = ended.selected.step
        del self._open[step]
        self._paying.discard(step)
        sequence = self._decisions.told
        known, placement, cell = self._tell(ended)
        self._ledger.forget(step)
        self._journal.post(
            Finished(step, sequence, known.outcome, ended.cause, ended.detail, placement, cell),
        )
        # Its record may not be written yet when it is chosen, placed or not.
        if known.valid and ended.program is not None and ended.evaluation is not None:
            self._exhibits.add(Exhibit(ended.program, known, ended.evaluation))
        self._warn_of_squeezed(ended.program)
        self.progress.best = await self._journal.read(self._decisions.best)
        self._watch(ended, known)

    def _warn_of_squeezed(self, program: Program | None) -> None:
        """Note, once for each, the sections that a prompt had no room for."""
        found = program.detail.get("squeezed") if program is not None else None
        new = frozenset(found if isinstance(found, list) else ()) - self.progress.squeezed
        if program is not None and new:
            self.progress.squeezed |= new
            self._journal.post(Event("squeezed", {"step": program.step, "sections": sorted(new)}))

    def _tell(self, ended: Ended) -> tuple[Scored, Placement, str]:
        known, placement, cell = self._decisions.tell(ended)
        self._count(ended, known, bool(placement))
        return known, placement, cell

    def _count(self, ended: Ended, known: Scored, placed: bool) -> None:
        progress, spent = self.progress, self.progress.spent
        self._asked += self._operators.asks_model(known.operator)
        progress.spent = Spent(
            proposals=spent.proposals + 1,
            evaluations=spent.evaluations + (ended.evaluation is not None),
            cost_usd=spent.cost_usd + ended.usage.cost_usd,
            wall_s=self.elapsed_s(),
            calls=spent.calls + ended.usage.calls,
            tokens=spent.tokens + ended.usage.tokens,
            gpu_s=spent.gpu_s + ended.evaluation_s * self._problem.limits.gpus,
        )
        if known.rescored is not None:
            progress.repeats += 1
            progress.noise_sd = self._decisions.search.status().get("noise_sd", 0.0)
            return
        progress.outcomes[known.outcome] += 1
        progress.proposed[known.operator] += 1
        progress.placed[known.operator] += placed
        stopped_at_gate = ended.evaluation is not None and known.outcome is Outcome.REJECTED
        cause = "gate" if stopped_at_gate else ended.cause
        if cause:
            progress.causes[cause] += 1
        if known.step == SEED_STEP:
            progress.seed = known

    def _count_session_evaluation(self, seconds: float) -> None:
        spent = self.progress.spent
        gpu_s = spent.gpu_s + seconds * self._problem.limits.gpus
        self.progress.spent = replace(spent, evaluations=spent.evaluations + 1, gpu_s=gpu_s)

    def _watch(self, ended: Ended, known: Scored) -> None:
        """Give up on a run that cannot get anywhere, and stop one that has arrived."""
        if ended.fatal and not self.progress.stop_reason:
            self.progress.gave_up = True
            self.stop(f"no model can be asked: {ended.detail}")
        asked = self._operators.asks_model(known.operator)
        judged = ended.evaluation is not None
        made = not ended.lessons and known.rescored is None
        for what, counts, happened, limit, is_fault in (
            (MODEL_ERROR, asked, ended.cause == MODEL_ERROR, _MODEL_ERRORS_IN_A_ROW, True),
            ("infrastructure", judged, known.outcome is Outcome.INFRASTRUCTURE, _INFRASTRUCTURE_IN_A_ROW, True),
            ("no new program", made, ended.program is None, self._widths.stall, False),
        ):
            if not counts:
                continue
            self._in_a_row[what] = self._in_a_row[what] + 1 if happened else 0
            if self._in_a_row[what] >= limit and not self.progress.stop_reason:
                why = ended.detail or (ended.evaluation.feedback if ended.evaluation else "")
                self.progress.gave_up = is_fault
                self.stop(f"{limit} attempts in a row ended with {what}; the last: {why}")
        lead, best = self._problem.objectives[0], self.progress.best
        if best is not None and not best.violation and lead.reached(lead.gain(best.gains[0])):
            self.stop(f"target reached: {lead.name} {lead.gain(best.gains[0])!r}")  # a gain of a gain is the value

    def _note_elapsed(self) -> None:
        self.progress.spent = replace(self.progress.spent, wall_s=self.elapsed_s())

    async def _abandon(self) -> None:
        for _, work in self._redo:
            work.close()
        for task in self._open.values():
            task.cancel()
        await asyncio.gather(*self._open.values(), return_exceptions=True)
