"""How an evaluation ended and what it reported."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from evolve.domain.objective import Constraint, Feature, Objective


class Outcome(StrEnum):
    """How an evaluation ended. Only VALID carries metrics into selection."""

    VALID = "valid"
    INVALID = "invalid"
    """The judge refused the answer: wrong shape, infeasible, not finite, a metric missing."""
    CRASHED = "crashed"
    """The program raised, exited, or was killed for exceeding a limit other than time."""
    TIMED_OUT = "timed_out"
    REJECTED = "rejected"
    """Stopped after a stage by its gate, or during one because its result would at best be hopeless."""
    INFRASTRUCTURE = "infrastructure"
    """Our fault: retried, never scored, never blamed on the program."""


REUSABLE: Final = frozenset({Outcome.VALID, Outcome.INVALID, Outcome.CRASHED})
"""Outcomes that a program has of itself: time and bars depend on more than its files."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The verdict on one stage of one program.

    Args:
        stage: name of the stage of the cascade.
        repeat: 0 for the first evaluation of this stage, then 1, 2, ...
        outcome: how it ended.
        metrics: every number the judge reported; finite. Empty unless VALID or REJECTED; of one that was
            stopped during the stage, the bounds it had reported by then.
        feedback: the judge's words for the author of the next program; the error when it failed.
        artifacts: named bytes for people and prompts (text as UTF-8, pictures as PNG).
        per_instance: instance name -> its own score, on the judge's scale.
        seconds: wall time the stage took.
        judge_hash: hash of judge code, data and parameters; only equal hashes are comparable.
        reused: taken over from an earlier evaluation of the same files by the same judge; ``seconds`` is 0.
    """

    stage: str
    outcome: Outcome
    judge_hash: str
    repeat: int = 0
    metrics: Mapping[str, float] = field(default_factory=dict)
    feedback: str = ""
    artifacts: Mapping[str, bytes] = field(default_factory=dict)
    per_instance: Mapping[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    reused: bool = False

    def agrees(self, other: Evaluation) -> bool:
        """Whether both judge and outcome are the same, and every number."""
        return (self.judge_hash, self.outcome, self.metrics) == (other.judge_hash, other.outcome, other.metrics)


@dataclass(frozen=True, slots=True)
class Scored:
    """What the search knows of a finished attempt: small, no files, no texts.

    Args:
        step: the attempt.
        island: where it belongs.
        parents: steps of its parents, the edited one first.
        operator: name of the operator that made it.
        outcome: of its last evaluation; REJECTED when it never became a program.
        gains: one number per objective, higher is better; empty unless VALID.
        features: one number per declared feature; empty unless VALID.
        per_instance: scores by instance, for searches that keep winners per instance; gains like
            ``gains`` (higher is better), on the understanding that the judge's own scale is that of
            the first objective.
        cost_usd: money the attempt cost.
        seconds: evaluation time.
        model: name of the member of the ensemble that was asked; empty for none.
        lessons: ids of the lessons its prompt showed.
        violation: by how much declared constraints are broken; 0 when all hold. One that breaks
            them less is better whatever the gains.
        shape: what the program's text looks like, one number per entry of
            ``domain.shape.SHAPE_NAMES``; empty unless VALID.
        reference: with the seed alone, the gains that hypervolume is measured from: those the problem
            declares, its own where it declares none.
        rescored: step of the program that was judged again; then ``gains`` are those of this repeat
            alone, and there is no new program.
    """

    step: int
    island: int
    parents: tuple[int, ...]
    operator: str
    outcome: Outcome
    gains: tuple[float, ...] = ()
    features: tuple[float, ...] = ()
    per_instance: Mapping[str, float] = field(default_factory=dict)
    cost_usd: float = 0.0
    seconds: float = 0.0
    model: str = ""
    lessons: tuple[int, ...] = ()
    violation: float = 0.0
    shape: tuple[float, ...] = ()
    reference: tuple[float, ...] = ()
    rescored: int | None = None

    @property
    def valid(self) -> bool:
        """Whether selection may use it."""
        return self.outcome is Outcome.VALID


def missing_metrics(
    metrics: Mapping[str, float],
    objectives: Sequence[Objective],
    features: Sequence[Feature],
    constraints: Sequence[Constraint] = (),
) -> str:
    """Return why ``metrics`` cannot be used for selection, or an empty string."""
    needed = (
        *(("objective", objective.name) for objective in objectives),
        *(("feature", feature.name) for feature in features),
        *(("constraint", constraint.metric) for constraint in constraints),
    )
    for kind, name in needed:
        value = metrics.get(name)
        if value is None:
            known = sorted(metrics)
            return f"The judge reported no {name!r}, declared as {kind} in problem.yaml; it reported {known}."
        if not math.isfinite(value):
            return f"The {kind} {name!r} is {value}, not a finite number."
    return ""
