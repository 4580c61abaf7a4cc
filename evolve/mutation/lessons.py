"""Which lessons the next prompt shows, and what each has earned: a fold over finished attempts.

Insights are findings about the problem; a prompt shows one or none. Showing none now and then is what
makes an insight's effect measurable: it is the mean percentile of the attempts that showed it, less
that of the attempts that showed none. Instructions are variants of how the model is told to work,
with parents; each prompt has one, the default (nothing added) being one of them. They compete by the
mean percentile of their attempts, drawn by Thompson sampling.

The percentile of an attempt is its rank among the recent attempts of the same operator, failures
last. So a lesson earns nothing from the operators, problems or phases of a run in which it is shown.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right, insort
from collections import OrderedDict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from evolve.domain.evaluation import Scored
from evolve.domain.proposal import Lesson, LessonKind
from evolve.errors import ConfigurationError
from evolve.interfaces import Standing
from evolve.mutation.credit import Grader

DEFAULT_INSTRUCTION = 0
"""Stands for nothing added. No lesson has this id, since the seed draws none."""
_PERCENTILE_SD = 0.29
"""Standard deviation of one percentile: they are uniform."""
_INSIGHT_PRIOR, _INSTRUCTION_PRIOR = 6.0, 2.0
_DOUBLING = 0.06
"""An insight that lifts the mean percentile by this much is shown twice as often."""
_LEAST_SHOWN = 12.0
_ERRORS_TO_DROP = 2.5
_WINDOW = 128
_LATE = 512
"""Lessons whose text is kept after they were dropped: attempts in flight may still show them."""


@dataclass(slots=True)
class _Record:
    """A lesson with what it earned; the sums are discounted to ``at`` finished attempts."""

    lesson: Lesson
    born: int
    prior: float = 0.5
    shown: float = 0.0
    percentiles: float = 0.0
    at: int = 0

    def add(self, percentile: float, now: int, half_life: float) -> None:
        fade = 0.5 ** ((now - self.at) / half_life)
        self.shown = self.shown * fade + 1.0
        self.percentiles = self.percentiles * fade + percentile
        self.at = now

    def mean(self, prior_weight: float) -> float:
        return (self.percentiles + self.prior * prior_weight) / (self.shown + prior_weight)

    def standing(self) -> Standing:
        return Standing(self.lesson, self.shown, self.percentiles / self.shown if self.shown else self.prior)


@dataclass(slots=True)
class _Recent:
    """The heights of an operator's recent attempts, in order of arrival and sorted."""

    arrived: deque[float] = field(default_factory=deque)
    ordered: list[float] = field(default_factory=list)

    def percentile(self, height: float) -> float:
        """Return the share of them below ``height``, equal ones counting half, and take it in."""
        count = len(self.ordered)
        within = bisect_left(self.ordered, height) + bisect_right(self.ordered, height)
        insort(self.ordered, height)
        self.arrived.append(height)
        if count == _WINDOW:
            del self.ordered[bisect_left(self.ordered, self.arrived.popleft())]
        return 0.5 * within / count if count else 0.5


