"""Questions about a run as a whole, answered by indices and by what was counted when attempts finished."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, func, literal, select, true

from evolve.domain.evaluation import Outcome
from evolve.domain.objective import Objective
from evolve.domain.problem import SEALED
from evolve.domain.program import SEED_STEP
from evolve.domain.proposal import Placement
from evolve.domain.questions import (
    GATE,
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
)
from evolve.errors import ConfigurationError, NotFound, nearest
from evolve.interfaces import RunInfo
from evolve.store.connection import READ, transaction
from evolve.store.reading import Reader, numbers_of
from evolve.store.tables import completions, evaluations, metrics, programs, proposals, rankings, records, runs, tallies
from evolve.store.tables import objectives as declared

_CHUNK = 500
_DEEPEST = 100_000
"""Generations that a lineage follows."""


class SqlQuestions:
    """Implements :class:`evolve.interfaces.Questions` on a store's connection."""

    def __init__(self, connection: Connection, reader: Reader, place: str) -> None:
        self._connection = connection
        self._reader = reader
        self._place = place

    def runs(self) -> Sequence[RunInfo]:
        """Return all runs, newest first; their totals count finished attempts alone."""
        with transaction(self._connection, READ, self._place):
            return self._reader.counted_infos(true())

    def run(self, run: str) -> RunInfo:
        """Return one run; its totals count finished attempts alone."""
        with self._asked(run) as key:
            return self._reader.counted_infos(runs.c.key == key)[0]

    def status(self, run: str) -> Status:
        """Return how far the run is."""
        with self._asked(run) as key:
            unfinished = select(func.count()).where(proposals.c.run == key, proposals.c.sequence.is_(None))
            return status_of(self._tallies(key), int(self._connection.execute(unfinished).scalar_one()))

    def tallies(self, run: str) -> Sequence[Tally]:
        """Return finished attempts by who made them and how they ended."""
        with self._asked(run) as key:
            return self._tallies(key)

    def curve(self, run: str, objective: str, points: int) -> Sequence[Best]:
        """Return when an objective's best was beaten."""
        check_count(points, "points")
        with self._asked(run) as key:
            position, aim = self._objective(key, objective)
            created = self._connection.execute(select(runs.c.created_at).where(runs.c.key == key)).scalar_one()
            rows = self._connection.execute(self._thinned(key, position, points)).all()
        return [
            Best(row.sequence + 1, row.finished_at - created, row.cost_usd, row.step, aim.gain(row.gain))
            for row in rows
        ]

    def page(self, run: str, page: Page) -> Sequence[AttemptRow]:
        """Return some finished attempts."""
        with self._asked(run) as key:
            steps = self._ranked(key, page) if page.by else self._latest(key, page)
            return self._rows(key, steps)

    def sample(self, run: str, points: int) -> Sequence[AttemptRow]:
        """Return some finished attempts, evenly spread over the run."""
        with self._asked(run) as key:
            count = self._connection.execute(_last_sequence(key)).scalar()
            numbers = spread_numbers((count if count is not None else -1) + 1, points)
            query = select(proposals.c.step).where(proposals.c.run == key, proposals.c.sequence.in_(numbers))
            return self._rows(key, self._connection.execute(query.order_by(proposals.c.sequence)).scalars().all())

    def attempts(self, run: str, steps: Sequence[int]) -> Sequence[AttemptRow]:
        """Return these attempts, in this order."""
        check_count(max(len(steps), 1), "steps")
        with self._asked(run) as key:
            return self._rows(key, steps)

    def cells(self, run: str, limit: int) -> Sequence[Held]:
        """Return cells of the archive, the last to be filled first."""
        check_count(limit, "limit")
        with self._asked(run) as key:
            told = self._connection.execute(_last_in_cells(key, limit, self._connection.dialect.name)).all()
            places = [place_of(row.cell, row.step) for row in told]
            rows = {row.step: row for row in self._rows(key, [step for _, step in places])}
        return [Held(cell, rows[step]) for cell, step in places if step in rows]

    def lineage(self, run: str, step: int) -> Sequence[AttemptRow]:
        """Return an attempt, what it was edited from, and so on."""
        with self._asked(run) as key:
            steps = self._connection.execute(_ancestors(key, step)).scalars().all()
            found = self._rows(key, steps)
        if not found or found[0].step != step:
            raise NotFound(f"Run {run!r} has no finished attempt {step}.")
        return found

    def children(self, run: str, step: int, limit: int) -> Sequence[AttemptRow]:
        """Return attempts that edited this one's program or judged it again, the latest first."""
        check_count(limit, "limit")
        with self._asked(run) as key:
            of_parent = (proposals.c.run == key) & (proposals.c.parent == step) & (proposals.c.step != step)
            query = select(proposals.c.step).where(of_parent, proposals.c.sequence.is_not(None))
            latest = query.order_by(proposals.c.sequence.desc()).limit(limit)
            return self._rows(key, self._connection.execute(latest).scalars().all())

    def bred(self, run: str, page: Page) -> Sequence[Bred]:
        """Return model calls that bred elites, the latest first."""
        refuse_order(page)
        with self._asked(run) as key:
            query = select(proposals.c.step).where(proposals.c.run == key, proposals.c.placement > 0)
            called = query.where(
                select(literal(1))
                .where(completions.c.run == key, completions.c.step == proposals.c.step)
                .correlate(proposals)
                .exists()
            )
            steps = self._connection.execute(_in_order(called, page)).scalars().all()
            rows = {row.step: row for row in self._rows(key, steps)}
            asked = select(completions, proposals.c.lessons).join(
                proposals, and_(proposals.c.run == completions.c.run, proposals.c.step == completions.c.step)
            )
            found = asked.where(completions.c.run == key, completions.c.step.in_(steps)).order_by(completions.c.key)
            calls = defaultdict(list)
            for call in self._connection.execute(found):
                calls[call.step].append(_bred(call, rows[call.step]))
        return [call for step in steps for call in calls[step]]

    def _tallies(self, key: int) -> list[Tally]:
        query = select(tallies).where(tallies.c.run == key).order_by(*tallies.primary_key.columns)
        return [_tally(row) for row in self._connection.execute(query)]

    def _objective(self, key: int, name: str) -> tuple[int, Objective]:
        known = self._reader.objectives(key)
        for position, objective in enumerate(known):
            if objective.name == name:
                return position, objective
        raise unknown_objective(name, known)

    def _thinned(self, key: int, position: int, points: int) -> Select[Any]:
        """Select some records of an objective, evenly spread."""
        of_objective = (records.c.run == key) & (records.c.objective == position)
        count = self._connection.execute(select(func.count()).where(of_objective)).scalar_one()
        place = (func.row_number().over(order_by=records.c.sequence) - 1).label("place")
        numbered = select(records, place).where(of_objective).subquery()
        return select(numbered).where(numbered.c.place.in_(spread_numbers(count, points))).order_by(numbered.c.place)

    def _ranked(self, key: int, page: Page) -> Sequence[int]:
        position, _ = self._objective(key, page.by)
        order = (rankings.c.gain, rankings.c.step.desc()) if page.reverse else (rankings.c.gain.desc(), rankings.c.step)
        query = select(rankings.c.step).where(rankings.c.run == key, rankings.c.objective == position)
        wanted = _wanted(page)
        if wanted:
            of_attempt = and_(proposals.c.run == rankings.c.run, proposals.c.step == rankings.c.step)
            query = query.join(proposals, of_attempt).where(*wanted)
        return self._connection.execute(query.order_by(*order).limit(page.limit).offset(page.skip)).scalars().all()

    def _latest(self, key: int, page: Page) -> Sequence[int]:
        query = select(proposals.c.step).where(proposals.c.run == key, proposals.c.sequence.is_not(None))
        return self._connection.execute(_in_order(query.where(*_wanted(page)), page)).scalars().all()

    def _rows(self, key: int, steps: Sequence[int]) -> list[AttemptRow]:
        """Return finished attempts in the order of ``steps``."""
        found: dict[int, AttemptRow] = {}
        for start in range(0, len(steps), _CHUNK):
            chunk = steps[start : start + _CHUNK]
            values = self._values(key, chunk)
            query = select(proposals).where(proposals.c.run == key, proposals.c.step.in_(chunk))
            for row in self._connection.execute(query.where(proposals.c.sequence.is_not(None))):
                found[row.step] = _attempt_row(row, values.get(row.step, {}))
        return [found[step] for step in steps if step in found]

    def _values(self, key: int, steps: Sequence[int]) -> dict[int, dict[str, float]]:
        """Return objectives of valid programs, as first scored in the last stage that each reached."""
        names = {position: objective.name for position, objective in enumerate(self._reader.objectives(key))}
        found: dict[int, dict[str, float]] = defaultdict(dict)
        for step, position, value in self._connection.execute(_scores(key, steps)):
            found[step][names[position]] = value
        return found

    @contextmanager
    def _asked(self, run: str) -> Iterator[int]:
        """Give a run's key, inside of a transaction that reads."""
        with transaction(self._connection, READ, self._place):
            yield self._reader.key(run)


