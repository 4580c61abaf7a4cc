"""Judge of expert placement: which experts of a mixture-of-experts model stand in which slots of which GPU.

A placement is chosen from the loads of the window that has passed, and measured by the next window.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluators import Candidate, Score, invalid
from evaluators.constructions import array_fault, whole_number

Integers = NDArray[np.int64]

FUNCTION = "place"
STAGES = ("full", "sealed")
TOKENS = 4096  # about the load of an expert in one window, on average
SKEW = 0.7  # standard deviation of the logarithm of the loads
KEPT = 0.9  # how much of an expert's popularity lasts from window to window


# ── instances ─────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True)
class Cluster:
    """What stays the same: experts of a layer, GPUs, and slots for experts on each GPU."""

    experts: int
    gpus: int
    slots: int


def instances(stage: str, params: Mapping[str, Any]) -> tuple[Cluster, list[Integers]]:
    """Return the cluster and, for each layer, the loads: (windows, experts). Raises ValueError for odd parameters."""
    cluster = Cluster(*(whole_number(params, name, 1, 4096) for name in ("experts", "gpus", "slots")))
    if cluster.gpus * cluster.slots < cluster.experts:
        raise ValueError(f"params.slots: expected room for {cluster.experts} experts, found {cluster}.")
    prefix = "" if stage == "sealed" else "train_"
    layers = whole_number(params, prefix + "layers", 1, 100)
    windows = whole_number(params, prefix + "windows", 2, 1000)
    seed = whole_number(params, "sealed_seed" if stage == "sealed" else "seed", 0, 2**62)
    return cluster, [loads(cluster.experts, windows, [seed, STAGES.index(stage), layer]) for layer in range(layers)]


def loads(experts: int, windows: int, entropy: Sequence[int]) -> Integers:
    """Return tokens routed to each expert in each window: a log-normal popularity that drifts (AR(1)).

    From raw bits, whose stream numpy promises to keep; normal by the sum of twelve uniforms.
    """
    bits = np.random.PCG64(np.random.SeedSequence(list(entropy))).random_raw(12 * windows * experts)
    uniforms = (bits >> np.uint64(11)).astype(np.float64).reshape(12, windows, experts) * 2.0**-53
    noise = uniforms.sum(axis=0) - 6.0
    popularity = noise[0]
    drawn = np.empty((windows, experts), dtype=np.int64)
    for window in range(windows):
        if window:
            popularity = KEPT * popularity + math.sqrt(1 - KEPT**2) * noise[window]
        drawn[window] = np.rint(TOKENS * np.exp(SKEW * popularity - SKEW**2 / 2))
    return drawn


# ── placements ────────────────────────────────────────────────────────────────────────────────
def first_placement(cluster: Cluster) -> Integers:
    """Return what stands in the slots before anything is known: the experts in their order, then again."""
    return (np.arange(cluster.gpus * cluster.slots) % cluster.experts).reshape(cluster.gpus, cluster.slots)


def placement_fault(answer: Any, cluster: Cluster) -> str:
    """Return why an answer is no placement, or an empty string."""
    problem = array_fault(answer, f"{FUNCTION}(...)", (cluster.gpus, cluster.slots), kinds="iu")
    if problem:
        return problem
    if int(answer.min()) < 0 or int(answer.max()) >= cluster.experts:
        wrong = int(answer.min()) if int(answer.min()) < 0 else int(answer.max())
        return f"{FUNCTION}(...) must hold experts from 0 to {cluster.experts - 1}, found {wrong}."
    counts = np.bincount(answer.astype(np.int64).ravel(), minlength=cluster.experts)
    if (counts > 0).all():
        return ""
    return f"{FUNCTION}(...) leaves out {(counts == 0).sum()} experts, the first is {int(counts.argmin())}."


def balance(placement: Integers, load: Integers) -> Fraction:
    """Return mean load of a GPU over the greatest: 1 if all are equal. An expert's slots share its load evenly."""
    counts = np.bincount(placement.ravel(), minlength=len(load))
    common = math.lcm(*set(counts.tolist()))
    share = [tokens * (common // count) for tokens, count in zip(load.tolist(), counts.tolist(), strict=True)]
    on_gpu = [sum(share[expert] for expert in row) for row in placement.tolist()]
    return Fraction(sum(on_gpu), len(on_gpu) * max(on_gpu)) if max(on_gpu) else Fraction(1)


def moved(before: Integers, after: Integers) -> int:
    """Return how many experts must be copied to a GPU that did not hold (enough of) them; slots of a GPU are alike."""
    experts = int(max(before.max(), after.max())) + 1
    copies = 0
    for old, new in zip(before, after, strict=True):
        arriving = np.bincount(new, minlength=experts) - np.bincount(old, minlength=experts)
        copies += int(np.maximum(arriving, 0).sum())
    return copies


# ── score ─────────────────────────────────────────────────────────────────────────────────────
def evaluate(candidate: Candidate, stage: str, params: dict[str, Any]) -> Score:
    """Place each layer's experts anew after each window and measure with the window that follows."""
    cluster, layers = instances(stage, params)
    balances: list[list[float]] = []
    copies = 0
    with candidate.session() as session:
        for drawn in layers:
            current = first_placement(cluster)
            balances.append([])
            for past, coming in pairwise(drawn):
                answer = session.call(FUNCTION, past, current)
                problem = placement_fault(answer, cluster)
                if problem:
                    return invalid(problem)
                placement = answer.astype(np.int64)
                copies += moved(current, placement)
                balances[-1].append(float(balance(placement, coming)))
                current = placement
    return _score(cluster, balances, copies)


def _score(cluster: Cluster, balances: Sequence[Sequence[float]], copies: int) -> Score:
    every = [value for layer in balances for value in layer]
    metrics = {
        "balance": math.fsum(every) / len(every),
        "moved": copies / (len(every) * cluster.gpus * cluster.slots),
        "worst_balance": min(every),
    }
    return Score(
        metrics=metrics,
        feedback=(
            f"{len(balances)} layers, {cluster.experts} experts in {cluster.gpus} x {cluster.slots} slots: "
            f"the busiest GPU sets the pace, mean over greatest load is {metrics['balance']:.4f} "
            f"(worst window {min(every):.4f}); {metrics['moved']:.2%} of the slots were filled anew after a window."
        ),
        per_instance={f"layer_{index:02d}": math.fsum(layer) / len(layer) for index, layer in enumerate(balances)},
    )
