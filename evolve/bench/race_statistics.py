"""What the cells of a race say together: means with intervals, differences to controls, verdicts.

Intervals are the 2.5th and 97.5th percentile of 10,000 bootstrap means over seeds. With few seeds they are too
narrow (with 3, by about half): claims want at least 10.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from evolve.bench.search_race import CellResult

_RESAMPLES = 10_000
_BAND_RESAMPLES = 1_000
Floats = NDArray[np.float64]
Measures = Mapping[int, float]
"""seed -> what was measured"""


class Verdict(StrEnum):
    """A search beside a control, on one problem."""

    BETTER = "better"
    WORSE = "worse"
    UNCLEAR = "not distinguishable"


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and its 95 % interval."""

    mean: float
    low: float
    high: float

    def overlaps(self, other: Interval) -> bool:
        """Whether the two have a value in common."""
        return self.low <= other.high and other.low <= self.high

    def __str__(self) -> str:
        return f"{self.mean:.3f} [{self.low:.3f}, {self.high:.3f}]"


@dataclass(frozen=True, slots=True)
class Comparison:
    """A search beside a control on one problem, paired by seed.

    Args:
        difference: search less control.
        apart: the stricter finding: the intervals of the two have no value in common.
        verdict: by the interval of the difference.
    """

    control: str
    difference: Interval
    apart: bool
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Row:
    """One search on one problem with one mutator."""

    problem: str
    mutator: str
    search: str
    seeds: int
    area: Interval
    final: Interval
    against: tuple[Comparison, ...]
    cpu_s: float
    wall_s: float
    model_calls: float
    prompt_tokens_per_call: float


def bootstrap(values: Sequence[float], seed: int = 0) -> Interval:
    """Return the mean of values and its percentile interval. Raises ValueError for no values."""
    if not values:
        raise ValueError("expected at least one value")
    sample: Floats = np.asarray(values, dtype=np.float64)
    picks = np.random.default_rng(seed).integers(len(sample), size=(_RESAMPLES, len(sample)))
    low, high = np.quantile(sample[picks].mean(axis=1), (0.025, 0.975))
    mean = float(sample.mean())
    return Interval(mean, min(float(low), mean), max(float(high), mean))  # rounding may put a constant's mean outside


def band(curves: Floats, seed: int = 0) -> tuple[Floats, Floats, Floats]:
    """Return the mean of curves and its interval at every point.

    Args:
        curves: one row for each run.
    """
    picks = np.random.default_rng(seed).integers(len(curves), size=(_BAND_RESAMPLES, len(curves)))
    low, high = np.quantile(curves[picks].mean(axis=1), (0.025, 0.975), axis=0)
    return curves.mean(axis=0), low, high


def compare(control: str, search: Measures, other: Measures) -> Comparison | None:
    """Compare on the seeds that both have; None without any."""
    shared = sorted(search.keys() & other.keys())
    if not shared:
        return None
    difference = bootstrap([search[seed] - other[seed] for seed in shared])
    ours, theirs = (bootstrap([measures[seed] for seed in shared]) for measures in (search, other))
    return Comparison(control, difference, not ours.overlaps(theirs), verdict_on(difference))


def verdict_on(difference: Interval) -> Verdict:
    """Return better or worse where the interval of the difference leaves 0 out."""
    if difference.low > 0:
        return Verdict.BETTER
    return Verdict.WORSE if difference.high < 0 else Verdict.UNCLEAR


def summarise(results: Iterable[CellResult], controls: Sequence[str]) -> list[Row]:
    """Return a row for each problem, mutator and search, in the order in which they first come.

    Comparisons are of the area under the curve.
    """
    groups: dict[tuple[str, str], dict[str, list[CellResult]]] = {}
    for result in results:
        searches = groups.setdefault((result.cell.problem, result.cell.mutator), {})
        searches.setdefault(result.cell.search, []).append(result)
    return [
        _row(cells, {control: searches[control] for control in controls if control in searches and control != name})
        for searches in groups.values()
        for name, cells in searches.items()
    ]


def _row(cells: Sequence[CellResult], controls: Mapping[str, Sequence[CellResult]]) -> Row:
    first = cells[0].cell
    found = (compare(name, _areas(cells), _areas(others)) for name, others in controls.items())
    calls = sum(cell.model_calls for cell in cells)
    return Row(
        problem=first.problem,
        mutator=first.mutator,
        search=first.search,
        seeds=len(cells),
        area=bootstrap([cell.area for cell in cells]),
        final=bootstrap([cell.final for cell in cells]),
        against=tuple(each for each in found if each is not None),
        cpu_s=float(np.mean([cell.cpu_s for cell in cells])),
        wall_s=float(np.mean([cell.wall_s for cell in cells])),
        model_calls=calls / len(cells),
        prompt_tokens_per_call=sum(cell.prompt_tokens for cell in cells) / max(calls, 1),
    )


def _areas(cells: Sequence[CellResult]) -> Measures:
    return {cell.cell.seed: cell.area for cell in cells}


@dataclass(frozen=True, slots=True)
class Tally:
    """How a search did beside one control over the problems of one mutator."""

    search: str
    control: str
    mutator: str
    better: int
    better_apart: int
    unclear: int
    worse: int


def tally(rows: Iterable[Row]) -> list[Tally]:
    """Count verdicts by search, control and mutator."""
    found: dict[tuple[str, str, str], list[Comparison]] = {}
    for row in rows:
        for comparison in row.against:
            found.setdefault((row.search, comparison.control, row.mutator), []).append(comparison)
    return [
        Tally(
            *names,
            better=sum(each.verdict is Verdict.BETTER for each in each_problem),
            better_apart=sum(each.verdict is Verdict.BETTER and each.apart for each in each_problem),
            unclear=sum(each.verdict is Verdict.UNCLEAR for each in each_problem),
            worse=sum(each.verdict is Verdict.WORSE for each in each_problem),
        )
        for names, each_problem in found.items()
    ]
