"""Questions about a run as a whole: show --curve, --costs, --operators, --outcomes, --lineage, --prompts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console

from evolve import wiring
from evolve.cli.options import as_json, say
from evolve.domain.proposal import Placement
from evolve.domain.questions import AttemptRow, Page, Sums, summed
from evolve.errors import ConfigurationError, ProblemError
from evolve.interfaces import RunInfo, Store
from evolve.terminal import table_of

_POINTS = 40
_Rows = list[dict[str, object]]


@dataclass(frozen=True, slots=True)
class Asked:
    """Which question ``show`` was asked; one at most."""

    lineage: int | None = None
    curve: bool = False
    costs: bool = False
    operators: bool = False
    outcomes: bool = False
    prompts: bool = False

    def answer(self) -> Callable[[Store, RunInfo], _Rows] | None:
        """Return what answers it, None if nothing was asked. Raises ConfigurationError for several questions."""
        step = self.lineage
        questions: Mapping[str, Callable[[Store, RunInfo], _Rows]] = {
            "curve": _curve,
            "costs": _costs,
            "operators": _operators,
            "outcomes": _outcomes,
            "prompts": _prompts,
        }
        asked = [answer for name, answer in questions.items() if getattr(self, name)]
        if step is not None:
            asked.append(lambda store, info: _lineage(store, info, step))
        if len(asked) > 1:
            raise ConfigurationError("show answers one question at a time: give one of its options.")
        return asked[0] if asked else None


def print_rows(rows: _Rows, json_: bool) -> None:
    """Print the rows of an answer: a line of JSON each, or a table."""
    if json_:
        for row in rows:
            print(as_json(row))
    elif not rows:
        say("Nothing on record.")
    else:
        shown = [{name: _shown(value) for name, value in row.items()} for row in rows]
        Console().print(table_of(shown, tuple(rows[0])))


def declared(store: Store, info: RunInfo) -> RunInfo:
    """Return a run whose objectives are known: those of a run of an older version are looked up, and noted."""
    if info.objectives:
        return info
    store.declare(info.id, wiring.problem_of(info).objectives)
    return store.run(info.id)


def _curve(store: Store, info: RunInfo) -> _Rows:
    info = declared(store, info)
    return [
        {"objective": aim.name, **asdict(best)}
        for aim in info.objectives
        for best in store.questions().curve(info.id, aim.name, _POINTS)
    ]


def _costs(store: Store, info: RunInfo) -> _Rows:
    sums = summed(store.questions().tallies(info.id), lambda tally: f"{tally.operator}\0{tally.model}")
    names = ("attempts", "calls", "tokens", "cost_usd", "evaluation_s", "placed")
    return [{**_named(group), **{name: getattr(group, name) for name in names}} for group in sums]


def _named(group: Sums) -> dict[str, object]:
    operator, _, model = group.name.partition("\0")
    return {"operator": operator, "model": model}


def _operators(store: Store, info: RunInfo) -> _Rows:
    sums = summed(store.questions().tallies(info.id), lambda tally: tally.operator)
    names = ("attempts", "programs", "valid", "placed")
    return [
        {
            "operator": group.name,
            **{name: getattr(group, name) for name in names},
            "placed_share": group.placed / group.attempts,
            "cost_usd": group.cost_usd,
        }
        for group in sums
    ]


def _outcomes(store: Store, info: RunInfo) -> _Rows:
    sums = summed(store.questions().tallies(info.id), lambda tally: f"{tally.outcome}\0{tally.cause}")
    rows: _Rows = []
    for group in sums:
        outcome, _, cause = group.name.partition("\0")
        rows.append({"outcome": outcome, "cause": cause, "attempts": group.attempts})
    return rows


def _lineage(store: Store, info: RunInfo, step: int) -> _Rows:
    try:
        info = declared(store, info)
    except ProblemError:
        say("Its problem's folder is gone, and it was made by an older version: shown without scores.")
    return [_row(attempt) for attempt in store.questions().lineage(info.id, step)]


def _prompts(store: Store, info: RunInfo) -> _Rows:
    rows: _Rows = []
    for call in store.questions().bred(info.id, Page(limit=_POINTS)):
        cost = {"prompt_tokens": call.prompt_tokens, "answer_tokens": call.completion_tokens, "cost_usd": call.cost_usd}
        rows.append({**_row(call.attempt), "answered_by": call.answered_by, "lessons": list(call.lessons), **cost})
    return rows


def _row(attempt: AttemptRow) -> dict[str, object]:
    return {
        "step": attempt.step,
        "operator": attempt.operator,
        "model": attempt.model,
        "outcome": str(attempt.outcome),
        "cause": attempt.cause,
        "placement": attempt.placement.name.lower() if attempt.placement is not Placement.NOT_PLACED else "",
        "values": dict(attempt.values),
    }


def _shown(value: Any) -> object:
    match value:
        case float():
            return f"{value:.6g}"
        case Mapping():
            return "  ".join(f"{name} {number:.6g}" for name, number in value.items())
        case Sequence() if not isinstance(value, str):
            return ", ".join(map(str, value))
        case _:
            return value
