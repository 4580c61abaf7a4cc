"""Judge of a dispatching rule: total weighted tardiness on one machine, fixed instances."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from evaluators import Candidate, Score, invalid


@dataclass
class Shop:
    """Jobs of one instance that wait, and what those that ran have cost."""

    work: np.ndarray
    weight: np.ndarray
    due: np.ndarray
    now: float = 0.0
    cost: float = 0.0

    @classmethod
    def drawn(cls, rng: np.random.Generator, jobs: int, tightness: float, spread: float) -> Shop:
        """Return an instance as in Potts and Van Wassenhove (1985)."""
        work = rng.integers(1, 101, jobs).astype(float)
        middle, half = 1 - tightness, spread / 2
        due = np.maximum(rng.uniform(middle - half, middle + half, jobs) * work.sum(), 0.0).round()
        return cls(work, rng.integers(1, 11, jobs).astype(float), due)

    def run(self, job: int) -> None:
        """Run one waiting job to its end."""
        self.now += self.work[job]
        self.cost += self.weight[job] * max(self.now - self.due[job], 0.0)
        self.work, self.weight, self.due = (np.delete(a, job) for a in (self.work, self.weight, self.due))


def shops(params: dict[str, Any]) -> list[Shop]:
    """Return the instances, from loose to tight due dates."""
    rng = np.random.default_rng(params["seed"])
    kinds = [(0.4, 0.6), (0.6, 0.4), (0.6, 0.8), (0.8, 0.4), (0.5, 1.0), (0.7, 0.6)]
    return [Shop.drawn(rng, params["jobs"], *kinds[number % len(kinds)]) for number in range(params["instances"])]


def evaluate(candidate: Candidate, stage: str, params: dict[str, Any]) -> Score:
    """Run every shop to its end, in step."""
    plain = shops(params)
    for shop in plain:
        while len(shop.work):
            shop.run(int((shop.weight / shop.work).argmax()))
    running, early = shops(params), []
    with candidate.session() as session:
        for _ in range(params["jobs"]):
            calls = [(shop.now, shop.work, shop.weight, shop.due) for shop in running]
            for shop, answer in zip(running, session.map("priority", calls), strict=True):
                if (
                    not isinstance(answer, np.ndarray)
                    or answer.shape != shop.work.shape
                    or answer.dtype.kind not in "fiub"
                ):
                    return invalid(f"priority must return {len(shop.work)} real numbers, one for each waiting job.")
                if not np.isfinite(answer).all():
                    return invalid("A priority is not finite.")
                chosen = int(answer.argmax())
                early.append(float((shop.due < shop.due[chosen]).mean()))
                shop.run(chosen)
    ratios = [shop.cost / other.cost for shop, other in zip(running, plain, strict=True)]
    return Score(
        metrics={"cost": float(np.mean(ratios)), "spread": float(np.mean(early))},
        feedback=f"Worst on instance {int(np.argmax(ratios))}: {max(ratios):.3f} of the cost of weight / work.",
        per_instance={f"shop_{index}": ratio for index, ratio in enumerate(ratios)},
    )