def unknown_objective(name: str, known: Sequence[Objective]) -> NotFound:
    """Return the error for an objective that a run does not have."""
    return NotFound(f"The run has no objective {name!r} on record. {nearest(name, [item.name for item in known])}")


def refuse_order(page: Page) -> None:
    """Raise ConfigurationError for a page that asks for an order, or a choice, where there is only one."""
    if page.by:
        raise ConfigurationError(f"by: expected '', found {page.by!r}: these are listed by age alone.")
    if page.outcome is not None or page.operator:
        raise ConfigurationError("outcome, operator: expected none: these are all that bred elites.")


def _wanted(page: Page) -> list[ColumnElement[bool]]:
    """Return what a page asks of attempts."""
    found: list[ColumnElement[bool]] = []
    if page.placed:
        found.append(proposals.c.placement > 0)
    if page.outcome is not None:
        found.append(proposals.c.outcome == page.outcome.value)
    if page.operator:
        found.append(proposals.c.operator == page.operator)
    return found


def _last_in_cells(key: int, limit: int, dialect: str) -> Select[Any]:
    """Select the attempts that were the last to place a program in each cell; names as :func:`place_of` reads them."""
    placed = (proposals.c.run == key) & (proposals.c.placement > 0)
    newest = func.max(proposals.c.sequence).label("newest")
    told = select(proposals.c.cell, newest).where(placed).group_by(proposals.c.cell).subquery()
    place = func.instr if dialect == "sqlite" else func.strpos
    name = func.substr(told.c.cell, 1, place(told.c.cell.concat(" ("), " (") - 1)
    last = func.max(told.c.newest).label("last")
    chosen = select(last).group_by(name).order_by(last.desc()).limit(limit).subquery()
    query = select(proposals.c.step, proposals.c.cell).join(chosen, proposals.c.sequence == chosen.c.last)
    return query.where(proposals.c.run == key).order_by(proposals.c.sequence.desc())


