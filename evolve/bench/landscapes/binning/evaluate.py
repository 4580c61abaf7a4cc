"""Judge of a small online bin packing: milliseconds, and a score that moves with every bin."""

from __future__ import annotations

from typing import Any

import numpy as np

from evaluators import Candidate, Score, invalid

CAPACITY = 150.0


def drawn(params: dict[str, Any]) -> np.ndarray:
    """Return one row of items per instance: whole numbers, uniform on 20..100 as in the OR-library."""
    rng = np.random.default_rng(params["seed"])
    return rng.integers(20, 101, (params["instances"], params["items"])).astype(float)


def evaluate(candidate: Candidate, stage: str, params: dict[str, Any]) -> Score:
    """Pack every instance, item by item and in step."""
    instances = drawn(params)
    rooms: list[list[float]] = [[CAPACITY] for _ in instances]
    tightest = 0
    with candidate.session() as session:
        for column in instances.T.tolist():
            fits = [[i for i, room in enumerate(row) if room >= item] for item, row in zip(column, rooms, strict=True)]
            offers = [np.array([row[i] for i in fit]) for row, fit in zip(rooms, fits, strict=True)]
            answers = session.map("priority", list(zip(column, offers, strict=True)))
            for item, row, fit, offer, answer in zip(column, rooms, fits, offers, answers, strict=True):
                if not isinstance(answer, np.ndarray) or answer.shape != offer.shape or answer.dtype.kind not in "fiub":
                    return invalid(f"priority must return {len(offer)} real numbers, one for each bin.")
                if not np.isfinite(answer).all():
                    return invalid("A priority is not finite.")
                chosen = int(answer.argmax())
                tightest += bool(offer[chosen] == offer.min())
                _place(row, fit[chosen], item)
    fills = [float(np.mean((1 - np.array(row[:-1]) / CAPACITY) ** 2)) for row in rooms]
    return Score(
        metrics={"fill": float(np.mean(fills)), "tightest_share": tightest / instances.size},
        feedback=f"{sum(len(row) - 1 for row in rooms) / len(rooms):.1f} bins on average.",
        per_instance={f"list_{index}": fill for index, fill in enumerate(fills)},
    )


def _place(row: list[float], position: int, item: float) -> None:
    row[position] -= item
    if position == len(row) - 1:
        row.append(CAPACITY)
