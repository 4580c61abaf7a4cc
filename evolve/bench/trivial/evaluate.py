"""Asks the program for one number. What is measured is everything around it."""

import time
from typing import Any

from evaluators import Candidate, Score


def evaluate(candidate: Candidate, stage: str, params: dict[str, Any]) -> Score:
    if params["stamp"]:
        with open(params["stamp"], "a", encoding="ascii") as stamps:
            stamps.write(f"{time.time()}\n")
    value = candidate.call("total")
    if params["seconds"]:
        time.sleep(params["seconds"])
    return Score(metrics={"value": float(value)})
