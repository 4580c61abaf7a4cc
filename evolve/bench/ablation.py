"""What each part of a search is worth: runs of one study, read from the store, beside those of the whole.

A study is the runs with one ``study`` name. Nothing but the record is needed for its table: the search is
told again what it was told, and says after each attempt which program it held to be best.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from evolve import wiring
from evolve.bench.curves import Curve, Point, Scale, steps
from evolve.bench.race_plot import Line, drawn
from evolve.bench.race_statistics import Comparison, Interval, Measures, bootstrap, compare
from evolve.bench.variants import name_of
from evolve.controller.decisions import Ended, scored_of
from evolve.controller.steering import taken_orders
from evolve.domain.problem import Problem
from evolve.domain.rules import Lens
from evolve.errors import NotFound, nearest
from evolve.interfaces import RunInfo, Store

WHOLE = "full"


# ── what a run reached ────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True, slots=True)
class Outcome:
    """One run. Values are gains of the first objective, or weighted sums of all, on the ``scale`` of its problem.

    Args:
        points: value of the program that the search held to be best, after so many attempts.
        final: that of the champion as it was announced: on the sealed stage or by repeats where there are
            some, beside the seed in the same way.
    """

    run: str
    problem: str
    variant: str
    seed: int
    points: tuple[Point, ...]
    final: float
    scaled: bool
    proposals: int
    evaluations: int
    cost_usd: float
    calls: int
    tokens: int


def outcomes(store: Store, study: str, say: Callable[[str], None]) -> list[Outcome]:
    """Return what the finished runs of a study reached; ``say`` is told which runs are left out and why.

    Raises NotFound if there is no finished one, and ProblemError.
    """
    infos = [info for info in store.runs() if info.config.get("study") is not None]
    found = [info for info in infos if str(info.config["study"]) == study]
    kept: list[RunInfo] = []
    for info in sorted(found, key=lambda info: info.created_at):
        reason = _left_out(store, info)
        if reason:
            say(f"{info.id} is left out: {reason}.")
        else:
            kept.append(info)
    if not kept:
        known = {str(info.config["study"]) for info in infos}
        raise NotFound(
            f"The store has no finished run of study {study!r}. {nearest(study, known) if known else ''}".strip()
        )
    if len({info.provenance.get("commit") for info in kept}) > 1:
        say("Runs of several versions of the program are compared.")
    return [_outcome(store, info) for info in kept]


def _left_out(store: Store, info: RunInfo) -> str:
    if info.status != "finished":
        return f"it is {info.status}"
    return "it was steered" if taken_orders(event for _, event in store.events(info.id)) else ""


def _outcome(store: Store, info: RunInfo) -> Outcome:
    problem = wiring.problem_of(info)
    values = list(_best_so_far(store, info, problem))
    seed = values[0][1]
    weights = info.config.get("objective_weights")
    reference = problem.known_gain() if weights is None else None
    announced = _announced(store, info.id, problem) if weights is None else None
    last, base = announced if announced is not None else (values[-1][1], seed)
    proposals = values[-1][0]
    return Outcome(
        run=info.id,
        problem=info.problem,
        variant=name_of(info.config),
        seed=int(str(info.config["seed"])),
        points=tuple(steps([(count, _on_scale(seed, reference, gain)) for count, gain in values], proposals).points),
        final=_on_scale(base, reference, last),
        scaled=reference is not None,
        proposals=proposals,
        evaluations=info.evaluated,
        cost_usd=info.usage.cost_usd,
        calls=info.usage.calls,
        tokens=info.usage.tokens,
    )


def _on_scale(seed: float, reference: float | None, gain: float) -> float:
    """Return 0 for the seed and 1 for the best known; what was gained where none is known, or the seed is it."""
    return gain - seed if reference is None or reference == seed else Scale(seed, reference)(gain)


def _best_so_far(store: Store, info: RunInfo, problem: Problem) -> Iterator[Point]:
    search, lens = wiring.build_search(info.config, problem), Lens(wiring.build_rules(info.config, problem))
    for count, attempt in enumerate(store.history(info.id)):
        search.tell(lens.seen(scored_of(problem, Ended.on_record(attempt))))
        best = search.best()
        if best is not None:
            yield count, best.gains[0]


def _announced(store: Store, run: str, problem: Problem) -> tuple[float, float] | None:
    """Return the gains of champion and seed in the announcement; None without one."""
    lead = problem.objectives[0]
    events = [event for _, event in store.events(run) if event.kind in ("sealed", "confirmed")]
    if not events:
        return None
    scores: Any = events[-1].data["scores"]
    found = [[scores[name]] if isinstance(scores[name], Mapping) else scores[name] for name in ("best", "seed")]
    if not all(lead.name in metrics for verdicts in found for metrics in verdicts):
        return None  # a verdict that is not VALID has no scores
    best, seed = (fmean(lead.gain(metrics[lead.name]) for metrics in verdicts) for verdicts in found)
    return best, seed


# ── the table ─────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True, slots=True)
class Row:
    """One variant on one problem.

    Args:
        final, area: means over seeds of the last value, and of the mean value over the proposals made.
        final_beside, area_beside: beside the whole, paired by seed; None for the whole, or without two common seeds.
        proposals, evaluations, cost_usd, calls, tokens: means of the runs.
    """

    problem: str
    variant: str
    seeds: int
    final: Interval
    final_beside: Comparison | None
    area: Interval
    area_beside: Comparison | None
    proposals: float
    evaluations: float
    cost_usd: float
    calls: float
    tokens: float


def table(found: Sequence[Outcome]) -> list[Row]:
    """Return a row for each problem and variant: the whole first, then as they come."""
    groups = _groups(found)
    return [
        _row(runs, variants.get(WHOLE, []), max(run.proposals for each in variants.values() for run in each))
        for variants in groups.values()
        for runs in variants.values()
    ]


def _groups(found: Iterable[Outcome]) -> dict[str, dict[str, list[Outcome]]]:
    groups: dict[str, dict[str, list[Outcome]]] = {}
    for run in sorted(found, key=lambda run: run.variant != WHOLE):
        groups.setdefault(run.problem, {}).setdefault(run.variant, []).append(run)
    return groups


def _row(runs: Sequence[Outcome], whole: Sequence[Outcome], proposals: int) -> Row:
    finals, areas = _finals(runs), _areas(runs, proposals)
    comparable = runs[0].variant != WHOLE and len(finals.keys() & _finals(whole).keys()) > 1
    return Row(
        problem=runs[0].problem,
        variant=runs[0].variant,
        seeds=len(runs),
        final=bootstrap(list(finals.values())),
        final_beside=compare(WHOLE, finals, _finals(whole)) if comparable else None,
        area=bootstrap(list(areas.values())),
        area_beside=compare(WHOLE, areas, _areas(whole, proposals)) if comparable else None,
        proposals=fmean(run.proposals for run in runs),
        evaluations=fmean(run.evaluations for run in runs),
        cost_usd=fmean(run.cost_usd for run in runs),
        calls=fmean(run.calls for run in runs),
        tokens=fmean(run.tokens for run in runs),
    )


def _finals(runs: Iterable[Outcome]) -> Measures:
    return {run.seed: run.final for run in runs}


def _areas(runs: Iterable[Outcome], proposals: int) -> Measures:
    """Return seed -> area; a run that ended sooner keeps its last value."""
    return {run.seed: Curve(run.points, max(proposals, 1)).area() for run in runs}


def picture(found: Sequence[Outcome]) -> str:
    """Return the curves as SVG: a panel for each problem."""
    lines: list[Line] = []
    for problem, variants in _groups(found).items():
        proposals = max(run.proposals for runs in variants.values() for run in runs)
        lines += [
            Line(problem, variant, Curve(run.points, proposals)) for variant, runs in variants.items() for run in runs
        ]
    return drawn(lines)


def legend(found: Sequence[Outcome]) -> str:
    """Return what the values are."""
    unit = "0 the seed, 1 the best known" if all(run.scaled for run in found) else _UNSCALED
    return (
        f"final, area: means with 95 % intervals of the announced score and of the mean over proposals ({unit}).\n"
        "less full: the difference by seed; + better than full, - worse, = not distinguishable. "
        "5 seeds prove little: claims want 10."
    )


_UNSCALED = "gained on the seed, in units of the first objective; where a best is known: 0 the seed, 1 that"
