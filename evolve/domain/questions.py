"""What can be asked of a run as a whole, and what comes back: small values, never whole histories."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

from evolve.domain.evaluation import Outcome
from evolve.domain.proposal import Placement
from evolve.errors import ConfigurationError

GATE: Final = "gate"
"""What stands for the cause of attempts that a stage's gate, or a judge's interim report, stopped."""
MOST_ROWS: Final = 1000
_Row = TypeVar("_Row")


@dataclass(frozen=True, slots=True)
class Page:
    """Which attempts to list, and how many.

    Args:
        by: the name of an objective, for valid programs, the best first; empty for all finished attempts,
            the latest first.
        skip: how many of them come before the page.
        limit: the longest page, 1 to MOST_ROWS.
        reverse: the worst, or the earliest, first.
        placed: only those that got a place in the archive.
        outcome: only those that ended so; None for any.
        operator: only those of this operator; empty for any.
    """

    by: str = ""
    skip: int = 0
    limit: int = 50
    reverse: bool = False
    placed: bool = False
    outcome: Outcome | None = None
    operator: str = ""

    def __post_init__(self) -> None:
        check_count(self.limit, "limit")
        if self.skip < 0:
            raise ConfigurationError(f"skip: expected at least 0, found {self.skip}.")


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """A finished attempt in one line.

    ``values`` holds its objectives, in the judge's own units, if it made a valid program: as first scored in
    the last stage that it reached. ``finished_at`` is in seconds since the epoch.
    """

    step: int
    sequence: int
    parent: int
    island: int
    operator: str
    model: str
    outcome: Outcome
    cause: str
    placement: Placement
    cell: str
    finished_at: float
    values: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Status:
    """How far a run is. All but ``proposals`` and ``in_flight`` count finished attempts; money and tokens too."""

    proposals: int
    in_flight: int
    finished: int
    programs: int
    judged: int
    valid: int
    placed: int
    calls: int
    tokens: int
    cost_usd: float
    evaluation_s: float


@dataclass(frozen=True, slots=True)
class Tally:
    """How many finished attempts were alike in who made them and how they ended, and what they cost together.

    Args:
        cause: of a rejection, ``gate`` where a stage's gate stopped it; empty for others.
        attempts, programs, judged: how many; those that made a program; those that were judged.
        calls, tokens, cost_usd: of model calls.
        evaluation_s: seconds of evaluations until the attempt was over, but those of the sealed stage.
    """

    operator: str
    model: str
    outcome: Outcome
    cause: str
    placement: Placement
    attempts: int = 0
    programs: int = 0
    judged: int = 0
    calls: int = 0
    tokens: int = 0
    cost_usd: float = 0.0
    evaluation_s: float = 0.0

    @property
    def valid(self) -> int:
        """How many ended VALID."""
        return self.attempts if self.outcome is Outcome.VALID else 0

    @property
    def placed(self) -> int:
        """How many got a place in the archive."""
        return self.attempts if self.placement else 0


@dataclass(frozen=True, slots=True)
class Best:
    """An objective's best was beaten.

    Args:
        proposals: finished attempts, this one included.
        seconds: since the run was created; pauses count.
        cost_usd: of model calls of those attempts.
        step, value: the program, and its score in the judge's own units.
    """

    proposals: int
    seconds: float
    cost_usd: float
    step: int
    value: float


@dataclass(frozen=True, slots=True)
class Bred:
    """A model call of an attempt whose program got a place in the archive."""

    attempt: AttemptRow
    request_hash: str
    answered_by: str
    lessons: tuple[int, ...]
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float


@dataclass(frozen=True, slots=True)
class Held:
    """A cell of the archive, and the program that was last placed in it by an attempt.

    Copies that migration makes, and islands that begin anew, are no attempts: they are not in the record.
    """

    cell: str
    attempt: AttemptRow


@dataclass(frozen=True, slots=True)
class Sums:
    """Several tallies added up under one name."""

    name: str
    attempts: int
    programs: int
    valid: int
    placed: int
    calls: int
    tokens: int
    cost_usd: float
    evaluation_s: float


def status_of(tallies: Sequence[Tally], in_flight: int) -> Status:
    """Return how far a run is, from what it counted."""
    total = _sums("", tallies)
    return Status(
        proposals=total.attempts + in_flight,
        in_flight=in_flight,
        finished=total.attempts,
        programs=total.programs,
        judged=sum(tally.judged for tally in tallies),
        valid=total.valid,
        placed=total.placed,
        calls=total.calls,
        tokens=total.tokens,
        cost_usd=total.cost_usd,
        evaluation_s=total.evaluation_s,
    )


def summed(tallies: Iterable[Tally], name: Callable[[Tally], str]) -> list[Sums]:
    """Return tallies added up by a name, the largest group first: ``summed(tallies, lambda t: t.operator)``."""
    groups: dict[str, list[Tally]] = {}
    for tally in tallies:
        groups.setdefault(name(tally), []).append(tally)
    sums = [_sums(key, group) for key, group in groups.items()]
    return sorted(sums, key=lambda group: (-group.attempts, group.name))


def place_of(cell: str, step: int) -> tuple[str, int]:
    """Return the name of the cell where an attempt placed a program, and that program's step.

    Usually the program is the attempt's own; where it was on trial, the attempt that ended the trial says which:
    ``i0:3,7 (41)``.
    """
    name, _, told = cell.partition(" (")
    number = told.rstrip(")").partition(" ")[0]
    return name, int(number) if number.isdecimal() else step


def thinned(rows: Sequence[_Row], points: int) -> list[_Row]:
    """Return at most ``points`` of the rows, evenly spread, the first and the last among them."""
    check_count(points, "points")
    if len(rows) <= points:
        return list(rows)
    if points == 1:
        return [rows[-1]]
    return [rows[index * (len(rows) - 1) // (points - 1)] for index in range(points)]


def spread_numbers(count: int, points: int) -> list[int]:
    """Return at most ``points`` of the numbers below ``count``, evenly spread, the first and the last among them."""
    return thinned(range(count), points)


def check_count(count: int, name: str) -> None:
    """Raise ConfigurationError unless ``count`` is 1 to MOST_ROWS."""
    if not 1 <= count <= MOST_ROWS:
        raise ConfigurationError(f"{name}: expected 1 to {MOST_ROWS}, found {count}.")


def _sums(name: str, tallies: Sequence[Tally]) -> Sums:
    return Sums(
        name=name,
        attempts=sum(tally.attempts for tally in tallies),
        programs=sum(tally.programs for tally in tallies),
        valid=sum(tally.valid for tally in tallies),
        placed=sum(tally.placed for tally in tallies),
        calls=sum(tally.calls for tally in tallies),
        tokens=sum(tally.tokens for tally in tallies),
        cost_usd=sum(tally.cost_usd for tally in tallies),
        evaluation_s=sum(tally.evaluation_s for tally in tallies),
    )
