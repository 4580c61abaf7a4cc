"""What a run's work came to: by operator and model, prompts, throughput, and how far scores repeat."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from evolve.dashboard.figures import count, dollars, duration, number, share
from evolve.dashboard.tables import Align, Cell, Column, Row
from evolve.dashboard.views.archive import Lead
from evolve.domain.evaluation import Evaluation
from evolve.domain.objective import Objective
from evolve.domain.problem import SEALED, Problem
from evolve.domain.questions import AttemptRow, Bred, Status, Sums, Tally, summed
from evolve.domain.spread import Spread
from evolve.interfaces import RunInfo

SAMPLE: Final = 100
BRED: Final = 20
REPEATED: Final = 60
_NO_MODEL = "no model"

MAKERS: Final = (
    Column("name", "Name"),
    Column("attempts", "Attempts", Align.RIGHT),
    Column("programs", "Made a program", Align.RIGHT),
    Column("valid", "Valid", Align.RIGHT),
    Column("placed", "Placed"),
    Column("calls", "Calls", Align.RIGHT),
    Column("tokens", "Tokens", Align.RIGHT),
    Column("cost", "Cost", Align.RIGHT),
    Column("each", "Cost of one placed", Align.RIGHT),
    Column("judging", "Judging", Align.RIGHT),
)
PROMPTS: Final = (
    Column("program", "Program", Align.RIGHT),
    Column("operator", "Operator"),
    Column("model", "Answered by"),
    Column("value", "Score", Align.RIGHT),
    Column("prompt", "Prompt", Align.RIGHT),
    Column("answer", "Answer", Align.RIGHT),
    Column("cost", "Cost", Align.RIGHT),
    Column("lessons", "Lessons shown"),
)
NOISE: Final = (
    Column("program", "Program", Align.RIGHT),
    Column("objective", "Objective"),
    Column("first", "First score", Align.RIGHT),
    Column("again", "Judged again", Align.RIGHT),
    Column("mean", "Mean, 95 %", Align.RIGHT),
    Column("sd", "One score is good to", Align.RIGHT),
)


def maker_rows(tallies: Sequence[Tally], name: Callable[[Tally], str]) -> list[Row]:
    """Return what attempts came to, by operator or by model."""
    return [_maker(group) for group in summed(tallies, name)]


def by_operator(tally: Tally) -> str:
    """Group by operator."""
    return tally.operator


def by_model(tally: Tally) -> str:
    """Group by model."""
    return tally.model or _NO_MODEL


def _maker(group: Sums) -> Row:
    placed = group.placed / group.attempts if group.attempts else 0.0
    each = dollars(group.cost_usd / group.placed) if group.placed and group.cost_usd else "–"
    return Row(
        group.name,
        {
            "name": Cell(group.name),
            "attempts": Cell(count(group.attempts)),
            "programs": Cell(share(group.programs, group.attempts)),
            "valid": Cell(share(group.valid, group.attempts)),
            "placed": Cell(f"{placed:.1%}", share=placed),
            "calls": Cell(count(group.calls)),
            "tokens": Cell(count(group.tokens)),
            "cost": Cell(dollars(group.cost_usd)),
            "each": Cell(each),
            "judging": Cell(duration(group.evaluation_s)),
        },
    )


def prompt_rows(bred: Sequence[Bred], objective: Objective, lead: Lead) -> list[Row]:
    """Return the model calls that bred elites, the latest first."""
    return [
        Row(
            f"{call.attempt.step}:{call.request_hash}",
            {
                "program": Cell(str(call.attempt.step), href=lead(call.attempt.step)),
                "operator": Cell(call.attempt.operator),
                "model": Cell(call.answered_by or "no answer"),
                "value": Cell(_value(call.attempt, objective)),
                "prompt": Cell(count(call.prompt_tokens)),
                "answer": Cell(count(call.completion_tokens)),
                "cost": Cell(dollars(call.cost_usd)),
                "lessons": Cell(", ".join(map(str, call.lessons)) or "–"),
            },
        )
        for call in bred
    ]


def _value(row: AttemptRow, objective: Objective) -> str:
    return number(row.values[objective.name]) if objective.name in row.values else "–"


# ── throughput ────────────────────────────────────────────────────────────────────────────────
def rates(sample: Sequence[AttemptRow], begun_at: float) -> tuple[list[float], list[float]]:
    """Return (seconds since the run was begun, attempts a second until then) between attempts of a sample."""
    moments, found = [], []
    for before, after in pairwise(sample):
        seconds = after.finished_at - before.finished_at
        if seconds > 0:
            moments.append(after.finished_at - begun_at)
            found.append((after.sequence - before.sequence) / seconds)
    return moments, found


def places(info: RunInfo, status: Status, problem: Problem | None, holder: str | None) -> Mapping[str, tuple[str, str]]:
    """Return where the work is done, and how busy it was kept."""
    executor = _mapping(info.config.get("executor"))
    width = executor.get("width")
    gpus = max((stage.resources.gpus for stage in problem.stages), default=0.0) if problem is not None else 0.0
    slots = float(width) if isinstance(width, int | float) else None
    busy = status.evaluation_s / (info.elapsed_s * slots) if slots and info.elapsed_s else None
    kind = str(executor.get("_target_", "")).rpartition(".")[2].removesuffix("Executor").lower() or "unknown"
    return {
        "controller": (holder or "nobody", "works on it now"),
        "evaluations at once": (f"{slots:g}" if slots else "as many as there is room", f"{kind} executor"),
        "kept busy": (f"{busy:.0%}" if busy is not None else "–", "of the time of all places, by judging"),
        "judging": (duration(status.evaluation_s), f"{_each(status.evaluation_s, status.judged)} each"),
        "GPU": (duration(status.evaluation_s * gpus) if gpus else "none", f"{gpus:g} for an evaluation"),
        "version": (str(info.provenance.get("version", "unknown")), str(info.provenance.get("machine", ""))),
    }


def _each(total_s: float, parts: int) -> str:
    return duration(total_s / parts) if parts else "–"


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


# ── noise ─────────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True, slots=True)
class Repeat:
    """An attempt that judged a program again, and its verdict; None if there is none."""

    program: int
    verdict: Evaluation | None


def verdict_of(evaluations: Sequence[Evaluation]) -> Evaluation | None:
    """Return the last verdict that is not on sealed instances."""
    open_ones = [each for each in evaluations if each.stage != SEALED]
    return open_ones[-1] if open_ones else None


def noise_rows(
    repeats: Sequence[Repeat], firsts: Mapping[int, AttemptRow], objectives: Sequence[Objective], lead: Lead
) -> list[Row]:
    """Return how the scores of programs that were judged again differ, those judged most often first."""
    values: dict[tuple[int, str], list[float]] = defaultdict(list)
    for repeat in repeats:
        for objective in objectives:
            if repeat.verdict is not None and objective.name in repeat.verdict.metrics:
                values[repeat.program, objective.name].append(repeat.verdict.metrics[objective.name])
    ordered = sorted(values.items(), key=lambda item: (-len(item[1]), item[0]))
    return [_noise_row(step, name, Spread.of(told), firsts.get(step), lead) for (step, name), told in ordered]


def _noise_row(step: int, name: str, spread: Spread, first: AttemptRow | None, lead: Lead) -> Row:
    known = spread.count > 1
    value = first.values.get(name) if first is not None else None
    return Row(
        f"{step}:{name}",
        {
            "program": Cell(str(step), href=lead(step)),
            "objective": Cell(name),
            "first": Cell(number(value) if value is not None else "–"),
            "again": Cell(f"{spread.count}×"),
            "mean": Cell(f"{number(spread.mean)} ± {spread.half_width:.2g}" if known else number(spread.mean)),
            "sd": Cell(f"± {spread.sd:.2g}" if known else "–", title="one standard deviation"),
        },
    )
