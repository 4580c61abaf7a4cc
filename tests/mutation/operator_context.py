"""Contexts, problems and programs for the operators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from evolve.domain.evaluation import Evaluation, Outcome, Scored
from evolve.domain.objective import Direction, Objective
from evolve.domain.problem import Limits, Problem, Stage
from evolve.domain.program import Program
from evolve.interfaces import Context, Exhibit


def problem(language: str = "python", editable: tuple[str, ...] = ("*",)) -> Problem:
    """Return a problem that nothing judges."""
    return Problem(
        name="shape",
        folder=Path("/nowhere"),
        statement="",
        language=language,
        objectives=(Objective("score", Direction.MAXIMIZE),),
        features=(),
        params={},
        editable=editable,
        entry="main.py",
        stages=(Stage("full", 10.0),),
        sealed=None,
        limits=Limits(),
        preload=(),
        known_best=(),
    )


def exhibit(files: Mapping[str, str], step: int = 0, detail: Mapping[str, object] | None = None) -> Exhibit:
    """Return a valid program as an operator sees it."""
    program = Program(step, dict(files), (), detail or {"operator": "seed"})
    scored = Scored(step, 0, (), "seed", Outcome.VALID, (0.0,))
    return Exhibit(program, scored, Evaluation("full", Outcome.VALID, "judge", metrics={"score": 0.0}))


def context(
    files: Mapping[str, str] | Exhibit,
    seed: int = 0,
    *,
    step: int = 1,
    inspirations: Sequence[Mapping[str, str]] = (),
    language: str = "python",
    editable: tuple[str, ...] = ("*",),
) -> Context:
    """Return a context whose randomness is ``seed``."""
    parent = files if isinstance(files, Exhibit) else exhibit(files)
    others = [exhibit(other, 100 + index) for index, other in enumerate(inspirations)]
    return Context(step, problem(language, editable), parent, others, np.random.default_rng(seed))
