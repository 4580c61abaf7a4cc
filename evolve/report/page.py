"""The report of a run: one HTML file that needs nothing else, for somebody who was not there."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evolve import __version__, configuration
from evolve.account.champion import Champion, champion
from evolve.account.course import Course, course
from evolve.account.lineage import Ancestor, lineage
from evolve.controller.announcement import last_in_search
from evolve.controller.measurements import measurements
from evolve.domain.difference import program_diff
from evolve.domain.evaluation import Evaluation
from evolve.domain.problem import Problem
from evolve.domain.program import SEED_STEP
from evolve.interfaces import RunInfo, Store
from evolve.report.caveats import caveats
from evolve.report.charts import GREEN, VERMILION, Axis, Chart, Line
from evolve.report.rendering import rendered
from evolve.search.pareto import hypervolume

_SHOWN_STEPS = 24
"""Steps of a lineage that are told; of a longer one the first and the last."""
_SHOWN_TEXT = 100_000
"""Characters of one diff or configuration."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table of results: who, and a value for each objective."""

    name: str
    values: Sequence[str]
    note: str = ""


def report(store: Store, info: RunInfo, problem: Problem) -> str:
    """Return the page. Raises StoreError for a run without a valid program."""
    best = champion(store, info, problem)
    seed = last_in_search(store, info.id, SEED_STEP)
    went = course(problem, store.history(info.id))
    sealed = _last_event(store, info.id, "sealed")
    ancestors = lineage(store, info.id, problem, best.step)
    seed_files = store.program(info.id, SEED_STEP).files
    return rendered(
        Path(__file__).with_name("page.html.j2"),
        info=info,
        problem=problem,
        version=__version__,
        created=time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(info.created_at)),
        took=_duration(info.elapsed_s),
        rows=[*_search_rows(store, info, problem, best, seed), *_sealed_rows(problem, sealed), *_known_rows(problem)],
        verdict=_verdict(problem, best, seed),
        curve=_curve(problem, went).svg() if went.advances else "",
        front=_front(problem, went),
        course=went,
        diff=_cut(program_diff(seed_files, store.program(info.id, best.step).files)),
        best=best,
        lineage=[_step(problem, ancestor) for ancestor in _shortened(ancestors)],
        left_out=max(0, len(ancestors) - _SHOWN_STEPS),
        caveats=caveats(info, problem, went, sealed),
        config=_cut(configuration.as_yaml(info.config)),
    )


def _last_event(store: Store, run: str, kind: str) -> Mapping[str, Any] | None:
    found = [event.data for _, event in store.events(run) if event.kind == kind]
    return found[-1] if found else None


# ── the result ────────────────────────────────────────────────────────────────────────────────
def _search_rows(store: Store, info: RunInfo, problem: Problem, best: Champion, seed: Evaluation) -> list[Row]:
    rows = [Row("seed", _values(problem, seed.metrics)), Row("best", _values(problem, best.evaluation.metrics))]
    spreads = measurements(store, info.id, best.step).spreads(problem)
    if spreads:
        told = [f"{spreads[o.name].mean:.6g} ± {spreads[o.name].half_width:.2g}" for o in problem.objectives]
        rows.append(Row("best, judged again", told, "mean and 95 % interval of fresh evaluations"))
    return rows


def _sealed_rows(problem: Problem, sealed: Mapping[str, Any] | None) -> list[Row]:
    if sealed is None:
        return []
    note = "on instances that the search never saw"
    return [Row(f"{name}, sealed", _values(problem, metrics), note) for name, metrics in sealed["scores"].items()]


def _known_rows(problem: Problem) -> list[Row]:
    return [
        Row(
            "best known",
            [f"{known.value:.12g}" if o.name == known.objective else "" for o in problem.objectives],
            known.source,
        )
        for known in problem.known_best
        if known.applies(problem.params)
    ]


def _values(problem: Problem, metrics: Mapping[str, float]) -> list[str]:
    return [f"{metrics[o.name]:.8g}" if o.name in metrics else "–" for o in problem.objectives]


