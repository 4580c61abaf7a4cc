"""Questions answered by reading the whole record: slow, simple, and what every other answer must equal."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from evolve.domain.evaluation import Evaluation, Outcome
from evolve.domain.objective import Objective
from evolve.domain.problem import SEALED
from evolve.domain.program import SEED_STEP
from evolve.domain.proposal import Applied, Completed, Evaluated, Finished, Prompted, Selected, Usage
from evolve.domain.questions import (
    AttemptRow,
    Best,
    Bred,
    Held,
    Page,
    Status,
    Tally,
    check_count,
    place_of,
    spread_numbers,
    status_of,
    thinned,
)
from evolve.errors import NotFound
from evolve.interfaces import RunInfo, Store
from evolve.store.sql_questions import cause_of, refuse_order, unknown_objective


@dataclass
class _Told:
    """What is on record of one attempt, as far as questions go."""

    selected: Selected
    finished: Finished | None = None
    finished_at: float = 0.0
    has_program: bool = False
    evaluations: list[Evaluation] = field(default_factory=list)
    calls: dict[str, Completed | None] = field(default_factory=dict)

    @property
    def answers(self) -> list[Completed]:
        return [answer for answer in self.calls.values() if answer is not None]

    @property
    def cost_usd(self) -> float:
        return math.fsum(answer.completion.cost_usd for answer in self.answers)

    @property
    def tokens(self) -> int:
        return sum(answer.completion.prompt_tokens + answer.completion.completion_tokens for answer in self.answers)

    def values(self, objectives: Sequence[Objective]) -> dict[str, float]:
        told = [e for e in self.evaluations if e.stage != SEALED and e.repeat == 0]
        if self.finished is None or self.finished.outcome is not Outcome.VALID or not self.has_program or not told:
            return {}
        metrics = told[-1].metrics
        return {objective.name: metrics[objective.name] for objective in objectives if objective.name in metrics}


class PlainQuestions:
    """Implements :class:`evolve.interfaces.Questions` for any store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def runs(self) -> Sequence[RunInfo]:
        """Return all runs, newest first; their totals count finished attempts alone."""
        return [self.run(info.id) for info in self._store.runs()]

    def run(self, run: str) -> RunInfo:
        """Return one run; its totals count finished attempts alone."""
        status = self.status(run)
        return replace(
            self._store.run(run),
            proposals=status.finished,
            evaluated=status.judged,
            usage=Usage(status.calls, status.tokens, status.cost_usd),
            evaluation_s=status.evaluation_s,
        )

    def status(self, run: str) -> Status:
        """Return how far the run is."""
        attempts = self._attempts(run)
        return status_of(self.tallies(run), sum(told.finished is None for told in attempts.values()))

    def tallies(self, run: str) -> Sequence[Tally]:
        """Return finished attempts by who made them and how they ended."""
        found: dict[tuple[object, ...], Tally] = {}
        for told, finished in self._finished(run):
            cause = cause_of(finished.outcome, finished.cause)
            who = (told.selected.operator, told.selected.model)
            start = Tally(*who, finished.outcome, cause, finished.placement)
            key = (*who, finished.outcome, finished.cause, finished.placement)
            found[key] = _with(found.get(key, start), told)
        return [found[key] for key in sorted(found, key=lambda key: tuple(map(str, key)))]

    def curve(self, run: str, objective: str, points: int) -> Sequence[Best]:
        """Return when an objective's best was beaten."""
        check_count(points, "points")
        info = self._store.run(run)
        aim = next((known for known in info.objectives if known.name == objective), None)
        if aim is None:
            raise unknown_objective(objective, info.objectives)
        bests: list[Best] = []
        best, cost_usd = -math.inf, 0.0
        for told, finished in self._finished(run):
            cost_usd += told.cost_usd
            value = told.values(info.objectives).get(objective)
            if value is not None and aim.gain(value) > best:
                best = aim.gain(value)
                seconds = told.finished_at - info.created_at
                bests.append(Best(finished.sequence + 1, seconds, cost_usd, finished.step, value))
        return thinned(bests, points)

    def page(self, run: str, page: Page) -> Sequence[AttemptRow]:
        """Return some finished attempts."""
        info, rows = self._store.run(run), [row for row in self._rows(run) if _is_wanted(row, page)]
        if page.by:
            aim = next((known for known in info.objectives if known.name == page.by), None)
            if aim is None:
                raise unknown_objective(page.by, info.objectives)
            rows = sorted(
                (row for row in rows if page.by in row.values),
                key=lambda row: (-aim.gain(row.values[page.by]), row.step),
            )
        else:
            rows = rows[::-1]
        ordered = rows[::-1] if page.reverse else rows
        return ordered[page.skip : page.skip + page.limit]

    def sample(self, run: str, points: int) -> Sequence[AttemptRow]:
        """Return some finished attempts, evenly spread over the run."""
        rows = {row.sequence: row for row in self._rows(run)}
        numbers = spread_numbers(max(rows, default=-1) + 1, points)
        return [rows[number] for number in numbers if number in rows]

    def attempts(self, run: str, steps: Sequence[int]) -> Sequence[AttemptRow]:
        """Return these attempts, in this order."""
        check_count(max(len(steps), 1), "steps")
        rows = {row.step: row for row in self._rows(run)}
        return [rows[step] for step in steps if step in rows]

    def cells(self, run: str, limit: int) -> Sequence[Held]:
        """Return cells of the archive, the last to be filled first."""
        check_count(limit, "limit")
        rows = {row.step: row for row in self._rows(run)}
        last: dict[str, tuple[int, int]] = {}
        for row in rows.values():
            if row.placement:
                cell, step = place_of(row.cell, row.step)
                last[cell] = (row.sequence, step)
        latest = sorted(last, key=lambda cell: -last[cell][0])[:limit]
        return [Held(cell, rows[last[cell][1]]) for cell in latest if last[cell][1] in rows]

    def lineage(self, run: str, step: int) -> Sequence[AttemptRow]:
        """Return an attempt, what it was edited from, and so on."""
        rows = {row.step: row for row in self._rows(run)}
        if step not in rows:
            raise NotFound(f"Run {run!r} has no finished attempt {step}.")
        line = [rows[step]]
        while line[-1].step != SEED_STEP and line[-1].parent < line[-1].step and line[-1].parent in rows:
            line.append(rows[line[-1].parent])
        return line

    def children(self, run: str, step: int, limit: int) -> Sequence[AttemptRow]:
        """Return attempts that edited this one's program or judged it again, the latest first."""
        check_count(limit, "limit")
        return [row for row in self._rows(run)[::-1] if row.parent == step and row.step != step][:limit]

    def bred(self, run: str, page: Page) -> Sequence[Bred]:
        """Return model calls that bred elites, the latest first."""
        refuse_order(page)
        attempts = self._attempts(run)
        rows = [row for row in self._rows(run) if row.placement and attempts[row.step].calls]
        ordered = rows if page.reverse else rows[::-1]
        return [call for row in ordered[page.skip : page.skip + page.limit] for call in _bred(row, attempts[row.step])]

    def _rows(self, run: str) -> list[AttemptRow]:
        objectives = self._store.run(run).objectives
        return [_row(told, finished, objectives) for told, finished in self._finished(run)]

    def _finished(self, run: str) -> list[tuple[_Told, Finished]]:
        """Return finished attempts in the order told."""
        over = [(told, told.finished) for told in self._attempts(run).values() if told.finished is not None]
        return sorted(over, key=lambda item: item[1].sequence)

    def _attempts(self, run: str) -> Mapping[int, _Told]:
        found: dict[int, _Told] = {}
        for entry in self._store.entries(run):
            match entry.record:
                case Selected() as selected:
                    found[selected.step] = _Told(selected)
                case Prompted(step, request_hash):
                    found[step].calls[request_hash] = None
                case Completed(step, request_hash) as answer:
                    found[step].calls[request_hash] = answer
                case Applied(program):
                    found[program.step].has_program = True
                case Evaluated(step, evaluation):
                    found[step].evaluations.append(evaluation)
                case Finished() as finished:
                    found[finished.step].finished = finished
                    found[finished.step].finished_at = entry.at or 0.0
        return found


