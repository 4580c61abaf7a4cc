"""How a run went: what each attempt came to, and when the best got better. One pass over the record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from evolve.controller.decisions import Ended, scored_of
from evolve.domain.evaluation import Outcome, Scored
from evolve.domain.objective import merit
from evolve.domain.problem import Problem
from evolve.domain.proposal import REPEATS, Attempt
from evolve.search.pareto import ParetoFront

_SAMPLE = 2_000
GATE = "gate"
"""The cause of programs that a stage's gate stopped."""


@dataclass(frozen=True, slots=True)
class Advance:
    """The best got better: ``told`` attempts had ended by then, for ``cost_usd`` and ``evaluation_s`` in all."""

    step: int
    told: int
    cost_usd: float
    evaluation_s: float
    gains: tuple[float, ...]


@dataclass
class Tally:
    """What the attempts of one operator or model came to."""

    proposed: int = 0
    valid: int = 0
    placed: int = 0
    cost_usd: float = 0.0
    tokens: int = 0

    def add(self, attempt: Attempt) -> None:
        """Count an attempt."""
        self.proposed += 1
        self.valid += attempt.finished.outcome is Outcome.VALID
        self.placed += bool(attempt.finished.placement)
        self.cost_usd += attempt.usage.cost_usd
        self.tokens += attempt.usage.tokens


@dataclass(frozen=True, slots=True)
class Course:
    """How a run went.

    Args:
        attempts: how many have ended.
        advances: when the best got better, as programs were first judged; the seed is the first.
        sample: (attempts told, gains) of up to some thousands of VALID programs, evenly chosen; ``thinned`` if
            those are not all.
        front: the programs that no other dominates, as first judged.
        outcomes, causes: how attempts ended; why those without a verdict were rejected.
        operators, models: what came of their attempts.
        reused: verdicts that were taken over from the store.
        repeats: attempts that judged a program again.
    """

    attempts: int
    advances: tuple[Advance, ...]
    sample: tuple[tuple[int, tuple[float, ...]], ...]
    thinned: bool
    front: tuple[Scored, ...]
    outcomes: Mapping[str, int]
    causes: Mapping[str, int]
    operators: Mapping[str, Tally]
    models: Mapping[str, Tally]
    reused: int
    repeats: int


@dataclass
class _Pass:
    problem: Problem
    attempts: int = 0
    cost_usd: float = 0.0
    evaluation_s: float = 0.0
    best: tuple[float, ...] | None = None
    advances: list[Advance] = field(default_factory=list)
    every: int = 1
    sample: list[tuple[int, tuple[float, ...]]] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)
    causes: Counter[str] = field(default_factory=Counter)
    operators: dict[str, Tally] = field(default_factory=dict)
    models: dict[str, Tally] = field(default_factory=dict)
    reused: int = 0
    repeats: int = 0

    def __post_init__(self) -> None:
        self.front = ParetoFront(self.problem.features)

    def add(self, attempt: Attempt) -> None:
        selected, finished, evaluation = attempt.selected, attempt.finished, attempt.evaluation
        self.attempts += 1
        self.cost_usd += attempt.usage.cost_usd
        self.evaluation_s += attempt.evaluation_s
        self.reused += evaluation is not None and evaluation.reused
        self.outcomes[finished.outcome] += 1
        self.operators.setdefault(selected.operator, Tally()).add(attempt)
        if attempt.usage.calls:
            self.models.setdefault(selected.model, Tally()).add(attempt)
        if finished.outcome is Outcome.REJECTED:
            self.causes[GATE if evaluation is not None else finished.cause] += 1
        if selected.operator in REPEATS:
            self.repeats += 1
        elif finished.outcome is Outcome.VALID:
            self._valid(scored_of(self.problem, Ended.on_record(attempt)))

    def _valid(self, scored: Scored) -> None:
        self.front.add(scored)
        if self.best is None or merit(scored) > self.best:
            self.best = merit(scored)
            self.advances.append(Advance(scored.step, self.attempts, self.cost_usd, self.evaluation_s, scored.gains))
        if self.attempts % self.every == 0:
            self.sample.append((self.attempts, scored.gains))
        if len(self.sample) > _SAMPLE:
            self.every *= 2
            self.sample = [point for point in self.sample if point[0] % self.every == 0]


def course(problem: Problem, history: Iterable[Attempt]) -> Course:
    """Return how a run went. Takes the time of reading the whole record, and memory that does not grow with it."""
    found = _Pass(problem)
    for attempt in history:
        found.add(attempt)
    return Course(
        attempts=found.attempts,
        advances=tuple(found.advances),
        sample=tuple(found.sample),
        thinned=found.every > 1,
        front=tuple(found.front.elites()),
        outcomes=dict(found.outcomes),
        causes=dict(found.causes),
        operators=found.operators,
        models=found.models,
        reused=found.reused,
        repeats=found.repeats,
    )
