"""Judge of independent sets in powers of a cycle: greedy by the program's priorities, so valid by construction."""

from __future__ import annotations

from typing import Any

import numpy as np

from evaluators import Candidate, Score, invalid
from evaluators.constructions import digits, greedy, powers, priorities, whole_number

MOST_VERTICES = 60000


def evaluate(candidate: Candidate, stage: str, params: dict[str, Any]) -> Score:
    """Score one priority by the size of its independent set."""
    m, n = whole_number(params, "m", 4, 1000), whole_number(params, "n", 1, 12)
    if m**n > MOST_VERTICES:
        raise ValueError(f"params.m and n: expected at most {MOST_VERTICES} vertices, found {m}^{n}.")
    vertices = digits(m, n)
    scores = priorities(candidate, "priority", [(vertex, m, n) for vertex in vertices])
    if isinstance(scores, str):
        return invalid(scores)
    around, weights = digits(3, n) - 1, powers(m, n)
    taken = greedy(scores, lambda vertex, _: (vertices[vertex] + around) % m @ weights)
    if not len(taken):
        return invalid("Every priority is -inf: no vertex was taken.")
    known = (m // 2) ** n
    metrics = {"size": float(len(taken))}
    feedback = (
        f"Valid. size {len(taken)} in a graph of {m**n} vertices; even vectors alone give {known}. "
        f"{len(np.unique(scores))} different priorities. The first taken: {vertices[taken[:6]].tolist()}; "
        f"vertices by first entry: {np.bincount(vertices[taken, 0], minlength=m).tolist()}."
    )
    text = "".join(" ".join(map(str, row)) + "\n" for row in vertices[taken].tolist())
    return Score(metrics=metrics, feedback=feedback, artifacts={"vertices.txt": text})