def _is_wanted(row: AttemptRow, page: Page) -> bool:
    return (
        (bool(row.placement) or not page.placed)
        and page.outcome in (None, row.outcome)
        and page.operator in ("", row.operator)
    )


def _with(tally: Tally, told: _Told) -> Tally:
    seconds = math.fsum(e.seconds for e in told.evaluations if e.stage != SEALED)
    return replace(
        tally,
        attempts=tally.attempts + 1,
        programs=tally.programs + told.has_program,
        judged=tally.judged + bool(told.evaluations),
        calls=tally.calls + len(told.calls),
        tokens=tally.tokens + told.tokens,
        cost_usd=tally.cost_usd + told.cost_usd,
        evaluation_s=tally.evaluation_s + seconds,
    )


def _row(told: _Told, finished: Finished, objectives: Sequence[Objective]) -> AttemptRow:
    choice = told.selected.choice
    return AttemptRow(
        step=finished.step,
        sequence=finished.sequence,
        parent=choice.parent,
        island=choice.island,
        operator=told.selected.operator,
        model=told.selected.model,
        outcome=finished.outcome,
        cause=cause_of(finished.outcome, finished.cause),
        placement=finished.placement,
        cell=finished.cell,
        finished_at=told.finished_at,
        values=told.values(objectives),
    )


def _bred(row: AttemptRow, told: _Told) -> list[Bred]:
    calls = []
    for request_hash, answer in told.calls.items():
        answered = ("", 0, 0, 0.0)
        if answer is not None:
            said = answer.completion
            answered = (said.model, said.prompt_tokens, said.completion_tokens, said.cost_usd)
        by, prompt_tokens, completion_tokens, cost_usd = answered
        lessons = told.selected.lessons
        calls.append(Bred(row, request_hash, by, lessons, prompt_tokens, completion_tokens, cost_usd))
    return calls
