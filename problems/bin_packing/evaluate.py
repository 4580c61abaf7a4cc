"""Judge of online bin packing: each item is placed before the next one is known.

The row of bins is that of FunSearch: unused bins stand behind the used ones, the program scores
the bins in which the item fits, and the item goes to the first bin of greatest score. FunSearch
shows every unused bin; this judge shows the two next to the last used one. A rule that scores a
bin by the item, by its own capacity, by the greatest capacity and by the bin before it packs the
same either way: from the second unused bin on all scores are equal, and the first maximum wins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluators import Candidate, Score, Session, invalid

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

FUNCTION = "priority"
UNUSED_SHOWN = 2
STAGES = ("screen", "full", "sealed")
COMPACT_EVERY = 64  # items between two clearings of the row


# ── instances ─────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True)
class Family:
    """A published class of instances: the bins' capacity and the law of the items."""

    name: str
    capacity: int

    def items(self, uniforms: Floats) -> Integers:
        """Return one item for each number in [0, 1), by inversion of the distribution function."""
        if self.name == "or_uniform":
            return (20 + np.floor(81 * uniforms)).astype(np.int64)
        sizes = 45.0 * (-np.log1p(-uniforms)) ** (1.0 / 3.0)
        return np.clip(np.rint(sizes), 1, self.capacity).astype(np.int64)


FAMILIES = {
    "or_uniform": Family("or_uniform", 150),  # OR-library u120 to u1000: integers uniform on 20..100
    "weibull": Family("weibull", 100),  # Weibull(scale 45, shape 3), clipped at 100, rounded
}