def _verdict(problem: Problem, best: Champion, seed: Evaluation) -> str:
    """Return the result in one sentence."""
    lead = problem.objectives[0]
    value, before = best.evaluation.metrics[lead.name], seed.metrics[lead.name]
    if lead.gain(value) <= lead.gain(before):
        return f"Nothing better than the seed's {lead.name} of {before:.6g} was found."
    change = f", {abs(value - before) / abs(before):.1%} {'more' if value > before else 'less'}" if before else ""
    return f"{lead.name} went from {before:.6g} to {value:.6g}{change} ({lead.direction})."


# ── the charts ────────────────────────────────────────────────────────────────────────────────
def _curve(problem: Problem, went: Course) -> Chart:
    lead = problem.objectives[0]
    path = [(float(a.told), lead.gain(a.gains[0])) for a in went.advances]
    known = problem.known_gain()
    levels = [Line("seed", path[0][1], VERMILION)]
    if known is not None:
        levels.append(Line("best known", lead.gain(known), GREEN))
    inside = [value for _, value in path] + [level.value for level in levels]
    return Chart(
        title=f"The best {lead.name} over attempts",
        x=Axis("attempts", 0.0, float(max(went.attempts, 1))),
        y=Axis.over(lead.name, inside),
        dots=[(float(told), lead.gain(gains[0])) for told, gains in went.sample],
        path=path,
        levels=levels,
    )


def _front(problem: Problem, went: Course) -> Mapping[str, object] | None:
    """Return the chart of the first two objectives and the hypervolume, of a problem that has several."""
    if len(problem.objectives) < 2 or not went.advances:
        return None
    first, second = problem.objectives[:2]
    members = [(first.gain(s.gains[0]), second.gain(s.gains[1])) for s in went.front]
    dots = [(first.gain(gains[0]), second.gain(gains[1])) for _, gains in went.sample]
    everything = [*members, *dots]
    chart = Chart(
        title=f"Programs by {first.name} and {second.name}; those that no other dominates are marked",
        x=Axis.over(first.name, [x for x, _ in everything]),
        y=Axis.over(second.name, [y for _, y in everything]),
        dots=dots,
        path=members,
        stairs=False,
    )
    reference = problem.reference(went.advances[0].gains)
    volume = hypervolume([s.gains for s in went.front if not s.violation], reference)
    return {"svg": chart.svg(), "size": len(members), "hypervolume": volume, "declared": _has_reference(problem)}


def _has_reference(problem: Problem) -> bool:
    return all(objective.reference is not None for objective in problem.objectives)


# ── the lineage ───────────────────────────────────────────────────────────────────────────────
def _shortened(ancestors: Sequence[Ancestor]) -> Sequence[Ancestor]:
    if len(ancestors) <= _SHOWN_STEPS:
        return ancestors
    return [*ancestors[: _SHOWN_STEPS // 2], *ancestors[-_SHOWN_STEPS // 2 :]]


def _step(problem: Problem, ancestor: Ancestor) -> Mapping[str, object]:
    program = ancestor.program
    lead = problem.objectives[0]
    detail = program.detail
    summary = detail.get("summary") or _listed(detail.get("edits"))
    return {
        "step": program.step,
        "operator": detail.get("operator", "seed"),
        "summary": summary or "",
        "value": f"{lead.gain(ancestor.gains[0]):.8g}" if ancestor.gains else "not valid",
        "skipped": ancestor.skipped,
        "diff": _cut(ancestor.diff),
    }


def _listed(edits: object) -> str:
    return "; ".join(map(str, edits)) if isinstance(edits, Sequence) and not isinstance(edits, str) else ""


# ── the page ──────────────────────────────────────────────────────────────────────────────────
def _cut(text: str) -> str:
    if len(text) <= _SHOWN_TEXT:
        return text
    return f"{text[:_SHOWN_TEXT]}\n… {len(text) - _SHOWN_TEXT} more characters are on record.\n"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"
