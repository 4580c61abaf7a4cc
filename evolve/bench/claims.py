"""What is claimed of the search, and whether the recorded results bear it out: missed is said as plainly as met."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from evolve.bench.drift import WITHIN
from evolve.bench.race_statistics import Measures, Verdict, compare
from evolve.bench.search_race import CONTROLS, CellResult

OURS = "portfolio"
FIVE = ("regression", "circle_packing", "dispatching", "deceptive", "binning")
"""The problems that searches are compared on: one objective, and a judge that gives equal programs equal scores."""
_ENOUGH = 4
_FALSE_SHARE = 0.05
_DECISION_MS, _REBUILD_S, _BYTES, _FLAT = 1.0, 20.0, 2048.0, 2.0
Table = Sequence[Mapping[str, object]]
"""Rows as a command prints them with --json."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence, what was measured, and whether it holds."""

    words: str
    figure: str
    met: bool


def measures(results: Sequence[CellResult], problem: str, search: str, of: str = "area") -> Measures:
    """Return the area or the final value of a search on a problem, by seed."""
    cells = [result for result in results if (result.cell.problem, result.cell.search) == (problem, search)]
    return {result.cell.seed: float(getattr(result, of)) for result in cells}


def race_claims(results: Sequence[CellResult]) -> Iterator[Claim]:
    """Yield what is claimed of OURS beside everything else that ran on the FIVE, and of two objectives."""
    searches = dict.fromkeys(result.cell.search for result in results if result.cell.problem in FIVE)
    for other in searches:
        if other != OURS:
            yield from _beside(results, other)
    front = compare("nsga2", *(measures(results, "two_goals", search, "final") for search in (OURS, "nsga2")))
    if front is not None:
        yield Claim(
            f"Two objectives: {OURS} ends with at least the hypervolume of nsga2",
            f"difference {front.difference}, {front.verdict}",
            front.difference.mean >= 0 and front.verdict is not Verdict.WORSE,
        )


def _beside(results: Sequence[CellResult], other: str) -> Iterator[Claim]:
    pairs = {problem: (measures(results, problem, OURS), measures(results, problem, other)) for problem in FIVE}
    found = [each for each in (compare(other, *pair) for pair in pairs.values()) if each is not None]
    if not found:
        return
    apart = sum(each.apart and each.verdict is Verdict.BETTER for each in found)
    counts = {verdict: sum(each.verdict is verdict for each in found) for verdict in Verdict}
    seeds = sorted({len(ours.keys() & theirs.keys()) for ours, theirs in pairs.values()})
    yield Claim(
        f"{OURS} is better than {other} on at least {_ENOUGH} of {len(FIVE)} problems"
        f"{', intervals apart' if other in CONTROLS else ''}, and worse on none",
        f"better on {counts[Verdict.BETTER]}, of these {apart} with intervals apart; not distinguishable on "
        f"{counts[Verdict.UNCLEAR]}, worse on {counts[Verdict.WORSE]} (seeds: {', '.join(map(str, seeds))})",
        (apart if other in CONTROLS else counts[Verdict.BETTER]) >= _ENOUGH and not counts[Verdict.WORSE],
    )


def noise_claims(rows: Table) -> Iterator[Claim]:
    """Yield what is claimed of OURS where scores are noisy."""
    ours = [row for row in rows if row["search"] == OURS and row["noise"] == "auto"]
    for world in dict.fromkeys(str(row["world"]) for row in ours):
        short = {int(str(row["proposals"])): _mean(row["short"]) for row in ours if row["world"] == world}
        reached = [proposals for proposals, value in sorted(short.items()) if value <= WITHIN]
        ends = ", ".join(f"{value:.1%} after {proposals}" for proposals, value in sorted(short.items()))
        yield Claim(f"Noise, {world}: ends within {WITHIN:.0%} of the true best", f"short by {ends}", bool(reached))
    if ours:
        worst = max(float(str(row["false_share"])) for row in ours)
        yield Claim(
            f"Noise: under {_FALSE_SHARE:.0%} of the accepted improvements are false",
            f"at most {worst:.1%} in any world after any number of proposals",
            worst < _FALSE_SHARE,
        )


def _mean(interval: object) -> float:
    assert isinstance(interval, Mapping)
    return float(interval["mean"])


def tuner_claims(rows: Table) -> Iterator[Claim]:
    """Yield what is claimed of the tuner."""
    tuned = [row for row in rows if row["operator"] == "tune"]
    edited = [row for row in rows if row["operator"] == "syntax"]
    if tuned and edited:
        longest = max(edited, key=lambda row: int(str(row["evaluations"])))
        worst, best = float(str(tuned[0]["worst"])), float(str(longest["best"]))
        yield Claim(
            f"Eight constants: {tuned[0]['evaluations']} evaluations of tune reach what {longest['evaluations']} of "
            "syntax do not",
            f"least loss: {worst:.3g} on the worst seed of tune, {best:.3g} on the best of syntax",
            worst < best,
        )


def decision_claims(rows: Table) -> Iterator[Claim]:
    """Yield what is claimed of the cost of deciding."""
    ours = [row for row in rows if row["decider"] == OURS and row["setting"] == "1 objective"]
    if ours:
        medians = {int(str(row["programs"])): float(str(row["median_ms"])) for row in ours}
        told = ", ".join(f"{value:.2f} ms at {programs:,}" for programs, value in sorted(medians.items()))
        flat = medians[max(medians)] <= _FLAT * medians[min(medians)]
        met = max(medians.values()) <= _DECISION_MS and flat
        yield Claim(f"An ask and a tell of {OURS} take at most {_DECISION_MS:g} ms, however long the run is", told, met)
    for row in rows:
        if row["decider"] in (OURS, "controller") and row["rebuild_s"] is not None and row["setting"] == "1 objective":
            rebuild_s, held = float(str(row["rebuild_s"])), float(str(row["bytes_per_program"]))
            programs = int(str(row["programs"]))
            yield Claim(
                f"{row['decider']}: told again in at most {_REBUILD_S:g} s for 100,000 programs, {_BYTES:g} bytes each",
                f"{programs:,} programs: {rebuild_s:.1f} s of a processor, {held:.1f} bytes each",
                rebuild_s * 100_000 / programs <= _REBUILD_S and held <= _BYTES,
            )