def draw(family: Family, count: int, size: int, entropy: Sequence[int]) -> list[Integers]:
    """Return ``count`` instances of ``size`` items.

    Made from raw bits, whose stream numpy promises to keep, so that scores stay comparable.
    """
    bits = np.random.PCG64(np.random.SeedSequence(list(entropy))).random_raw(count * size)
    uniforms = (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return list(family.items(uniforms).reshape(count, size))


def instances(stage: str, params: Mapping[str, Any]) -> tuple[Family, list[Integers]]:
    """Return what a stage packs. Raises ValueError for parameters that name no instances."""
    family = FAMILIES.get(params["family"])
    if family is None:
        raise ValueError(f"params.family: expected one of {sorted(FAMILIES)}, found {params['family']!r}.")
    prefix = {"screen": "screen_", "full": "train_", "sealed": ""}[stage]
    count, size = int(params[prefix + "instances"]), int(params[prefix + "items"])
    if count < 1 or size < 1:
        raise ValueError(f"params.{prefix}instances and {prefix}items: expected at least 1, found {count} and {size}.")
    seed = params["sealed_seed" if stage == "sealed" else "seed"]
    return family, draw(family, count, size, [int(seed), STAGES.index(stage)])


def lower_bound(items: Integers, capacity: int) -> int:
    """Return Martello and Toth's bound L2 on the number of bins (Discrete Applied Mathematics 28, 1990).

    For each a <= capacity/2, items above capacity - a stand alone, larger ones above half cannot
    share, and what items of at least a leave over must go into further bins. Integers, so exact.
    """
    sizes = np.arange(capacity + 1)
    counts = np.bincount(items, minlength=capacity + 1)
    count_above = np.append(np.cumsum(counts[::-1])[::-1], 0)[1:]  # [s]: items larger than s
    weight_above = np.append(np.cumsum((counts * sizes)[::-1])[::-1], 0)[1:]
    half = capacity // 2
    a = np.arange(half + 1)
    large = count_above[half]
    room = capacity * (large - count_above[capacity - a]) - (weight_above[half] - weight_above[capacity - a])
    at_least_a = weight_above[a] + counts[a] * a
    small = at_least_a - weight_above[half]
    return int(np.max(large + np.maximum(0, -((room - small) // capacity))))


# ── packing ───────────────────────────────────────────────────────────────────────────────────
class Row:
    """The bins of one instance, in their order, with two unused ones behind the last used one.

    A bin that was passed over for a later one stays in the row, unused. Bins in which no item of
    this instance fits any more are taken out: they would never be shown.
    """

    def __init__(self, capacity: int, items: Integers) -> None:
        self.capacity = float(capacity)
        self.smallest = float(items.min())
        self.room = np.full(UNUSED_SHOWN * (len(items) + 1), self.capacity)
        self.end = UNUSED_SHOWN
        self.offered: NDArray[np.intp] = np.zeros(0, dtype=np.intp)
        self.least = 0.0
        self.used = 0
        self.tightest = 0
        self.closed: list[Floats] = []

    def offer(self, item: float) -> Floats:
        """Return a copy of the capacities left in the bins in which ``item`` fits."""
        self.offered = (self.room[: self.end] >= item).nonzero()[0]
        bins = self.room[self.offered]
        self.least = bins.min()
        return bins

    def place(self, item: float, choice: int) -> None:
        """Put ``item`` into the ``choice``-th of the bins last offered."""
        position = self.offered[choice]
        room = self.room[position]
        self.tightest += bool(room == self.least)
        self.used += bool(room == self.capacity)
        self.room[position] = room - item
        self.end = max(self.end, int(position) + 1 + UNUSED_SHOWN)

    def compact(self) -> None:
        """Take out the bins that are too full for every item."""
        row = self.room[: self.end]
        kept = row[row >= self.smallest]
        self.closed.append(row[row < self.smallest])
        self.room[: len(kept)] = kept
        self.room[len(kept) : self.end] = self.capacity
        self.end = len(kept)

    def left_over(self) -> Floats:
        """Return the capacity left in every used bin."""
        row = self.room[: self.end]
        return np.concatenate([*self.closed, row[row < self.capacity]])


def fault(answer: Any, length: int) -> str:
    """Return what is wrong with the scores of one call, or an empty string."""
    if not isinstance(answer, np.ndarray):
        return f"expected a numpy array of {length} numbers, found {type(answer).__name__}"
    if answer.dtype.kind not in "fiub":
        return f"expected real numbers, found an array of {answer.dtype}"
    if answer.shape != (length,):
        return f"expected the shape ({length},), one score for each bin, found {answer.shape}"
    return ""


def pack(session: Session, family: Family, stage: Sequence[Integers]) -> list[Row] | str:
    """Pack all instances in step, one round trip for each position in the list of items.

    Returns the rows, or what was wrong with an answer.
    """
    rows = [Row(family.capacity, items) for items in stage]
    for step, column in enumerate(np.array(stage, dtype=np.float64).T.tolist()):
        offers = [row.offer(item) for row, item in zip(rows, column, strict=True)]
        answers = session.map(FUNCTION, list(zip(column, offers, strict=True)))
        for row, item, bins, answer in zip(rows, column, offers, answers, strict=True):
            problem = fault(answer, len(bins))
            if problem:
                return _blame(problem, step, item, bins)
            choice = int(answer.argmax())
            if answer[choice] != answer[choice]:  # argmax points at a NaN wherever there is one
                return _blame("a score is NaN", step, item, bins)
            row.place(item, choice)
        if step % COMPACT_EVERY == COMPACT_EVERY - 1:
            for row in rows:
                row.compact()
    return rows


def _blame(problem: str, step: int, item: float, bins: Floats) -> str:
    shown = np.array2string(bins, threshold=12, max_line_width=1000)
    return f"{FUNCTION}({item}, {shown}), item {step} of its instance: {problem}."


# ── score ─────────────────────────────────────────────────────────────────────────────────────
def evaluate(candidate: Candidate, stage: str, params: dict[str, Any]) -> Score:
    """Pack the stage's instances and compare the bins used with the lower bound."""
    family, drawn = instances(stage, params)
    with candidate.session() as session:
        rows = pack(session, family, drawn)
    if isinstance(rows, str):
        return invalid(rows)
    bounds = [lower_bound(items, family.capacity) for items in drawn]
    return _score(family, drawn, rows, bounds)


def _score(family: Family, drawn: Sequence[Integers], rows: Sequence[Row], bounds: Sequence[int]) -> Score:
    placed = sum(len(items) for items in drawn)
    used, needed = sum(row.used for row in rows), sum(bounds)
    metrics = {
        "excess": (used - needed) / needed,
        "bins": used / len(rows),
        "lower_bound": needed / len(rows),
        "tightest_share": sum(row.tightest for row in rows) / placed,
    }
    names = (f"instance_{index:02d}" for index in range(len(rows)))
    ratios = ((row.used - bound) / bound for row, bound in zip(rows, bounds, strict=True))
    return Score(
        metrics=metrics,
        feedback=_feedback(metrics, family, drawn, np.concatenate([row.left_over() for row in rows])),
        per_instance=dict(zip(names, ratios, strict=True)),
    )


def _feedback(metrics: Mapping[str, float], family: Family, drawn: Sequence[Integers], left: Floats) -> str:
    edges = np.array([0.0, 0.02, 0.1, 0.3, 1.0]) * family.capacity
    shares = np.diff(np.searchsorted(np.sort(left), edges, side="right"), prepend=0) / len(left)
    room = ", ".join(
        f"{share:.1%} {words}"
        for share, words in zip(shares, ("full", "up to 2 %", "2-10 %", "10-30 %", "more than 30 %"), strict=True)
    )
    return (
        f"{len(drawn)} instances of {len(drawn[0])} {family.name} items, capacity {family.capacity}: "
        f"{metrics['bins']:.1f} bins on average where at least {metrics['lower_bound']:.1f} are needed, "
        f"excess {metrics['excess']:.2%}. {metrics['tightest_share']:.1%} of the items went into the tightest "
        f"bin that had room. Capacity left in the used bins at the end: {room}."
    )
