"""Judge of the travelling salesman: a tour is a permutation, its length a sum of whole numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tsplib
from numpy.typing import NDArray

from evaluators import Candidate, Score, invalid
from evaluators.constructions import array_fault, whole_number

Integers = NDArray[np.int64]

FUNCTION = "tour"
SIDE = 1_000_000  # coordinates are whole numbers below it
STAGES = ("full", "sealed")
FILES = Path(__file__).parent / "tsplib"
CITIES_PER_CLUSTER = 100


# ── instances ─────────────────────────────────────────────────────────────────────────────────
def instances(stage: str, params: Mapping[str, Any]) -> list[Integers]:
    """Return the cities of each instance, (n, 2). Raises ValueError for parameters that name none."""
    family = params["family"]
    if family not in DRAW:
        raise ValueError(f"params.family: expected one of {sorted(DRAW)}, found {family!r}.")
    sealed = stage == "sealed"
    prefix = "" if sealed else "train_"
    cities = whole_number(params, prefix + "cities", 5, 5_000)
    count = whole_number(params, prefix + "instances", 1, 100 if sealed else 6)
    seed = whole_number(params, "sealed_seed" if sealed else "seed", 0, 2**62)
    # Instances of a search double in size: a program that fits itself to one size does worse at the others.
    sizes = [cities if sealed else cities << index for index in range(count)]
    return [DRAW[family](size, [seed, STAGES.index(stage), index]) for index, size in enumerate(sizes)]


def uniforms(count: int, entropy: Sequence[int]) -> NDArray[np.float64]:
    """Return numbers in [0, 1) from raw bits, whose stream numpy promises to keep."""
    bits = np.random.PCG64(np.random.SeedSequence(list(entropy))).random_raw(count)
    return (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53


def uniform(cities: int, entropy: Sequence[int]) -> Integers:
    """Return cities spread evenly over the square."""
    return np.floor(SIDE * uniforms(2 * cities, entropy)).astype(np.int64).reshape(cities, 2)


def clustered(cities: int, entropy: Sequence[int]) -> Integers:
    """Return cities around evenly spread centres, normal with standard deviation SIDE / sqrt(cities)."""
    centres = max(1, cities // CITIES_PER_CLUSTER)
    drawn = uniforms(2 * centres + 3 * cities, entropy)
    middle = SIDE * drawn[: 2 * centres].reshape(centres, 2)
    which, size, turn = drawn[2 * centres :].reshape(3, cities)
    radius = SIDE / math.sqrt(cities) * np.sqrt(-2.0 * np.log1p(-size))
    offset = radius[:, None] * np.column_stack([np.cos(2 * np.pi * turn), np.sin(2 * np.pi * turn)])
    placed = middle[(which * centres).astype(np.int64)] + offset
    return np.clip(np.floor(placed), 0, SIDE - 1).astype(np.int64)


DRAW = {"uniform": uniform, "clustered": clustered}


# ── tours ─────────────────────────────────────────────────────────────────────────────────────
def tour_fault(answer: Any, cities: int) -> str:
    """Return why an answer visits not every city once, or an empty string."""
    call = f"{FUNCTION}(...) of {cities} cities"
    problem = array_fault(answer, call, (cities,), kinds="iu")
    if problem:
        return problem
    lowest, highest = int(answer.min()), int(answer.max())
    if lowest < 0 or highest >= cities:
        return f"{call} must hold numbers from 0 to {cities - 1}, found {lowest if lowest < 0 else highest}."
    visits = np.bincount(answer.astype(np.int64), minlength=cities)
    if (visits == 1).all():
        return ""
    missed, again = int((visits == 0).sum()), int(visits.argmax())
    return f"{call} must visit every city once: {missed} are left out, city {again} comes {visits[again]} times."


def edge_lengths(points: Integers, order: Integers) -> list[int]:
    """Return the length of each step of the closed tour, rounded to the nearest whole number as in TSPLIB.

    floor(sqrt(s) + 1/2) is floor((sqrt(4 s) + 1) / 2), and isqrt(4 s) may stand for the root: no rounding.
    """
    steps = points[order] - points[np.roll(order, -1)]
    return [(math.isqrt(4 * squared) + 1) // 2 for squared in (steps**2).sum(axis=1).tolist()]


def nearest_share(points: Integers, order: Integers) -> float:
    """Return the share of cities that the tour joins to (one of) their nearest."""
    steps = points[order] - points[np.roll(order, -1)]
    along = (steps**2).sum(axis=1)
    shorter = np.minimum(along, np.roll(along, 1))
    return sum(
        int(shorter[place] <= others.min()) for place, others in enumerate(_squared_to_others(points[order]))
    ) / len(order)


def _squared_to_others(points: Integers) -> list[Integers]:
    """Return, for each point, the squared distances to all others."""
    return [np.delete(((points - point) ** 2).sum(axis=1), place) for place, point in enumerate(points)]


# ── instances in files ────────────────────────────────────────────────────────────────────────
def stored(stage: str, params: Mapping[str, Any]) -> list[tsplib.Instance]:
    """Return the instances in the folder ``tsplib`` that ``params`` name for a stage, all unless they name some.

    Raises ValueError.
    """
    named = params["sealed_files" if stage == "sealed" else "train_files"]
    known = {path.name: path for path in sorted(FILES.glob("*.tsp"))}
    chosen = list(known) if named == "all" else [word.strip() for word in str(named).split(",")]
    unknown = [name for name in chosen if name not in known]
    if unknown or not chosen:
        raise ValueError(f"params: expected files of {FILES}: {sorted(known)}, found {unknown or named!r}.")
    return [tsplib.read(known[name].read_text("utf-8")) for name in chosen]


def evaluate_stored(candidate: Candidate, stage: str, params: Mapping[str, Any]) -> Score:
    """Ask for a tour of each stored instance; its score is the length over a bound that no tour is below."""
    lengths: dict[str, float] = {}
    shares: list[float] = []
    total = 0
    with candidate.session() as session:
        for instance in stored(stage, params):
            answer = session.call(FUNCTION, instance.points)
            problem = tour_fault(answer, len(instance.points))
            if problem:
                return invalid(problem)
            order = answer.astype(np.int64)
            length = sum(instance.length(order))
            total += length
            lengths[instance.name] = length / instance.bound()
            shares.append(instance.nearest_share(order))
    mean = math.fsum(lengths.values()) / len(lengths)
    worst = max(lengths, key=lengths.__getitem__)
    told = f"length over the bound is {mean:.4f}; worst {worst} with {lengths[worst]:.4f}."
    return Score(
        {"tour_constant": mean, "nearest_share": math.fsum(shares) / len(shares), "length": float(total)},
        feedback=f"{len(lengths)} instances: {told}",
        per_instance=lengths,
    )


# ── score ─────────────────────────────────────────────────────────────────────────────────────
def evaluate(candidate: Candidate, stage: str, params: dict[str, Any]) -> Score:
    """Ask for a tour of each instance and measure them all."""
    if params["family"] == "tsplib":
        return evaluate_stored(candidate, stage, params)
    drawn = instances(stage, params)
    tours: list[Integers] = []
    with candidate.session() as session:
        for points in drawn:
            answer = session.call(FUNCTION, points)
            problem = tour_fault(answer, len(points))
            if problem:
                return invalid(problem)
            tours.append(answer.astype(np.int64))
    return _score(drawn, tours)


def _score(drawn: Sequence[Integers], tours: Sequence[Integers]) -> Score:
    edges = [edge_lengths(points, order) for points, order in zip(drawn, tours, strict=True)]
    scale = [SIDE * math.sqrt(len(points)) for points in drawn]
    constants = [sum(steps) / unit for steps, unit in zip(edges, scale, strict=True)]
    shares = [nearest_share(points, order) for points, order in zip(drawn, tours, strict=True)]
    worst = int(np.argmax(constants))
    metrics = {
        "tour_constant": math.fsum(constants) / len(constants),
        "nearest_share": math.fsum(shares) / len(shares),
        "length": float(sum(map(sum, edges))),
    }
    mean_edge = sum(edges[worst]) / len(edges[worst])
    return Score(
        metrics=metrics,
        feedback=(
            f"Instances of {', '.join(str(len(points)) for points in drawn)} cities: "
            f"length / sqrt(n A) is {metrics['tour_constant']:.4f}. "
            f"{metrics['nearest_share']:.1%} of the cities are joined to their nearest one. Worst: instance {worst} "
            f"with {constants[worst]:.4f}; its longest step is {max(edges[worst]) / mean_edge:.1f} times the mean step."
        ),
        per_instance={f"instance_{index:02d}": constant for index, constant in enumerate(constants)},
    )
