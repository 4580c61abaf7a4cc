"""The judge. It is trusted; the program it judges runs in another process and only sends data."""

import csv
from pathlib import Path
from typing import Any

import numpy as np

from evaluators import Candidate, Score, invalid

DATA = Path(__file__).parent / "data.csv"


def evaluate(candidate: Candidate, stage: str, params: dict[str, Any]) -> Score:
    """Score one stage: call the program, check what it answers, measure it."""
    temperature, measured = points(stage, params["low_c"], params["high_c"])
    answer = candidate.call("pressure", temperature)

    # Check everything before computing with it, and say what was expected: the author of the next
    # program reads this.
    if not isinstance(answer, np.ndarray) or answer.dtype.kind != "f":
        return invalid(f"pressure must return a float array, found {type(answer).__name__}.")
    if answer.shape != measured.shape:
        return invalid(f"pressure must return {len(measured)} numbers, one a temperature; found {answer.shape}.")
    error = answer.astype(float) / measured - 1.0
    if not np.isfinite(error).all():
        return invalid("pressure returned a number that is not finite.")

    worst = int(np.abs(error).argmax())
    return Score(
        # Every objective and feature of problem.yaml must be here; further numbers are recorded too.
        metrics={
            "relative_rmse": float(np.sqrt(np.mean(error**2))),
            "worst_relative_error": float(abs(error[worst])),
        },
        feedback=f"Worst at {temperature[worst]:.0f} C: {answer[worst]:.5g} kPa, measured {measured[worst]:.5g}.",
        per_instance={f"{celsius:.0f} C": float(abs(off)) for celsius, off in zip(temperature, error, strict=True)},
    )


def points(stage: str, low_c: float, high_c: float) -> tuple[np.ndarray, np.ndarray]:
    """Return temperatures (C) and pressures (kPa): every second row of the table is sealed."""
    with DATA.open(encoding="utf-8", newline="") as lines:
        rows = [(float(row["temperature_c"]), float(row["pressure_kpa"])) for row in csv.DictReader(lines)]
    chosen = [row for row in rows[stage == "sealed" :: 2] if low_c <= row[0] <= high_c]
    if not chosen:
        raise ValueError(f"params: no measured point lies between low_c={low_c} and high_c={high_c}.")
    table = np.array(chosen)
    return table[:, 0], table[:, 1]