def _last_sequence(key: int) -> Select[Any]:
    return select(func.max(proposals.c.sequence)).where(proposals.c.run == key)


def _in_order(query: Select[Any], page: Page) -> Select[Any]:
    order = proposals.c.sequence if page.reverse else proposals.c.sequence.desc()
    return query.order_by(order).limit(page.limit).offset(page.skip)


def _ancestors(key: int, step: int) -> Select[Any]:
    """Select a step, its parent, and so on. A parent has a smaller number, so this ends."""
    first = select(proposals.c.step, proposals.c.parent, literal(0).label("generation"))
    line = first.where(proposals.c.run == key, proposals.c.step == step).cte("line", recursive=True)
    older = select(proposals.c.step, proposals.c.parent, line.c.generation + 1).where(
        proposals.c.run == key,
        proposals.c.step == line.c.parent,
        line.c.step != SEED_STEP,
        line.c.parent < line.c.step,
        line.c.generation < _DEEPEST,
    )
    whole = line.union_all(older)
    return select(whole.c.step).order_by(whole.c.generation)


def _scores(key: int, steps: Sequence[int]) -> Select[Any]:
    judged = evaluations.alias("judged")
    last_stage = (
        select(judged.c.stage)
        .where(
            judged.c.run == key,
            judged.c.step == metrics.c.step,
            judged.c.repeat == 0,
            judged.c.stage != SEALED,
        )
        .order_by(judged.c.key.desc())
        .limit(1)
        .correlate(metrics)
        .scalar_subquery()
    )
    of_program = and_(programs.c.run == metrics.c.run, programs.c.step == metrics.c.step)
    of_attempt = and_(proposals.c.run == metrics.c.run, proposals.c.step == metrics.c.step)
    of_objective = and_(declared.c.run == metrics.c.run, declared.c.name == metrics.c.name)
    return (
        select(metrics.c.step, declared.c.position, metrics.c.value)
        .join(proposals, of_attempt)
        .join(programs, of_program)
        .join(declared, of_objective)
        .where(
            metrics.c.run == key,
            metrics.c.step.in_(steps),
            metrics.c.repeat == 0,
            proposals.c.outcome == Outcome.VALID.value,
            metrics.c.stage == last_stage,
        )
        .order_by(metrics.c.step, declared.c.position)
    )


def _attempt_row(row: Row[Any], values: dict[str, float]) -> AttemptRow:
    return AttemptRow(
        step=row.step,
        sequence=row.sequence,
        parent=row.parent,
        island=row.island,
        operator=row.operator,
        model=row.model,
        outcome=Outcome(row.outcome),
        cause=cause_of(Outcome(row.outcome), row.cause),
        placement=Placement(row.placement),
        cell=row.cell,
        finished_at=row.finished_at,
        values=values,
    )


def cause_of(outcome: Outcome, cause: str) -> str:
    """Return the cause of a rejection; a gate has no code of its own in the record."""
    return GATE if outcome is Outcome.REJECTED and not cause else cause


def _tally(row: Row[Any]) -> Tally:
    outcome = Outcome(row.outcome)
    return Tally(
        operator=row.operator,
        model=row.model,
        outcome=outcome,
        cause=cause_of(outcome, row.cause),
        placement=Placement(row.placement),
        attempts=row.attempts,
        programs=row.programs,
        judged=row.judged,
        calls=row.calls,
        tokens=row.tokens,
        cost_usd=row.cost_usd,
        evaluation_s=row.evaluation_s,
    )


def _bred(row: Row[Any], attempt: AttemptRow) -> Bred:
    return Bred(
        attempt=attempt,
        request_hash=row.request_hash,
        answered_by=row.model or "",
        lessons=numbers_of(row.lessons),
        prompt_tokens=row.prompt_tokens or 0,
        completion_tokens=row.completion_tokens or 0,
        cost_usd=row.cost_usd or 0.0,
    )