class Lessons:
    """Chooses lessons for prompts. State comes from ``learn`` and ``observe`` alone.

    Args:
        max_insights: shown in one prompt; 0 for none.
        show_insights: share of the prompts that show any.
        insight_every: steps between two distillations; 0 for never.
        instructions: whether variants of the instruction compete; False shows the default only.
        instruction_every: steps between two proposals of a new instruction; 0 for never.
        min_evidence: attempts that must have asked a model since the last distillation of the kind.
        half_life: finished attempts after which a result counts half.
        keep_insights, keep_instructions: how many compete; beyond that the worst is dropped.
    """

    def __init__(
        self,
        *,
        max_insights: int = 1,
        show_insights: float = 0.7,
        insight_every: int = 40,
        instructions: bool = True,
        instruction_every: int = 100,
        min_evidence: int = 10,
        half_life: float = 500,
        keep_insights: int = 32,
        keep_instructions: int = 8,
    ) -> None:
        _check(show_insights, half_life, {"keep_insights": keep_insights, "keep_instructions": keep_instructions})
        self._max_insights = max_insights
        self._show_insights = show_insights
        self._instructing = instructions
        self._half_life = half_life
        self._keep = {LessonKind.INSIGHT: keep_insights, LessonKind.INSTRUCTION: keep_instructions}
        self._every = {
            LessonKind.INSIGHT: insight_every if max_insights else 0,
            LessonKind.INSTRUCTION: instruction_every if instructions else 0,
        }
        self._min_evidence = min_evidence
        self._evidence = dict.fromkeys(LessonKind, 0)
        self._finished = 0
        self._insights: dict[int, _Record] = {}
        default = Lesson(DEFAULT_INSTRUCTION, LessonKind.INSTRUCTION, "")
        self._instructions = {DEFAULT_INSTRUCTION: _Record(default, 0)}
        self._without = _Record(default, 0)
        self._late: OrderedDict[int, Lesson] = OrderedDict()
        self._grader = Grader()
        self._recent: dict[str, _Recent] = {}

    # ── for the next prompt ───────────────────────────────────────────────────────────────────
    def choose(self, rng: np.random.Generator) -> tuple[int, ...]:
        """Return the ids of the lessons to show: at most one instruction first, then insights."""
        instruction = self._drawn_instruction(rng)
        chosen = [] if instruction == DEFAULT_INSTRUCTION else [instruction]
        if self._max_insights and self._insights and rng.random() < self._show_insights:
            chosen += self._drawn_insights(rng)
        return tuple(chosen)

    def get(self, ids: Sequence[int]) -> Sequence[Lesson]:
        """Return lessons by id, for a prompt; ones that were dropped long ago are left out."""
        known = (self._known(id) for id in ids)
        return [lesson for lesson in known if lesson is not None]

    def due(self, step: int) -> LessonKind | None:
        """Return what should be distilled at this step instead of an ordinary proposal, if anything.

        It goes by step, so that attempts in flight never start the same distillation twice.
        """
        if self._is_due(LessonKind.INSIGHT, step, 0.0):
            return LessonKind.INSIGHT
        return LessonKind.INSTRUCTION if self._is_due(LessonKind.INSTRUCTION, step, 0.75) else None

    def is_ripe(self, kind: LessonKind) -> bool:
        """Whether lessons of this kind are wanted, and enough has happened since the last were drawn."""
        every = self._every[kind]
        return bool(every) and self._evidence[kind] >= min(self._min_evidence, every)

    def standings(self, kind: LessonKind) -> Sequence[Standing]:
        """Return the lessons that compete with what they earned, the best first; the default among them."""
        records = self._of(kind).values()
        weight = _INSIGHT_PRIOR if kind is LessonKind.INSIGHT else _INSTRUCTION_PRIOR
        return [record.standing() for record in sorted(records, key=lambda r: (-r.mean(weight), r.lesson.id))]

    # ── the fold ──────────────────────────────────────────────────────────────────────────────
    def learn(self, lessons: Sequence[Lesson]) -> None:
        """Take in what a finished attempt drew. Insights without evidence, and repetitions, are left out."""
        for lesson in lessons:
            self._evidence[lesson.kind] = 0
            if lesson.kind is LessonKind.INSIGHT and not lesson.evidence:
                continue
            records = self._of(lesson.kind)
            if _words(lesson.text) in {_words(record.lesson.text) for record in records.values()}:
                continue
            records[lesson.id] = _Record(lesson, self._finished, self._prior(lesson), at=self._finished)
            if len(records) > self._keep[lesson.kind]:
                self._drop(lesson.kind, self._worst(lesson.kind, spared=lesson.id))

    def observe(self, scored: Scored) -> None:
        """Learn how an attempt ended, whatever made it; called once for each, in order."""
        self._finished += 1
        grade = self._grader.grade(scored)
        if grade is not None and scored.model:
            for kind in LessonKind:
                self._evidence[kind] += 1
            recent = self._recent.setdefault(scored.operator, _Recent())
            self._credit(self.get(scored.lessons), recent.percentile(grade.height))
        self._expire()

    def _credit(self, shown: Sequence[Lesson], percentile: float) -> None:
        """Lessons that were dropped meanwhile get none, but the attempt is not one without them either."""
        instruction = instruction_of(shown)
        ids = [DEFAULT_INSTRUCTION if instruction is None else instruction.id]
        records = [self._instructions[id] for id in ids if id in self._instructions]
        insights = [lesson.id for lesson in shown if lesson.kind is LessonKind.INSIGHT]
        records += [self._insights[id] for id in insights if id in self._insights]
        if not insights:
            records.append(self._without)
        for record in records:
            record.add(percentile, self._finished, self._half_life)

    def _expire(self) -> None:
        for id, record in list(self._insights.items()):
            lasts = record.lesson.expires_after
            if (lasts is not None and self._finished - record.born >= lasts) or self._is_wrong(record):
                self._drop(LessonKind.INSIGHT, id)

    def _is_wrong(self, record: _Record) -> bool:
        """Whether attempts that showed it did worse than those without, beyond chance."""
        if record.shown < _LEAST_SHOWN or self._without.shown < _LEAST_SHOWN:
            return False
        error = _PERCENTILE_SD * math.sqrt(1.0 / record.shown + 1.0 / self._without.shown)
        return record.mean(0.0) - self._without.mean(0.0) < -_ERRORS_TO_DROP * error

    # ── choosing ──────────────────────────────────────────────────────────────────────────────
    def _effect(self, record: _Record) -> float:
        return record.mean(_INSIGHT_PRIOR) - self._without.mean(_INSIGHT_PRIOR)

    def _drawn_insights(self, rng: np.random.Generator) -> list[int]:
        left = {id: self._weight(record) for id, record in self._insights.items()}
        chosen: list[int] = []
        while left and len(chosen) < self._max_insights:
            chosen.append(_drawn(left, rng))
            del left[chosen[-1]]
        return chosen

    def _weight(self, record: _Record) -> float:
        return max(record.lesson.confidence, 0.01) * math.exp2(self._effect(record) / _DOUBLING)

    def _drawn_instruction(self, rng: np.random.Generator) -> int:
        if not self._instructing or len(self._instructions) == 1:
            return DEFAULT_INSTRUCTION
        noise = rng.standard_normal(len(self._instructions))
        best, found = -np.inf, DEFAULT_INSTRUCTION
        for (id, record), deviation in zip(self._instructions.items(), noise.tolist(), strict=True):
            sample = record.mean(_INSTRUCTION_PRIOR) + deviation * _PERCENTILE_SD / math.sqrt(record.shown + 1.0)
            if sample > best:
                best, found = sample, id
        return found

    # ── keeping ───────────────────────────────────────────────────────────────────────────────
    def _of(self, kind: LessonKind) -> dict[int, _Record]:
        return self._insights if kind is LessonKind.INSIGHT else self._instructions

    def _known(self, id: int) -> Lesson | None:
        record = self._insights.get(id) or self._instructions.get(id)
        return record.lesson if record is not None else self._late.get(id)

    def _prior(self, lesson: Lesson) -> float:
        """What is expected of a lesson before it was shown: what its parents earned."""
        if lesson.kind is LessonKind.INSIGHT:
            return self._without.mean(_INSIGHT_PRIOR)
        parents = [self._instructions[id].mean(_INSTRUCTION_PRIOR) for id in lesson.parents if id in self._instructions]
        return sum(parents) / len(parents) if parents else 0.5

    def _worst(self, kind: LessonKind, spared: int) -> int:
        if kind is LessonKind.INSIGHT:
            return min((id for id in self._insights if id != spared), key=lambda id: self._weight(self._insights[id]))
        candidates = [id for id in self._instructions if id not in (spared, DEFAULT_INSTRUCTION)]
        return min(candidates, key=lambda id: self._instructions[id].mean(_INSTRUCTION_PRIOR))

    def _drop(self, kind: LessonKind, id: int) -> None:
        self._late[id] = self._of(kind).pop(id).lesson
        if len(self._late) > _LATE:
            self._late.popitem(last=False)

    def _is_due(self, kind: LessonKind, step: int, offset: float) -> bool:
        every = self._every[kind]
        if not every or step < every or step % every != int(offset * every):
            return False
        return self.is_ripe(kind)


def _drawn(weights: Mapping[int, float], rng: np.random.Generator) -> int:
    point = rng.random() * sum(weights.values())
    for id, weight in weights.items():
        point -= weight
        if point < 0:
            return id
    return list(weights)[-1]


def _words(text: str) -> str:
    return " ".join("".join(c if c.isalnum() else " " for c in text.casefold()).split())


def _check(show_insights: float, half_life: float, kept: Mapping[str, int]) -> None:
    if not 0 <= show_insights <= 1:
        raise ConfigurationError(f"show_insights: expected a number from 0 to 1, found {show_insights}.")
    if not half_life > 0:
        raise ConfigurationError(f"half_life: expected a number above 0, found {half_life}.")
    for name, count in kept.items():
        if count < 2:
            raise ConfigurationError(f"{name}: expected 2 or more, found {count}.")


def instruction_of(lessons: Sequence[Lesson]) -> Lesson | None:
    """Return the instruction among lessons, if there is one."""
    return next((lesson for lesson in lessons if lesson.kind is LessonKind.INSTRUCTION), None)
