"""One attempt: how it ended, how it was judged, and what models were asked for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from evolve.dashboard.figures import count, dollars, duration, moment, number
from evolve.dashboard.tables import Align, Cell, Column, Row, Tone
from evolve.dashboard.views.archive import Lead
from evolve.dashboard.views.programs import TONES
from evolve.domain.evaluation import Evaluation, Outcome
from evolve.domain.objective import Objective
from evolve.domain.problem import SEALED
from evolve.domain.program import Program
from evolve.domain.proposal import (
    REPEATS,
    Applied,
    Called,
    Completed,
    Completion,
    Evaluated,
    Finished,
    Learned,
    Lesson,
    Placement,
    Prompted,
    Request,
    Selected,
)
from evolve.domain.questions import AttemptRow
from evolve.domain.spread import Spread
from evolve.errors import NotFound
from evolve.interfaces import Entry

CHILDREN: Final = 100
INSTANCES: Final = 200
EVALUATIONS: Final = (
    Column("stage", "Stage"),
    Column("outcome", "Outcome"),
    Column("metrics", "Metrics", wide=True),
    Column("seconds", "Took", Align.RIGHT),
    Column("judge", "Judge", Align.LEFT),
)
CALLS: Final = (
    Column("at", "At"),
    Column("state", "State"),
    Column("model", "Model"),
    Column("detail", "Detail", wide=True),
    Column("cost", "Cost", Align.RIGHT),
)
OFFSPRING: Final = (
    Column("step", "Attempt", Align.RIGHT),
    Column("score", "Score", Align.RIGHT),
    Column("better", "Better than this by", Align.RIGHT),
    Column("outcome", "Outcome"),
    Column("operator", "Operator"),
    Column("placed", "Place"),
)


@dataclass(slots=True)
class Call:
    """A model call: what was asked, each state it was in, and the answer; None while there is none."""

    request: Request
    states: list[tuple[float | None, Called]] = field(default_factory=list)
    answer: Completion | None = None

    def in_words(self) -> str:
        """Say whom it asked, and what came of it."""
        if self.answer is None:
            return f"{self.request.model}: {self.states[-1][1].state if self.states else 'not sent'}, no answer"
        told = self.answer
        fault = f"; unusable: {told.fault}" if told.fault else ""
        size = f"{count(told.prompt_tokens)} tokens asked, {count(told.completion_tokens)} answered"
        return f"{told.model}: {size}, {dollars(told.cost_usd)}, {duration(told.seconds)}{fault}"


@dataclass(frozen=True, slots=True)
class Recorded:
    """All that is on record of a finished attempt."""

    selected: Selected
    finished: Finished
    finished_at: float
    program: Program | None
    evaluations: tuple[Evaluation, ...]
    calls: tuple[Call, ...]
    lessons: tuple[Lesson, ...]

    @property
    def scores(self) -> Mapping[str, float]:
        """Metrics by which it was told to the search; empty without."""
        told = [each for each in self.evaluations if each.stage != SEALED]
        return told[-1].metrics if told and told[-1].outcome is Outcome.VALID else {}


def recorded(entries: Iterable[Entry], step: int) -> Recorded:
    """Put what is on record of an attempt together. Raises NotFound for one that is not finished."""
    found = _Gathering()
    for entry in entries:
        found.take(entry)
    if found.selected is None or found.finished is None:
        raise NotFound(f"There is no finished attempt {step}.")
    return Recorded(
        found.selected,
        found.finished,
        found.finished_at,
        found.program,
        tuple(found.evaluations),
        tuple(found.calls.values()),
        found.lessons,
    )


@dataclass(slots=True)
class _Gathering:
    selected: Selected | None = None
    finished: Finished | None = None
    finished_at: float = 0.0
    program: Program | None = None
    evaluations: list[Evaluation] = field(default_factory=list)
    calls: dict[str, Call] = field(default_factory=dict)
    lessons: tuple[Lesson, ...] = ()

    def take(self, entry: Entry) -> None:
        match entry.record:
            case Selected() as selected:
                self.selected = selected
            case Prompted(_, key, request):
                self.calls[key] = Call(request)
            case Called() as called:
                self.calls[called.request_hash].states.append((entry.at, called))
            case Completed(_, key, completion):
                self.calls[key].answer = completion
            case Applied(program):
                self.program = program
            case Learned(_, lessons):
                self.lessons = lessons
            case Evaluated(_, evaluation):
                self.evaluations.append(evaluation)
            case Finished() as finished:
                self.finished, self.finished_at = finished, entry.at or 0.0


# ── at a glance ───────────────────────────────────────────────────────────────────────────────
def tiles(
    told: Recorded, objectives: Sequence[Objective], repeats: Sequence[Evaluation]
) -> Mapping[str, tuple[str, str]]:
    """Return what matters most; ``repeats`` are verdicts of attempts that judged it again."""
    spreads = intervals(objectives, repeats)
    scores = {o.name: _score(told, o, spreads.get(o.name)) for o in objectives}
    cost_usd = sum(call.answer.cost_usd for call in told.calls if call.answer is not None)
    finished = told.finished
    return {
        **scores,
        "outcome": (str(finished.outcome), finished.cause),
        "place": _place(finished),
        "made by": (told.selected.operator, told.selected.model or "no model"),
        "cost": (dollars(cost_usd), f"{len(told.calls)} calls"),
        "judging": (duration(sum(e.seconds for e in told.evaluations)), f"{len(told.evaluations)} evaluations"),
        "ended": (moment(told.finished_at), f"the {count(finished.sequence + 1)}. attempt to end"),
    }


def intervals(objectives: Sequence[Objective], repeats: Sequence[Evaluation]) -> Mapping[str, Spread]:
    """Return mean and interval of each objective over fresh repeats. The score that won a place is not among them:
    it was the highest of many."""
    valid = [e for e in repeats if e.outcome is Outcome.VALID and e.stage != SEALED]
    values = {o.name: [e.metrics[o.name] for e in valid if o.name in e.metrics] for o in objectives}
    return {name: Spread.of(told) for name, told in values.items() if told}


def _score(told: Recorded, objective: Objective, spread: Spread | None) -> tuple[str, str]:
    value = told.scores.get(objective.name)
    shown = number(value) if value is not None else "–"
    if spread is None:
        return shown, f"{objective.direction}; judged once" if value is not None else "no score"
    width = f" ± {spread.half_width:.2g}" if spread.count > 1 else ""
    return shown, f"judged again {spread.count}×: {number(spread.mean)}{width}"


def _place(finished: Finished) -> tuple[str, str]:
    if not finished.placement:
        return "none", finished.cell
    return finished.cell, {Placement.NEW: "a new cell", Placement.IMPROVED: "improved it"}.get(finished.placement, "")


def is_repeat(row: AttemptRow) -> bool:
    """Whether an attempt judged its parent again and made nothing of it."""
    return row.operator in REPEATS


def child_rows(children: Sequence[AttemptRow], own: Recorded, objective: Objective, lead: Lead) -> list[Row]:
    """Return what was made of a program, the latest first."""
    return [_child(row, own.scores.get(objective.name), objective, lead) for row in children if not is_repeat(row)]


def _child(row: AttemptRow, own: float | None, objective: Objective, lead: Lead) -> Row:
    value = row.values.get(objective.name)
    better = None if value is None or own is None else objective.gain(value) - objective.gain(own)
    tone = Tone.PLAIN if not better else Tone.GOOD if better > 0 else Tone.FAINT
    return Row(
        str(row.step),
        {
            "step": Cell(str(row.step), href=lead(row.step)),
            "score": Cell(number(value) if value is not None else "–"),
            "better": Cell("" if better is None else f"{better:+.4g}", tone=tone),
            "outcome": Cell(row.outcome.value, tone=TONES.get(row.outcome, Tone.BAD), title=row.cause),
            "operator": Cell(row.operator),
            "placed": Cell(row.cell if row.placement else ""),
        },
    )


# ── evaluations ───────────────────────────────────────────────────────────────────────────────
def evaluation_rows(evaluations: Sequence[Evaluation]) -> list[Row]:
    """Return a line for each verdict, in the order given."""
    return [
        Row(
            f"{place} {each.stage}",
            {
                "stage": Cell(_stage(each)),
                "outcome": Cell(each.outcome.value, tone=TONES.get(each.outcome, Tone.BAD)),
                "metrics": Cell(" · ".join(f"{name} {number(value)}" for name, value in each.metrics.items())),
                "seconds": Cell("judged before" if each.reused else duration(each.seconds)),
                "judge": Cell(each.judge_hash[:12], title="hash of the judge: only equal ones compare", mono=True),
            },
        )
        for place, each in enumerate(evaluations)
    ]


def instance_columns(evaluations: Sequence[Evaluation]) -> list[Column]:
    """Return the columns of scores by instance: one for each verdict that told them."""
    told = [Column(f"e{place}", _stage(each), Align.RIGHT) for place, each in _by_instance(evaluations)]
    return [Column("instance", "Instance"), *told]


def instance_rows(evaluations: Sequence[Evaluation]) -> list[Row]:
    """Return scores by instance, a line for each."""
    told = _by_instance(evaluations)
    names = list(dict.fromkeys(name for _, each in told for name in each.per_instance))[:INSTANCES]
    return [
        Row(
            name,
            {
                "instance": Cell(name),
                **{
                    f"e{place}": Cell(number(each.per_instance[name]))
                    for place, each in told
                    if name in each.per_instance
                },
            },
        )
        for name in names
    ]


def _by_instance(evaluations: Sequence[Evaluation]) -> list[tuple[int, Evaluation]]:
    return [(place, each) for place, each in enumerate(evaluations) if each.per_instance]


def _stage(evaluation: Evaluation) -> str:
    return f"{evaluation.stage}, repeat {evaluation.repeat}" if evaluation.repeat else evaluation.stage


# ── model calls ───────────────────────────────────────────────────────────────────────────────
def state_rows(call: Call) -> list[Row]:
    """Return each state that a call was in."""
    return [
        Row(
            str(place),
            {
                "at": Cell(moment(at) if at is not None else ""),
                "state": Cell(str(told.state)),
                "model": Cell(told.model),
                "detail": Cell(told.detail),
                "cost": Cell(dollars(told.cost_usd) if told.cost_usd else ""),
            },
        )
        for place, (at, told) in enumerate(call.states)
    ]
