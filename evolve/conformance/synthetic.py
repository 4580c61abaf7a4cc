"""Runs that no search made, for questions about the record at any size: cheap, and the same for equal arguments."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from evolve.domain.evaluation import Evaluation, Outcome
from evolve.domain.program import AUTOMATIC, Program
from evolve.domain.proposal import (
    Applied,
    Choice,
    Completed,
    Completion,
    Evaluated,
    Finished,
    Message,
    Placement,
    Prompted,
    Record,
    Request,
    Selected,
)
from evolve.interfaces import Lease, Store

OPERATORS = ("diff", "rewrite", "syntax")
MODELS = ("openai/cheap", "openai/strong")
_CAUSES = ("search_not_found", "unchanged", "duplicate")
_BATCH = 2000


def fill(store: Store, lease: Lease, attempts: int, *, seed: int = 0, lines: int = 12, metric: str = "score") -> None:
    """Write ``attempts`` finished attempts, the seed's included: programs of ``lines`` lines with small edits."""
    batch: list[Record] = []
    for record in _records(attempts, np.random.default_rng(seed), lines, metric):
        batch.append(record)
        if len(batch) >= _BATCH:
            store.append(lease, batch)
            batch = []
    store.append(lease, batch)


def _records(attempts: int, rng: np.random.Generator, lines: int, metric: str) -> Iterator[Record]:
    texts = {0: [f"x{line} = {line}" for line in range(lines)]}
    best = 0.0
    for step in range(attempts):
        parent = max(step - 1 - int(rng.integers(0, 20)), 0)
        operator = OPERATORS[int(rng.integers(len(OPERATORS)))] if step else "seed"
        model = MODELS[int(rng.integers(len(MODELS)))] if operator in ("diff", "rewrite") else ""
        yield Selected(step, Choice(parent, (), step % 4), operator, step, model)
        if model:
            yield from _call(step, model, rng)
        while parent not in texts:
            parent -= 1
        if step and rng.random() < 0.2:
            yield Finished(step, step, Outcome.REJECTED, _CAUSES[int(rng.integers(3))], "no program")
            continue
        text = list(texts[parent])
        text[int(rng.integers(lines))] = f"x{step} = {rng.random():.6f}"
        texts[step] = text
        texts.pop(step - 64, None)
        yield Applied(Program(step, {"main.py": "\n".join(text)}, (parent,) if step else (), {"operator": operator}))
        outcome = Outcome.VALID if step == 0 or rng.random() < 0.9 else Outcome.CRASHED
        score = best + float(rng.normal()) * 0.1 - 0.15
        metrics = {metric: score, "time_s": float(rng.random()), **dict.fromkeys(AUTOMATIC, float(lines))}
        valid = outcome is Outcome.VALID
        yield Evaluated(step, Evaluation("full", outcome, "judge", metrics=metrics if valid else {}, seconds=0.25))
        placed = Placement.IMPROVED if valid and score > best else Placement.NOT_PLACED
        best = max(best, score) if valid else best
        yield Finished(step, step, outcome, "", "", placed, f"{step % 50}" if placed else "")


def _call(step: int, model: str, rng: np.random.Generator) -> Iterator[Record]:
    key = f"{step:032x}"
    yield Prompted(step, key, Request(model, (Message("user", f"improve {step} {rng.random()}"),), {"temperature": 1}))
    answer = Completion(f"answer {rng.random()}", model, "stop", 1000, 200, 0.001, 1.5)
    yield Completed(step, key, answer)
